"""Recipes of a whole training: the two that come with the project, and what is refused."""

from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.train.recipe import read_train_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


def test_the_papers_settings() -> None:
    recipe = read_train_recipe(RECIPES / "qwen3-vl-8b.toml")
    assert recipe.fuse.coefficients == {"image": 0.3, "video": 0.3, "document": 0.3, "audio": 0.5}
    stages = [*recipe.specialists.values(), recipe.recover, recipe.rehearse]
    assert {stage.temperature for stage in stages} == {0.02}
    assert all(stage.lora for stage in recipe.specialists.values()) and recipe.recover.lora is None
    assert (recipe.rehearse.lr, recipe.rehearse.steps) == (1e-5, 2000)


def test_the_bundled_models_recipe() -> None:
    recipe = read_train_recipe(RECIPES / "mini.toml")
    assert recipe.base == RECIPES / "../build/mini/base"
    assert recipe.projectors is not None and recipe.joint is not None
    stages = [*recipe.specialists.values(), recipe.recover, recipe.rehearse]
    assert recipe.joint.steps == recipe.projectors.steps == sum(stage.steps for stage in stages)
    assert {stage.batch for stage in (*stages, recipe.joint, recipe.projectors)} == {256}


BASE = """
name = "x"
base = "b"
out = "o"
[data]
manifest = "m"
cache = "c"
[specialists.audio]
steps = 1
[recover]
steps = 1
[rehearse]
steps = 1
[fuse.coefficients]
audio = 0.5
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("", "", None),
        ("audio = 0.5", "image = 0.5", "fuse.coefficients must name each specialist"),
        ("[recover]\nsteps = 1", "[recover]\nsteps = 0", "recover.steps: "),
        ("[recover]\nsteps = 1", "[recover]\nsteps = 1\nstep = 2", "unknown key recover.step"),
        ("[data]", "[common]\ntau = 1\n[data]", "unknown key specialists.audio.tau"),
        ('cache = "c"', "", "data.cache: "),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(tmp_path: Path, old: str, new: str, complaint: str | None) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(BASE.replace(old, new))
    if complaint is None:
        assert read_train_recipe(path).specialists["audio"].steps == 1
        return
    with pytest.raises(ModelError, match=complaint) as error:
        read_train_recipe(path)
    assert "\n" not in str(error.value)
