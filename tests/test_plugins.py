"""Formats from packages of other people: installed with pip, found by the program, and no harm if they are broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PYPROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "1"
[project.entry-points."synesthete.formats"]
{name} = "{name}:FORMATS"
[tool.setuptools]
py-modules = ["{name}"]
"""

RECIPE_BOX = """
from indexer.extract.registry import Format
from indexer.pieces import ExtractedPiece, Extraction

def extract(path, media, limits, span):
    dishes = path.read_text().split("%%")
    return Extraction("text", None, (ExtractedPiece("text", text=dish.strip()) for dish in dishes))

FORMATS = (Format("recipe box", "text", ("recipes",), extract, "a recipe"),)
"""

BROKEN = {
    "raises_it": "raise RuntimeError('its licence\\nhas run out')",
    "names_nothing": "FORMATS = 42",
    "takes_txt": RECIPE_BOX.replace('("recipes",)', '("txt",)'),
    "no_such_kind": RECIPE_BOX.replace('"recipe box", "text"', '"recipe box", "smell"'),
}

SAID = {
    "raises_it": "its licence has run out",
    "names_nothing": "it names no indexer.extract.registry.Format",
    "takes_txt": "files named .txt are read already",
    "no_such_kind": "'smell' is no kind",
}


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one good plug-in and the broken ones, installed offline as pip installs packages."""
    folder = tmp_path_factory.mktemp("plugins")
    sources = []
    for name, code in {"recipe_box": RECIPE_BOX, **BROKEN}.items():
        source = folder / "source" / name
        source.mkdir(parents=True)
        (source / "pyproject.toml").write_text(PYPROJECT.format(name=name))
        (source / f"{name}.py").write_text(code)
        sources.append(str(source))
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(folder / "site"), *sources]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_a_format_of_another_package_is_indexed_and_found_and_broken_ones_are_passed_over(
    plugins: Path, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "kitchen.recipes").write_text("Pancakes: eggs, flour and milk %% Lentil soup with cumin")
    (files / "note.txt").write_text("The train leaves at nine.")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        paths = {"PYTHONPATH": f"{ROOT}{os.pathsep}{plugins}", "XDG_CONFIG_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "engine.cli", "--data", str(tmp_path / "data"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | paths, timeout=120)

    done = run("index", str(files))
    assert done.returncode == 0 and done.stdout.startswith("2 files indexed")
    lines = done.stderr.splitlines()
    assert len(lines) == len(BROKEN) and "Traceback" not in done.stderr
    for name, line in zip(sorted(BROKEN), lines, strict=True):
        assert line.startswith(f"synesthete: the format plug-in {name} ({name}:FORMATS) is passed over: ")
        assert SAID[name] in line
    found = run("search", "Lentil soup with cumin", "-n", "1")
    assert "kitchen.recipes" in found.stdout and "Lentil soup" in found.stdout
