"""One file of every format the program promises, indexed by the program and found again."""

from collections import Counter
from pathlib import Path

from tests.conftest import Samples

PROMISED = {
    "text": {".txt", ".md", ".html", ".py", ".csv"},
    "image": {".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff"},
    "document": {".pdf", ".epub"},
    "audio": {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"},
    "video": {".mp4", ".mkv", ".webm", ".mov", ".avi"},
}


def test_every_format_is_in_the_library_under_its_kind(samples: Samples) -> None:
    hits = samples.program.json("search", "anything", "-n", "1000")["hits"]
    found: dict[str, set[str]] = {kind: set() for kind in PROMISED}
    for hit in hits:
        found[hit["kind"]].add(Path(hit["path"]).suffix)
    assert found == PROMISED
    files = [path for path in samples.library.rglob("*") if path.is_file()]
    assert sorted(hit["path"] for hit in hits) == sorted(map(str, files))


def test_documents_have_a_piece_a_page_and_videos_their_soundtracks(samples: Samples) -> None:
    pieces = samples.summary["pieces"]
    assert pieces["document"] == 19
    assert pieces["image"] == 16
    assert pieces["video"] == 30
    sounds = samples.program.json("search", "a sound", "--kind", "video", "-n", "100")["hits"]
    assert Counter(hit["kind"] for hit in sounds) == {"video": 10}
