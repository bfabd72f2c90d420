"""Which subtitle files belong to which recording."""

from pathlib import Path

import pytest

from indexer.subtitle_files import Folder, is_beside_recording, subtitles_beside

FOLDER = [
    "talk.mp4", "talk.srt", "talk.en.srt", "talk.pt-BR.forced.VTT", "talk.en.mp4", "talk 2.mp4", "talk 2.srt",
    "talk.notes.about.it.srt", "talk.part2.mkv", "talk.part2.srt", "other.srt", "song.flac", "song.vtt", "talk.txt",
]  # fmt: skip


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        ("talk.mp4", ["talk.pt-BR.forced.VTT", "talk.srt"]),
        ("talk.en.mp4", ["talk.en.srt"]),
        ("talk 2.mp4", ["talk 2.srt"]),
        ("talk.part2.mkv", ["talk.part2.srt"]),
        ("song.flac", ["song.vtt"]),
    ],
)
def test_by_name(recording: str, expected: list[str]) -> None:
    assert Folder.of(FOLDER).subtitles_of(recording) == expected


def test_on_disk_as_files_come_and_go(tmp_path: Path) -> None:
    film, subtitles, hidden = tmp_path / "film.mkv", tmp_path / "film.de.srt", tmp_path / ".film.srt"
    hidden.write_text("")
    subtitles.write_text("")
    assert not is_beside_recording(subtitles)
    film.write_text("")
    assert subtitles_beside(film) == [subtitles]
    assert is_beside_recording(subtitles)
    subtitles.unlink()
    assert subtitles_beside(film) == []
    assert subtitles_beside(tmp_path / "nowhere" / "film.mkv") == []
