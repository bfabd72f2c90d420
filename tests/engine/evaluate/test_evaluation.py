"""The whole report on tiny models that were really trained, held against what the models themselves say."""

import json
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.evaluate.evaluation import Bench, evaluate
from engine.fuse.drift import measure_drift
from engine.model.families import encoder_fingerprint, open_model
from engine.train.cache import FeatureCache
from engine.train.data import TrainingData
from engine.train.pairs import read_pairs
from tests.engine.evaluate.conftest import Evaluated
from tests.engine.train.tiny import save_tiny

MADE = ["base", "image", "audio", "fused", "recovered", "rehearsed", "projectors"]


def test_every_row_is_measured_on_every_column_for_every_seed(evaluated: Evaluated) -> None:
    report = evaluated.report
    assert list(report["rows"]) == MADE and report["missing"] == [["joint", 0], ["joint", 1]]
    measured = set(report["columns"]) - {name for name in report["columns"] if name.endswith("mixed pool")}
    assert measured >= {
        "text to image",
        "image to text",
        "text to image, openclipart",
        "image to image",
        "text to stamp",
        "text to audio, new clip",
        "audio to text, new concept",
        "audio to audio, new clip",
        "text to page",
        "lemma to gloss",
        "photos",
        "categories",
    }
    for seeds in report["rows"].values():
        assert list(seeds) == ["0", "1"]
        for told in seeds.values():
            assert set(told["scores"]) == measured
            assert set(told["mixed"]) == {"single", "cosine", "standardised"}
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_cell_is_what_the_model_itself_says(evaluated: Evaluated) -> None:
    recipe = evaluated.recipe
    folder = recipe.out / "seed-1" / "image"
    model = open_model(folder).load()
    pairs = [pair for pair in read_pairs(recipe.data.manifest) if pair.split == "test" and pair.modality == "image"]
    cache = FeatureCache(recipe.data.cache, encoder_fingerprint(model))
    data = TrainingData(pairs, cache, open_model(folder).tokenizer())
    rows = range(len(pairs))
    with torch.inference_mode():
        scores = (
            model.embed_features(data.first_captions(rows)) @ model.embed_features(data.first_pieces(rows)).T
        ).double()
    ranks = []
    for query, asked in enumerate(pairs):
        best = max(float(scores[query, at]) for at in rows if pairs[at].concept == asked.concept)
        ranks.append(1 + sum(float(scores[query, at]) >= best for at in rows if pairs[at].concept != asked.concept))
    cell = evaluated.report["rows"]["image"]["1"]["scores"]["text to image"]
    assert cell["mrr"] == pytest.approx(sum(1 / rank for rank in ranks) / len(ranks))
    told = evaluated.report["columns"]["text to image"]
    assert (told["queries"], told["pool"]) == (len(pairs), len(pairs)) == (8, 8)


def test_text_retention_is_one_for_what_leaves_text_alone(evaluated: Evaluated) -> None:
    rows = evaluated.report["rows"]
    assert rows["base"]["0"]["spearman"] == pytest.approx(1.0)
    assert rows["projectors"]["0"]["spearman"] == pytest.approx(1.0)
    assert rows["image"]["0"]["spearman"] < 0.9999


def test_the_embedding_does_not_depend_on_the_size_of_batches(evaluated: Evaluated) -> None:
    small = evaluated.recipe.rehearse.model_copy(update={"chunk": 5})
    whole, parts = (
        Bench(recipe, "cpu").embed(evaluated.recipe.base)
        for recipe in (evaluated.recipe, evaluated.recipe.model_copy(update={"rehearse": small}))
    )
    torch.testing.assert_close(whole, parts, rtol=0, atol=1e-5)
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(len(whole)))


def test_drift_is_the_shift_between_the_folders_and_recall_that_of_the_rows(evaluated: Evaluated) -> None:
    drift, recipe = evaluated.report["drift"], evaluated.recipe
    assert list(drift["modalities"]) == ["image", "audio"]
    audio = drift["modalities"]["audio"]
    assert audio["column"] == "text to audio, new clip"
    seed = audio["seeds"]["0"]
    assert (
        seed["shift"]["fused"]["tokens"]["relative_norm"] == 0.0 < seed["shift"]["recovered"]["tokens"]["relative_norm"]
    )
    assert seed["shift"]["fused"]["backbone"] == seed["shift"]["recovered"]["backbone"]
    cells = {stage: evaluated.report["rows"][stage]["0"]["scores"][audio["column"]] for stage in ("audio", "recovered")}
    assert seed["recall"]["specialist"]["recall@1"] == cells["audio"]["recall@1"]
    assert seed["retained"] == pytest.approx(cells["recovered"]["recall@1"] / cells["audio"]["recall@1"])
    geometry = drift["geometry"]["0"]
    assert set(geometry["cosines"]) == {"audio, image"} and geometry["norms"]["audio"] > 0
    image = drift["modalities"]["image"]["seeds"]["0"]["shift"]["fused"]
    assert image["projector"] == "image_projector"
    models = {stage: open_model(recipe.out / "seed-0" / stage).load() for stage in ("image", "fused")}
    data = Bench(recipe, "cpu").data
    rows = [row for row, pair in enumerate(data.pairs) if pair.modality == "image" and pair.split == "test"]
    expected = measure_drift(models["image"], models["fused"], data.first_pieces(rows), "image_projector")
    assert image["embedding"]["cosine"] == pytest.approx(expected.embedding.cosine, abs=1e-6)


def test_rows_and_seeds_are_chosen_and_any_checkpoint_may_be_one(evaluated: Evaluated) -> None:
    folder = evaluated.recipe.out / "seed-0" / "fused"
    report = evaluate(evaluated.recipe, seeds=[1], rows=["fused", str(folder)])
    assert list(report["rows"]) == ["fused", str(folder)]
    assert report["rows"]["fused"]["1"]["scores"] == evaluated.report["rows"]["fused"]["1"]["scores"]
    assert report["rows"][str(folder)]["1"]["scores"] == evaluated.report["rows"]["fused"]["0"]["scores"]
    assert report["drift"]["modalities"] == {}


def test_a_checkpoint_beside_the_stages_is_a_row(evaluated: Evaluated) -> None:
    extra = evaluated.recipe.out / "seed-0" / "shipped"
    extra.symlink_to(evaluated.recipe.out / "seed-0" / "rehearsed")
    try:
        report = evaluate(evaluated.recipe, seeds=[0])
    finally:
        extra.unlink()
    assert list(report["rows"]) == [*MADE, "shipped"]
    assert report["rows"]["shipped"]["0"]["scores"] == report["rows"]["rehearsed"]["0"]["scores"]


def test_mistakes_are_told_in_one_line(evaluated: Evaluated, tmp_path: Path) -> None:
    recipe = evaluated.recipe
    with pytest.raises(ModelError, match="no row fussed"):
        evaluate(recipe, rows=["fussed"])
    with pytest.raises(ModelError, match="device nowhere"):
        evaluate(recipe, device="nowhere")
    other = save_tiny(tmp_path / "other", seed=5)
    with pytest.raises(ModelError, match="features are not in"):
        evaluate(recipe, seeds=[0], rows=[str(other)])
    manifest = tmp_path / "manifest.jsonl"
    lines = [line for line in recipe.data.manifest.read_text().splitlines() if '"split": "train"' in line]
    manifest.write_text("\n".join(lines))
    untested = recipe.data.model_copy(update={"manifest": manifest})
    with pytest.raises(ModelError, match="no row is in any of the splits"):
        evaluate(recipe.model_copy(update={"data": untested}))
