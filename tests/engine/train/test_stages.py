"""Train, fuse, recover, rehearse with a tiny real model on the CPU, nothing mocked."""

import json
import tomllib
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.fuse.drift import measure_drift
from engine.fuse.recipe import FuseMethod
from engine.fuse.search import search_fusion
from engine.fuse.task_vectors import TensorFolder, measure_geometry
from engine.model.families import OmniModel, open_model
from engine.train.stages import (
    Run,
    align,
    fuse,
    open_data,
    open_run,
    recover,
    rehearse,
    train_joint,
    train_projectors,
    train_specialist,
)
from engine.train.validate import text_recalls, validation_score
from tests.engine.train.conftest import World
from tests.engine.train.tiny import STAGE, save_tiny, tiny_recipe


@pytest.fixture(scope="module")
def run(world: World, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose every stage has been made."""
    recipe = tiny_recipe(world.base, world.manifest, tmp_path_factory.mktemp("run"))
    run = open_run(recipe, seed=0)
    for modality in ("image", "audio", "document"):
        train_specialist(run, modality)
    fuse(run)
    recover(run)
    rehearse(run)
    train_joint(run)
    train_projectors(run)
    return run


def told(run: Run, stage: str) -> dict:
    return tomllib.loads((run.folder(stage) / "recipe.toml").read_text())


def changed(before: Path, after: Path) -> set[str]:
    """Modules in which any parameter differs by as much as a bit; the backbone's embeddings apart."""
    first, second = TensorFolder(before), TensorFolder(after)
    names = {name for name in first.files if not torch.equal(first.read(name), second.read(name))}
    return {"words" if "word_embeddings" in name else name.split(".")[0] for name in names}


@pytest.mark.parametrize("stage", ["image", "audio", "document", "recovered", "rehearsed", "joint", "projectors"])
def test_the_loss_of_every_stage_falls(run: Run, stage: str) -> None:
    loss = told(run, stage)["loss"]
    assert loss["last"] < loss["first"]


@pytest.mark.parametrize(
    ("before", "after", "trained"),
    [
        ("base", "image", {"backbone", "image_projector"}),
        ("base", "audio", {"backbone", "audio_projector"}),
        ("fused", "recovered", {"audio_projector"}),
        ("recovered", "rehearsed", {"backbone", "image_projector", "audio_projector"}),
        ("base", "joint", {"backbone", "image_projector", "audio_projector"}),
        ("base", "projectors", {"image_projector", "audio_projector"}),
    ],
)
def test_what_a_stage_freezes_stays_the_same_to_the_bit(run: Run, before: str, after: str, trained: set[str]) -> None:
    start = run.recipe.base if before == "base" else run.folder(before)
    assert changed(start, run.folder(after)) == trained


def test_the_fused_model_is_base_plus_scaled_task_vectors_and_has_the_audio_specialists_projector(run: Run) -> None:
    base, fused = TensorFolder(run.recipe.base), TensorFolder(run.folder("fused"))
    specialists = {name: TensorFolder(run.folder(name)) for name in ("image", "audio", "document")}
    alpha = {"image": 0.3, "audio": 0.5, "document": 0.3}
    for name in base.files:
        if name.startswith("audio_projector."):
            assert torch.equal(fused.read(name), specialists["audio"].read(name))
        else:
            expected = base.read(name) + sum(
                alpha[key] * (folder.read(name) - base.read(name)) for key, folder in specialists.items()
            )
            torch.testing.assert_close(fused.read(name), expected, rtol=1e-5, atol=1e-6)


def test_fusing_drifts_the_sound_and_leaves_its_tokens_alone(run: Run) -> None:
    rows = [row for row, pair in enumerate(run.data.pairs) if pair.modality == "audio"]
    pieces = [run.data.cache.load(run.data.pairs[row], run.data.keys[row]) for row in rows]
    models = {name: open_model(run.folder(name)).load() for name in ("audio", "fused", "recovered")}
    fused = measure_drift(models["audio"], models["fused"], pieces)
    assert fused.tokens.cosine == pytest.approx(1.0) and fused.tokens.relative_norm == 0.0
    assert fused.embedding == fused.backbone and fused.embedding.relative_norm > 0.01
    recovered = measure_drift(models["audio"], models["recovered"], pieces)
    assert recovered.tokens.relative_norm > 0.001
    assert recovered.backbone == fused.backbone
    assert models["fused"].audio_projector is not models["audio"].audio_projector


def test_a_search_over_fused_models_finds_what_the_score_asks_for(run: Run) -> None:
    folders = {name: TensorFolder(run.folder(name)) for name in ("image", "audio")}
    wanted = open_model(run.folder("audio")).load()
    captions = run.data.captions(range(12))
    with torch.inference_mode():
        target = wanted.embed_features(captions)

    def score(model: OmniModel) -> float:
        with torch.inference_mode():
            return float((model.embed_features(captions) * target).sum(dim=1).mean())

    found = search_fusion(
        open_model(run.recipe.base).load(),
        TensorFolder(run.recipe.base),
        folders,
        FuseMethod(coefficients={}),
        [0.0, 0.5, 1.0],
        score,
    )
    assert found.best.coefficients == {"audio": 1.0, "image": 0.0}
    assert found.best.score == pytest.approx(1.0, abs=1e-4)


def test_fusing_with_a_search_takes_the_coefficients_with_the_best_validation_score(
    run: Run, world: World, tmp_path: Path
) -> None:
    recipe = tiny_recipe(world.base, world.manifest, tmp_path, search={"values": [0.0, 0.6]})
    searched = open_run(recipe, seed=0)
    for modality in recipe.specialists:
        searched.folder(modality).parent.mkdir(parents=True, exist_ok=True)
        searched.folder(modality).symlink_to(run.folder(modality))
    fuse(searched)
    tries = [json.loads(line) for line in searched.folder("fused.search.jsonl").read_text().splitlines()]
    best = max(tries, key=lambda one: one["score"])
    assert told(searched, "fused")["settings"]["coefficients"] == best["coefficients"]
    validation = open_data(recipe, "validation")
    fused = open_model(searched.folder("fused")).load()
    assert validation_score(fused, validation, ["image", "audio", "document"]) == pytest.approx(best["score"])


def test_training_teaches_and_recall_counts_it(world: World, tmp_path: Path) -> None:
    longer = {"image": {**STAGE, "steps": 60}, "audio": STAGE, "document": STAGE}
    run = open_run(tiny_recipe(world.base, world.manifest, tmp_path, specialists=longer), seed=0)
    model = open_model(train_specialist(run, "image")).load()
    rows = [row for row, pair in enumerate(run.data.pairs) if pair.modality == "image"]
    with torch.inference_mode():
        texts = model.embed_features(run.data.first_captions(rows))
        scores = texts @ model.embed_features(run.data.first_pieces(rows)).T
    ranks = [int((scores[i] > scores[i, i]).sum()) for i in range(10)]
    found = text_recalls(model, run.data, "image", ks=(1, 3, 10))
    assert found == {k: sum(rank < k for rank in ranks) / 10 for k in (1, 3, 10)}
    assert found[1] >= 0.7 and found[10] == 1.0


def test_geometry_of_task_vectors(run: Run) -> None:
    folders = {name: TensorFolder(run.folder(name)) for name in ("image", "audio")}
    geometry = measure_geometry(TensorFolder(run.recipe.base), {**folders, "again": folders["image"]})
    assert geometry.cosines["again", "image"] == pytest.approx(1.0)
    assert abs(geometry.cosines["audio", "image"]) < 0.99
    assert geometry.norms["image"] > 0 and 0 < geometry.relative_norms["image"] < 1


def test_a_checkpoint_says_what_it_was_made_from(run: Run) -> None:
    recipe = told(run, "recovered")
    assert recipe["stage"] == "recovered"
    assert recipe["settings"]["steps"] == STAGE["steps"]
    assert recipe["made_from"]["start"]["name"] == "fused"
    assert set(told(run, "fused")["made_from"]) == {
        "base",
        "image_specialist",
        "audio_specialist",
        "document_specialist",
    }
    assert open_model(run.folder("rehearsed")).load()


def test_the_same_seed_gives_the_same_weights_and_another_does_not(run: Run, world: World, tmp_path: Path) -> None:
    recipe = tiny_recipe(world.base, world.manifest, tmp_path)
    again = train_specialist(open_run(recipe, seed=0), "audio")
    assert not changed(run.folder("audio"), again)
    other = train_specialist(open_run(recipe, seed=1), "audio")
    assert changed(run.folder("audio"), other)


def test_recovery_works_for_pictures_too(run: Run, world: World, tmp_path: Path) -> None:
    settings = {**STAGE, "modalities": ["image", "document"]}
    recipe = tiny_recipe(world.base, world.manifest, tmp_path, recover=settings)
    other = open_run(recipe, seed=0)
    other.folder("fused").parent.mkdir(parents=True)
    other.folder("fused").symlink_to(run.folder("fused"))
    assert changed(run.folder("fused"), recover(other)) == {"image_projector"}


def test_the_anchor_keeps_the_text_geometry(world: World, tmp_path: Path) -> None:
    moved = []
    for anchor in (0.0, 30.0):
        recipe = tiny_recipe(
            world.base, world.manifest, tmp_path / str(anchor), joint={**STAGE, "steps": 25, "anchor": anchor}
        )
        run = open_run(recipe, seed=0)
        trained, base = open_model(train_joint(run)).load(), open_model(world.base).load()
        captions = run.data.captions(range(len(run.data.texts)))
        with torch.inference_mode():
            after, before = trained.embed_features(captions), base.embed_features(captions)
        moved.append(float((after @ after.T - before @ before.T).abs().mean()))
    assert moved[1] < 0.5 * moved[0]


def test_a_base_may_be_aligned_first_and_specialists_start_from_it(world: World, tmp_path: Path) -> None:
    run = open_run(tiny_recipe(world.base, world.manifest, tmp_path, align={}), seed=0)
    assert run.base == align(run) == run.folder("base")
    assert changed(world.base, run.folder("base")) == {"image_projector"}
    assert changed(run.folder("base"), train_specialist(run, "audio")) == {"backbone", "audio_projector"}


def test_noise_is_drawn_anew_each_step_and_the_same_on_each_run(world: World, tmp_path: Path) -> None:
    plain, noisy, again = (
        tiny_recipe(world.base, world.manifest, tmp_path / name, projectors={**STAGE, "noise": noise})
        for name, noise in (("plain", 0.0), ("noisy", 0.3), ("again", 0.3))
    )
    folders = [train_projectors(open_run(recipe, seed=0)) for recipe in (plain, noisy, again)]
    assert changed(folders[0], folders[1]) == {"image_projector", "audio_projector"}
    assert changed(folders[1], folders[2]) == set()


def test_lora_trains_the_backbone_and_leaves_no_trace_of_itself(world: World, tmp_path: Path) -> None:
    recipe = tiny_recipe(world.base, world.manifest, tmp_path, joint={**STAGE, "lora": {"rank": 4, "alpha": 8.0}})
    run = open_run(recipe, seed=0)
    assert changed(world.base, train_joint(run)) == {"backbone", "image_projector", "audio_projector"}
    assert set(TensorFolder(run.folder("joint")).files) == set(TensorFolder(world.base).files)
    names = TensorFolder(run.folder("joint"))
    norm = next(name for name in names.files if "LayerNorm" in name)
    assert torch.equal(names.read(norm), TensorFolder(world.base).read(norm))


def test_a_stage_that_is_there_is_not_made_again(run: Run) -> None:
    before = (run.folder("audio") / "recipe.toml").stat().st_mtime_ns
    train_specialist(run, "audio")
    assert (run.folder("audio") / "recipe.toml").stat().st_mtime_ns == before


def test_a_stage_made_with_other_settings_is_refused(run: Run, world: World) -> None:
    changed_lr = {"image": {}, "audio": {"lr": 1e-5}, "document": {}}
    recipe = tiny_recipe(world.base, world.manifest, run.recipe.out, specialists=changed_lr)
    with pytest.raises(ModelError, match="audio was made with other settings"):
        train_specialist(Run(recipe, run.data, 0), "audio")


def test_mistakes_are_told_in_one_line(world: World, tmp_path: Path) -> None:
    run = open_run(tiny_recipe(world.base, world.manifest, tmp_path), seed=0)
    with pytest.raises(ModelError, match="fused"):
        recover(run)
    video = {**STAGE, "modalities": ["video"]}
    with pytest.raises(ModelError, match="needs rows of video"):
        train_joint(open_run(tiny_recipe(world.base, world.manifest, tmp_path, joint=video), seed=0))
    lora = {**STAGE, "lora": {"rank": 2}}
    with pytest.raises(ModelError, match="no lora"):
        recover(open_run(tiny_recipe(world.base, world.manifest, tmp_path, recover=lora), seed=0))
    other = save_tiny(tmp_path / "other", seed=5)
    with pytest.raises(ModelError, match="features are not in"):
        open_run(tiny_recipe(other, world.manifest, tmp_path), seed=0)
