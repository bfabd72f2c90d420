import itertools
from pathlib import Path

import pytest

from indexer.errors import ExtractionError
from indexer.extract.take_apart import take_apart
from tests.sample_formats import SAID, WRITERS

from .making import LIMITS, MEDIA, pieces_of


def test_what_is_said_together_is_one_passage_with_its_times(tmp_path: Path) -> None:
    WRITERS["srt"](tmp_path / "a.srt")
    opened = take_apart(tmp_path / "a.srt", MEDIA, LIMITS)
    assert opened.kind == "text"
    assert [(piece.modality, piece.text, piece.start, piece.end) for piece in opened.pieces] == [
        ("text", f"Listen:\n{SAID['srt']}", 1.0, 7.0),
        ("text", "We are there.", 90.0, 92.0),
    ]


def test_long_talk_is_cut_between_cues(tmp_path: Path) -> None:
    cues = "\n\n".join(
        f"00:{n // 60:02}:{n % 60:02}.000 --> 00:{n // 60:02}:{n % 60:02}.900\nWords number {n} of a long talk."
        for n in range(90)
    )
    (tmp_path / "a.vtt").write_text(f"WEBVTT\n\n{cues}\n")
    pieces = pieces_of(tmp_path / "a.vtt")
    assert len(pieces) > 8 and all(len(piece.text or "") <= MEDIA.passage_characters // 3 for piece in pieces)
    assert "\n".join(piece.text or "" for piece in pieces).split("\n")[-1] == "Words number 89 of a long talk."
    assert all(before.end < after.start for before, after in itertools.pairwise(pieces))


@pytest.mark.parametrize(
    ("name", "text"), [("a.srt", "no cues here\n"), ("a.vtt", "WEBVTT\n"), ("a.ass", "[Events]\n")]
)
def test_a_file_without_cues_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ExtractionError):
        pieces_of(tmp_path / name)
