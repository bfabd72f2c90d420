"""What is known of published models."""

import pytest

from engine.errors import ModelError
from engine.model.known_models import KNOWN_MODELS, known, require_length, warning


def test_names_are_found_however_they_are_written() -> None:
    assert known("qwen/qwen3-vl-embedding-2b") is KNOWN_MODELS[0] and known("org/none") is None


def test_terms_that_are_not_free_are_said() -> None:
    for model in KNOWN_MODELS:
        told = warning(model)
        assert (told is None) == (model.terms == "free")
        assert told is None or (model.licence in told and "only" in told)


def test_embeddings_are_cut_only_where_the_model_was_trained_for_it() -> None:
    trained, other = KNOWN_MODELS[0], KNOWN_MODELS[2]
    for length in (0, 64, 512, 2048):
        require_length(trained, length)
    for length in (63, 4096):
        with pytest.raises(ModelError, match="can be cut to 64 to 2048 numbers, not to"):
            require_length(trained, length)
    for length in (0, other.dimension):
        require_length(other, length)
    with pytest.raises(ModelError, match="was not trained for shorter embeddings"):
        require_length(other, 512)
