"""A vision-language model is given ears: put together, trained, searched with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from typer.testing import CliRunner

from engine.errors import ModelError
from engine.model.hub_embedder import HubEmbedder, HubOptions
from engine.model.large_embedder import LargeEmbedder
from engine.model.loading import load_search_model
from engine.model_cli import app
from engine.settings import ModelSettings
from engine.train.compose import compose_base, template_tokens
from engine.train.recipe import read_train_recipe
from indexer.pieces import ExtractedPiece
from storage.records import MODALITIES
from tests.conftest import ROOT
from tests.engine.model.tiny_hub import save_ears, save_qwen3_vl
from tests.engine.train.tiny import make_data


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a recipe whose training is done: the steps of recipes/add-audio.toml, at the size of a toy."""
    folder = tmp_path_factory.mktemp("ears")
    save_qwen3_vl(folder / "vl")
    save_ears(folder / "omni")
    make_data(folder / "data")
    recipe = {
        "name": "ears",
        "base": "base",
        "out": "runs",
        "compose": {"backbone": "vl/model", "audio": "omni", "projector_width": 32},
        "data": {"manifest": "data/manifest.jsonl", "cache": "features"},
        "projectors": {"modalities": ["audio"], "steps": 30, "batch": 10, "chunk": 16, "lr": 3e-3, "temperature": 0.1},
    }
    (folder / "recipe.toml").write_text(tomli_w.dumps(recipe))
    done = CliRunner().invoke(app, ["train", "--recipe", str(folder / "recipe.toml")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.splitlines()[-1] == str(folder / "runs" / "seed-0" / "projectors")
    return folder


def test_it_hears_and_sees_and_reads_as_before(trained: Path) -> None:
    model = load_search_model(str(trained / "runs" / "seed-0" / "projectors"), ModelSettings(device="cpu"))
    assert model.modalities == frozenset(MODALITIES) and len(model.spaces) == 1
    before = HubEmbedder("vl", trained / "vl" / "model", HubOptions(device="cpu"))
    seen = [
        ExtractedPiece("text", text="the red dog"),
        ExtractedPiece("image", frames=np.random.default_rng(0).integers(0, 255, (1, 64, 96, 3), np.uint8)),
    ]
    np.testing.assert_allclose(model.embed(seen), before.embed(seen), atol=2e-2)
    assert (model.embed(seen) * before.embed(seen)).sum(axis=1).min() > 0.999
    sounds = [ExtractedPiece("audio", sound=np.sin(np.arange(8000 * n) / 9).astype(np.float32)) for n in (1, 2)]
    together = model.embed([*seen, *sounds])
    alone = np.concatenate([model.embed([piece]) for piece in [*seen, *sounds]])
    assert (together * alone).sum(axis=1).min() > 0.99999


def test_a_batch_that_does_not_fit_is_halved_and_no_piece_is_passed_over(trained: Path) -> None:
    """The backbone itself runs out of memory at more than three texts; more follow after the batch that was halved."""
    model = load_search_model(str(trained / "runs" / "seed-0" / "projectors"), ModelSettings(device="cpu"))
    assert isinstance(model, LargeEmbedder)
    texts = [ExtractedPiece("text", text=f"a dog {'red ' * (n % 5)}{n}") for n in range(40)]
    wanted = model.embed(texts)

    def allocate(module: Any, arguments: Any, options: dict[str, Any]) -> None:
        if len(options["inputs_embeds"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    model._model.backbone.language_model.register_forward_pre_hook(allocate, with_kwargs=True)
    np.testing.assert_allclose(model.embed(texts), wanted, atol=1e-5)


def test_settings_of_a_large_model_count_or_are_refused(trained: Path) -> None:
    folder = str(trained / "runs" / "seed-0" / "projectors")
    before = torch.get_num_threads()
    try:
        load_search_model(folder, ModelSettings(device="cpu", threads=before + 1))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ModelError, match="can be loaded only as it is"):
        load_search_model(folder, ModelSettings(device="cpu", dimension=8))


def test_the_projector_has_learned_and_nothing_else(trained: Path) -> None:
    log = (trained / "runs" / "seed-0" / "projectors.work" / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in log]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    from tests.engine.train.test_large import changed

    assert changed(trained / "base", trained / "runs" / "seed-0" / "projectors") == {"audio_projector"}


def test_words_of_the_template_are_no_mark_of_what_is_said(tmp_path: Path) -> None:
    folder = save_qwen3_vl(tmp_path)
    prefix, suffix = template_tokens(folder)
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text() + "a page of here")
    longer = template_tokens(folder)
    assert longer[0] == prefix and longer[1][: len(suffix)] == suffix and len(longer[1]) == len(suffix) + 4


def test_a_part_that_is_not_there_is_named(trained: Path) -> None:
    text = (trained / "recipe.toml").read_text().replace('"base"', '"other"').replace('"omni"', '"hub:org/none"')
    (trained / "other.toml").write_text(text)
    with pytest.raises(ModelError, match="`synesthete model download org/none`"):
        compose_base(read_train_recipe(trained / "other.toml"))
    assert not (trained / "other").exists()


def test_the_recipe_that_ships_can_be_read() -> None:
    recipe = read_train_recipe(ROOT / "recipes" / "add-audio.toml")
    assert recipe.compose is not None and recipe.compose.backbone == "hub:Qwen/Qwen3-VL-Embedding-2B"
    assert recipe.projectors is not None and recipe.projectors.modalities == ("audio",)
