"""What the documents say, held against the program."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import engine
import indexer
import storage
from engine.cli import app
from storage.errors import SynestheteError

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def error_classes() -> list[type[SynestheteError]]:
    for package in (storage, indexer, engine):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(".errors"):
                importlib.import_module(module.name)
    found, waiting = [], [SynestheteError]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting.extend(one.__subclasses__())
    return sorted(found, key=lambda one: one.exit_code)


def first_line(one: type[SynestheteError]) -> str:
    return (one.__doc__ or "").split("; its text")[0].splitlines()[0].rstrip(".") + "."


def test_the_table_of_errors_is_the_table_of_classes() -> None:
    rows = [f"| {one.exit_code} | {one.__name__} | {first_line(one)} |" for one in error_classes()]
    table = [line for line in (ROOT / "docs" / "errors.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert table == rows, "docs/errors.md should read:\n" + "\n".join(rows)


def test_exit_codes_are_each_their_own() -> None:
    codes = [one.exit_code for one in error_classes()]
    assert len(set(codes)) == len(codes)


def commands() -> dict[str, set[str]]:
    """Every command with its options."""
    found = {}

    def visit(command: object, name: str) -> None:
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}  # type: ignore[attr-defined]
        found[name] = options
        for child, inner in getattr(command, "commands", {}).items():
            visit(inner, f"{name} {child}")

    visit(get_command(app), "synesthete")
    return found


def test_the_readme_names_every_command_and_option_and_no_other() -> None:
    known = commands()
    table = re.findall(r"^\| `(synesthete[^`]*)` \|(.*)\|$", README, re.MULTILINE)
    assert {name for name, _ in table} == {name for name in known if name not in ("synesthete model",)}
    for name, text in table:
        named = set(re.findall(r"`(-{1,2}[a-z][a-z-]*)", text))
        assert named == known[name] - {"--help"}, name


def test_every_synesthete_line_of_the_readme_is_understood() -> None:
    known = commands()
    lines = [line.split("#")[0].strip() for line in README.splitlines() if re.match(r"(\$ )?synesthete ", line)]
    assert lines
    for line in lines:
        words = re.sub(r"^\$ ", "", line)
        name = max((name for name in known if words.startswith(name)), key=len)
        used = set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", words))
        assert used <= known[name] | known["synesthete"], line


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make (\w+)", README, re.MULTILINE))))
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_python_example_of_the_readme_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "Pictures").mkdir()
    (tmp_path / "song.txt").write_text("unused")
    samples = ROOT / "tests" / "samples" / "pictures"
    for name in ("crow.png", "bicycle.png", "lighthouse-red.png"):
        (tmp_path / "Pictures" / name).write_bytes((samples / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", example.replace("~/", f"{tmp_path}/")],
        cwd=ROOT,
        env={"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": "/"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "crow.png" in done.stdout.splitlines()[0]


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
