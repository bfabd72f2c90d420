"""Two models in one library: each answers for itself."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import QueryError
from engine.model.spaces import Asking, Completed, Space
from engine.query.embed_query import embed_query
from engine.query.in_spaces import search_spaces
from engine.query.look_up import look_up
from engine.query.query import LikeFile, LikeHit, Query, Words
from indexer.decoders import Decoders
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat
from indexer.pipeline import PipelineOptions, index
from storage.library import Library
from storage.records import MODALITIES, Modality
from tests.conftest import ROOT
from tests.indexer.simple_embedder import SimpleEmbedder

NOBODY = np.empty(0, dtype=np.int64)
SEEING: frozenset[Modality] = frozenset({"text", "image", "video", "document"})


class Model(SimpleEmbedder):
    """The simple embedder as a model that can be searched with, of some modalities."""

    def __init__(self, name: str, dimension: int, modalities: frozenset[Modality]) -> None:
        super().__init__(dimension, name)
        self._name, self._modalities = name, modalities

    @property
    def modalities(self) -> frozenset[Modality]:
        return self._modalities

    @property
    def spaces(self) -> tuple[Space, ...]:
        return (Space(self._name, self.modalities, 0, self.dimension),)

    asks_as_it_holds = True

    @property
    def media(self) -> MediaFormat:
        return MediaFormat(image_size=32, sample_rate=8000 if len(self.modalities) == 5 else 16_000)

    def embed_query(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        return self.embed(pieces)

    def background(self, query: Modality, piece: Modality) -> tuple[float, float]:
        return 0.5, 0.2


@pytest.fixture(scope="module")
def model() -> Completed:
    return Completed(Model("large", 24, SEEING), Model("small", 16, frozenset(MODALITIES)))


@pytest.fixture(scope="module")
def library(model: Completed, tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("spaces")
    files = folder / "files"
    files.mkdir()
    for name in ("pictures/crow.png", "pictures/bicycle.png", "speech/harbour.ogg"):
        source = ROOT / "tests" / "samples" / name
        (files / source.name).write_bytes(source.read_bytes())
    (files / "a.txt").write_text("a harbour at night")
    library = Library(folder / "data")
    index(library, model, [files], PipelineOptions(workers=1))
    library.refresh()
    return library


def answer(library: Library, model: Completed, *wanted: Words | LikeFile | LikeHit) -> tuple[list[str], list[str]]:
    query = Query(wanted=wanted, include_self=True)
    readings = embed_query(query, Asking(model), Decoders(model.media, ExtractionLimits()), library.catalog)
    hits, apart = search_spaces(library, query, look_up(library.catalog, query), readings, NOBODY, model, floor=0.9)
    assert apart is not None and apart.model == "small" and apart.modalities == ("audio",)
    return [Path(hit.path).name for hit in hits], [Path(hit.path).name for hit in apart.hits]


def test_pieces_of_two_spaces_have_nothing_in_common(library: Library, model: Completed) -> None:
    rows = library.catalog.pieces_of([1, 2, 3, 4])
    held = library.catalog.embeddings([row.id for row in rows])
    assert {modality for modality, _ in held.values()} == {"text", "image", "audio"}
    for modality, vector in held.values():
        inside, outside = (vector[24:], vector[:24]) if modality == "audio" else (vector[:24], vector[24:])
        assert np.linalg.norm(inside) == pytest.approx(1, abs=1e-3) and not outside.any()


def test_words_are_asked_in_both_and_answered_apart(library: Library, model: Completed) -> None:
    hits, apart = answer(library, model, Words("a harbour at night"))
    assert hits[0] == "a.txt" and set(hits) == {"a.txt", "crow.png", "bicycle.png"}
    assert apart == ["harbour.ogg"]


def test_a_sound_finds_sounds_alone_and_a_picture_finds_both(library: Library, model: Completed) -> None:
    samples = ROOT / "tests" / "samples"
    hits, apart = answer(library, model, LikeFile(samples / "speech" / "harbour.ogg"))
    assert hits == [] and apart == ["harbour.ogg"]
    hits, apart = answer(library, model, LikeFile(samples / "pictures" / "crow.png"))
    assert hits[0] == "crow.png" and apart == ["harbour.ogg"]


def test_parts_that_no_model_can_compare_are_refused(library: Library, model: Completed) -> None:
    query = Query(wanted=(Words("harbour"),))
    readings = embed_query(query, Asking(model), Decoders(model.media, ExtractionLimits()), library.catalog)
    hits, apart = search_spaces(library, query, look_up(library.catalog, query), readings, NOBODY, model, floor=0.9)
    assert apart is not None
    seen, heard = LikeHit(hits[0]), LikeHit(apart.hits[0])
    with pytest.raises(QueryError, match="no model here knows all of them"):
        answer(library, model, seen, heard)
    assert answer(library, model, Words("harbour"), heard) == ([], ["harbour.ogg"])


def test_the_completed_model_is_another_one_than_its_parts(model: Completed) -> None:
    large, small = Model("large", 24, SEEING), Model("small", 16, frozenset(MODALITIES))
    assert model.dimension == 40 and model.modalities == frozenset(MODALITIES)
    assert len({model.fingerprint, large.fingerprint, small.fingerprint}) == 3
    assert model.fingerprint == Completed(large, small).fingerprint
    assert model.media.sample_rate == 8000  # as the model that hears wants it
