"""Settings from files and variables, the order in which they win, and the one line that a mistake gets."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import Settings, load_settings, user_settings_file

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_settings_toml_shows_every_setting_with_its_default() -> None:
    with (ROOT / "settings.toml").open("rb") as file:
        assert tomllib.load(file) == Settings().model_dump()


def test_every_key_of_settings_toml_says_why_in_one_line() -> None:
    lines = (ROOT / "settings.toml").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"\w+ = ", line):
            assert re.match(r"# .{20,}", before), line


def test_settings_toml_is_a_valid_settings_file() -> None:
    assert load_settings(ROOT / "settings.toml") == Settings()


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_settings_file().parent.mkdir(parents=True)
    user_settings_file().write_text("[index]\nworkers = 3\nbatch = 7\n[search]\nresults = 4\n")
    named = tmp_path / "named.toml"
    named.write_text("[index]\nworkers = 5\n")
    assert load_settings().index.workers == 3
    settings = load_settings(named)
    assert (settings.index.workers, settings.index.batch, settings.search.results) == (5, 7, 4)
    monkeypatch.setenv("SYNESTHETE_INDEX__WORKERS", "6")
    monkeypatch.setenv("SYNESTHETE_MODEL__BITS", "8")
    settings = load_settings(named)
    assert (settings.index.workers, settings.index.batch, settings.model.bits) == (6, 7, 8)


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert load_settings().data_folder == tmp_path / "synesthete"
    monkeypatch.setenv("SYNESTHETE_LIBRARY__DATA", str(tmp_path / "elsewhere"))
    assert load_settings().data_folder == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[index]\nworker = 3\n", "index.worker is no setting"),
        ("[indexes]\nworkers = 3\n", "indexes is no setting"),
        ("[index]\nworkers = 'many'\n", "index.workers = 'many': input should be a valid integer"),
        ("[index]\nworkers = 0\n", "index.workers = 0: input should be greater than or equal to 1"),
        ("index = 3\n", "index = 3"),
        ("[index\n", "not valid TOML"),
        ("[limits]\nseconds = -1.0\n", "limits.seconds = -1.0"),
        ("[model]\nname = ''\n", "model.name = ''"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_names_file_and_key(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    assert said in str(raised.value) and str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: the settings cannot be read"):
        load_settings(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SYNESTHETE_INDEX__WORKER", "3", "SYNESTHETE_INDEX__WORKER names no setting"),
        ("SYNESTHETE_INDEX__WORKERS", "many", "the variable SYNESTHETE_INDEX__WORKERS: index.workers = 'many'"),
        (
            "SYNESTHETE_MODEL__BITS",
            "5",
            "the variable SYNESTHETE_MODEL__BITS: model.bits = 5: input should be 16, 8 or 4",
        ),
    ],
)
def test_a_mistake_in_a_variable_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, said: str
) -> None:
    """Also beside a file that is right."""
    monkeypatch.setenv(name, value)
    (tmp_path / "mine.toml").write_text("[index]\nbatch = 7\n")
    with pytest.raises(SettingsError) as raised:
        load_settings(tmp_path / "mine.toml")
    assert said in str(raised.value) and "\n" not in str(raised.value)
