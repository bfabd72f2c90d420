"""Imports run one way and stay light where it should be light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {"storage": {"storage"}, "indexer": {"indexer", "storage"}, "engine": {"engine", "indexer", "storage"}}
OURS = {"storage", "indexer", "engine", "tests", "recipes"}


def modules(package: str) -> list[str]:
    paths = sorted((ROOT / package).rglob("*.py"))
    return [str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__") for path in paths]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                names = [node.module or ""]
            imported = {name.split(".")[0] for name in names} & OURS
            assert imported <= MAY_IMPORT[package], f"{path} imports {imported}"


def loaded(program: str) -> set[str]:
    code = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_storage_and_indexer_never_load_torch_or_a_decoder() -> None:
    names = modules("storage") + modules("indexer")
    code = "import importlib\nfor name in {!r}: importlib.import_module(name)"
    assert not loaded(code.format([name for name in names if name.startswith("storage")])) & {"torch", "PIL", "av"}
    assert "torch" not in loaded(code.format(names))


def test_indexing_code_of_the_parent_loads_no_decoder() -> None:
    assert not loaded("import indexer.pipeline") & {"torch", "PIL", "av", "pymupdf", "bs4"}


def test_the_engine_loads_torch_only_when_a_model_is_needed(tmp_path: Path) -> None:
    program = f"from engine import SearchEngine\nwith SearchEngine.open({str(tmp_path)!r}) as e: e.status(); e.check()"
    assert not loaded(program) & {"torch", "transformers"}


@pytest.mark.parametrize(
    "arguments", ["--help", "search --help", "--data {data} status", "--data {data} status --json"]
)
def test_help_and_status_answer_without_torch(tmp_path: Path, arguments: str) -> None:
    command = ["engine.cli", *arguments.format(data=tmp_path / "data").split()]
    program = (
        "import runpy, sys\n"
        f"sys.argv = {command!r}\n"
        "try: runpy.run_module('engine.cli', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    names = done.stdout.split("MODULES")[-1].split()
    assert "engine.cli" in names or "engine.settings" in names
    assert not {"torch", "transformers", "tokenizers"} & set(names)
