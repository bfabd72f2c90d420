"""Subtitles, from files as people have them and from tracks inside videos."""

from pathlib import Path

import pytest

from indexer.errors import ExtractionError
from indexer.extract.subtitles import embedded_subtitles, read_subtitle_file
from tests.indexer.extract.making import LIMITS, write_video

SRT = """1
00:00:01,000 --> 00:00:03,500
<i>Hello</i> {\\an8}<font color="red">harbour</font>
second  line

2
01:01:05,000 --> 01:01:07,000
GERMAN &amp; weiter, 3 < 4
"""

GERMAN = "Die Stra\u00dfe f\u00fchrt \u00fcber die gr\u00fcne Br\u00fccke"

VTT = """WEBVTT - made by hand

NOTE a remark for nobody

STYLE
::cue { color: red }

intro
00:01.000 --> 00:03.500 align:start position:10%
<v Bob>Hello <c.yellow>harbour</c></v>
second line

01:01:05.000 --> 01:01:07.000
<01:01:05.500>GERMAN &amp; weiter, 3 &lt; 4
"""

ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:03.50,Default,,0,0,0,,{\\b1}Hello{\\b0} harbour\\Nsecond line
Dialogue: 0,1:01:05.00,1:01:07.00,Default,,0,0,0,,GERMAN & weiter, 3 < 4
"""


def cues(path: Path) -> list[tuple[float | None, float | None, str]]:
    found = list(read_subtitle_file(path, LIMITS))
    assert {each.origin for each in found} == {"subtitle"}
    return [(each.start, each.end, each.text) for each in found]


@pytest.mark.parametrize(("name", "text"), [("a.srt", SRT), ("a.vtt", VTT), ("a.ASS", ASS)])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_cues_with_their_times_without_markup(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.replace("\n", "\r\n").replace("GERMAN", GERMAN).encode(encoding))
    assert cues(path) == [
        (1.0, 3.5, "Hello harbour\nsecond line"),
        (3665.0, 3667.0, f"{GERMAN} & weiter, 3 < 4"),
    ]


def test_captions_that_roll_up_are_not_said_twice(tmp_path: Path) -> None:
    path = tmp_path / "roll.vtt"
    lines = ["WEBVTT", *(f"\n00:0{n}.000 --> 00:0{n + 1}.000\n{text}" for n, text in enumerate(["one", "one", "two"]))]
    path.write_text("\n".join(lines))
    assert [text for _, _, text in cues(path)] == ["one", "two"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "no text"), (b"a shopping list\n", "no subtitles"), (bytes(range(256)) * 9, "binary data")],
)
def test_what_is_no_subtitles_is_said(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "bad.srt"
    path.write_bytes(data)
    with pytest.raises(ExtractionError, match=reason):
        list(read_subtitle_file(path, LIMITS))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mov_text"), ("a.mkv", "subrip"), ("b.mkv", "ass")])
def test_tracks_inside_a_video(tmp_path: Path, name: str, codec: str) -> None:
    said = [(1.0, 2.5, "The first cue"), (3.0, 4.5, "A {\\i1}second{\\i0}, and last")]
    path = write_video(tmp_path / name, subtitles=(codec, said))
    found = [(each.start, each.end, each.text) for each in embedded_subtitles(path)]
    assert found == [(1.0, 2.5, "The first cue"), (3.0, 4.5, "A second, and last")]


def test_a_video_without_a_track_of_text(tmp_path: Path) -> None:
    assert list(embedded_subtitles(write_video(tmp_path / "a.mp4", seconds=1.0, cuts=()))) == []
