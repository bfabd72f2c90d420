"""The stages of training from the command line: a tiny model, a tiny corpus, every stage as a user runs it."""

import json
import re
import sys
from pathlib import Path

import pytest
import tomli_w
from typer.testing import CliRunner

from engine.errors import ModelError
from engine.fuse.checkpoint_folder import sha256
from engine.model_cli import app
from tests.conftest import Program
from tests.engine.evaluate.held_out import add_held_out
from tests.engine.train.tiny import STAGE, make_data, save_tiny


def write_recipe(folder: Path) -> Path:
    recipe = {
        "name": "tiny",
        "base": "base",
        "out": "runs",
        "data": {"manifest": "data/manifest.jsonl", "cache": "features"},
        "common": STAGE,
        "specialists": {"image": {"steps": 4}, "audio": {"steps": 4}},
        "fuse": {"method": "sum", "coefficients": {"image": 0.3, "audio": 0.3}},
        "recover": {"steps": 4},
        "rehearse": {"steps": 4, "anchor": 1.0},
        "projectors": {"steps": 4},
    }
    path = folder / "recipe.toml"
    path.write_text(tomli_w.dumps(recipe))
    return path


def test_train_fuse_recover_rehearse_leave_checkpoints_that_explain_themselves(
    program: Program, tmp_path: Path
) -> None:
    save_tiny(tmp_path / "base")
    add_held_out(make_data(tmp_path / "data"))
    recipe = write_recipe(tmp_path)
    made: list[str] = []
    for command in ("train", "fuse", "recover", "rehearse"):
        done = program.run("model", command, "--recipe", recipe)
        assert done.returncode == 0, done.stderr
        made += [line for line in done.stdout.splitlines() if line.startswith(str(tmp_path))]
    assert [Path(path).name for path in made] == ["image", "audio", "projectors", "fused", "recovered", "rehearsed"]
    weights = {sha256(Path(path) / "model.safetensors") for path in made}
    assert len(weights) == len(made)
    for path in made:
        assert "made_from" in (Path(path) / "recipe.toml").read_text()
    again = program.run("model", "rehearse", "--recipe", recipe)
    assert again.stdout.splitlines() == [made[-1]]
    check_evaluation(program, recipe)


def check_evaluation(program: Program, recipe: Path) -> None:
    """`evaluate`, on what the other commands have made: tables, raw results, a choice of rows, a mistake."""
    folder = recipe.parent
    written = ("--out", folder / "results" / "raw.json", "--markdown", folder / "tables.md")
    run = program.run("model", "evaluate", "--recipe", recipe, *written)
    assert run.returncode == 0, run.stderr
    for heading in ("Pictures", "Spearman", "Drift: recall", "not made: joint"):
        assert heading in run.stdout
    report = json.loads((folder / "results" / "raw.json").read_text())
    assert list(report["rows"]) == ["base", "image", "audio", "fused", "recovered", "rehearsed", "projectors"]
    at_1 = 100 * report["rows"]["image"]["0"]["scores"]["text to image"]["recall@1"]
    assert re.search(rf"^\| image \| {at_1:.1f}/", (folder / "tables.md").read_text(), re.MULTILINE)
    done = CliRunner().invoke(
        app, ["evaluate", "--recipe", str(recipe), "--rows", "base,fused", "--seeds", "0", "--json"]
    )
    chosen = json.loads(done.stdout)
    assert list(chosen["rows"]) == ["base", "fused"]
    assert chosen["rows"]["fused"] == report["rows"]["fused"]
    done = CliRunner().invoke(app, ["evaluate", "--recipe", str(recipe), "--seeds", "one"])
    assert done.exit_code == 2 and "one: seeds are whole numbers" in done.output


def test_a_recipe_that_is_not_there_or_makes_no_sense_is_one_line(program: Program, tmp_path: Path) -> None:
    for content in (None, "name = 3\n"):
        path = tmp_path / "recipe.toml"
        if content is not None:
            path.write_text(content)
        done = program.run("model", "fuse", "--recipe", path)
        assert done.returncode == 30 and done.stderr.count("\n") == 1 and "recipe.toml" in done.stderr


def test_a_stage_before_its_turn_says_what_is_missing(program: Program, tmp_path: Path) -> None:
    save_tiny(tmp_path / "base")
    make_data(tmp_path / "data")
    done = program.run("model", "recover", "--recipe", write_recipe(tmp_path))
    assert done.returncode == 30 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_public_benchmarks_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "engine.evaluate.mteb_model", raising=False)
    monkeypatch.setitem(sys.modules, "mteb", None)
    done = CliRunner().invoke(app, ["evaluate", "--mteb", "NFCorpus"])
    assert isinstance(done.exception, ModelError)
    assert str(done.exception) == "public benchmarks need mteb: pip install 'synesthete[evaluate]'"


@pytest.mark.parametrize("arguments", [[], ["--recipe", "recipe.toml", "--mteb", "NFCorpus"]])
def test_evaluate_measures_a_recipe_or_a_benchmark_and_never_both(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["evaluate", *arguments])
    assert done.exit_code == 2 and "either --recipe" in done.output
