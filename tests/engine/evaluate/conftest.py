"""Two seeds of a tiny recipe, every stage made, and the report on them."""

from dataclasses import dataclass
from typing import Any

import pytest

from engine.evaluate.evaluation import evaluate
from engine.model.families import open_model
from engine.train.reading import piece_reader
from engine.train.recipe import TrainRecipe
from engine.train.stages import (
    fill_cache,
    fuse,
    open_run,
    piece_variants,
    recover,
    rehearse,
    train_projectors,
    train_specialist,
)
from tests.engine.evaluate.held_out import add_held_out
from tests.engine.train.conftest import one_thread  # noqa: F401, a fixture for these tests too
from tests.engine.train.tiny import STAGE, make_data, save_tiny, tiny_recipe


@dataclass(frozen=True)
class Evaluated:
    """A recipe whose stages are made, joint training apart, and its report."""

    recipe: TrainRecipe
    report: dict[str, Any]


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    folder = tmp_path_factory.mktemp("evaluated")
    base, manifest = save_tiny(folder / "base"), add_held_out(make_data(folder / "data"))
    short = {"steps": 4}
    recipe = tiny_recipe(
        base,
        manifest,
        folder / "out",
        seeds=(0, 1),
        common={**STAGE, "steps": 4},
        specialists={"image": short, "audio": short},
        fuse={"coefficients": {"image": 0.5, "audio": 0.5}},
    )
    with piece_reader(open_model(base).media) as read:
        fill_cache(recipe, piece_variants(recipe, read))
    for seed in recipe.seeds:
        run = open_run(recipe, seed)
        for stage in (lambda run: train_specialist(run, "image"), lambda run: train_specialist(run, "audio")):
            stage(run)
        for stage in (train_projectors, fuse, recover, rehearse):
            stage(run)
    return Evaluated(recipe, evaluate(recipe))
