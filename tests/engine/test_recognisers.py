"""What the settings ask to be recognised, held against what is there."""

import sys
from pathlib import Path

import pytest

from engine.recognisers import find_recognisers
from engine.settings import WordsSettings
from indexer.errors import RecogniserError
from indexer.transcripts import Recognisers, SpeechModel
from tests.conftest import Program
from tests.indexer.extract.test_speech import MODEL, SPOKEN


def test_nothing_is_recognised_unless_asked_for() -> None:
    assert find_recognisers(WordsSettings()) == Recognisers(ocr=False, speech=None)


def test_a_folder_is_the_model() -> None:
    settings = WordsSettings(ocr=True, speech=str(MODEL))
    assert find_recognisers(settings) == Recognisers(ocr=True, speech=SpeechModel(str(MODEL), MODEL))


@pytest.mark.parametrize(
    ("module", "settings", "extra"),
    [("rapidocr", WordsSettings(ocr=True), "ocr"), ("faster_whisper", WordsSettings(speech="tiny"), "speech")],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, settings: WordsSettings, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # how Python itself says that a module cannot be had
    with pytest.raises(RecogniserError, match=rf"pip install 'synesthete\[{extra}\]'"):
        find_recognisers(settings)


def test_a_name_that_is_no_model_and_a_folder_that_is_none(tmp_path: Path) -> None:
    for name, reason in (
        ("enormous", "names no folder and no model; models are tiny.en"),
        (str(tmp_path / "gone"), "no such folder"),
        (str(tmp_path), "model.bin is missing"),
    ):
        with pytest.raises(RecogniserError, match=reason):
            find_recognisers(WordsSettings(speech=name))


def test_without_a_network_sounds_are_indexed_without_transcripts_and_that_is_said(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "memo.ogg").write_bytes(SPOKEN.read_bytes())
    settings = tmp_path / "settings.toml"
    settings.write_text('[words]\nspeech = "tiny"\n')
    done = program.run("--settings", settings, "index", folder)
    assert done.returncode == 0
    asked, missing = done.stderr.splitlines()
    assert asked.startswith("synesthete: fetching the speech model tiny")
    assert "cannot be fetched" in missing and "without transcripts" in missing
    assert "1 file indexed" in done.stdout
    settings.write_text(f'[words]\nspeech = "{MODEL}"\n')
    assert "1 for speech" in program.run("--settings", settings, "index", folder).stdout
