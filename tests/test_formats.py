"""One file of every format the program promises, indexed by the program and found again."""

from collections import Counter
from pathlib import Path

from engine import SearchEngine
from indexer.extract.registry import built_in, format_of
from tests.conftest import ROOT, Samples
from tests.sample_formats import SAID, WRITERS, write_samples

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


def test_a_file_of_every_format_is_found_by_what_it_says(tmp_path: Path) -> None:
    paths = write_samples(tmp_path / "files")
    with SearchEngine.open(tmp_path / "data") as engine:
        summary = engine.index(tmp_path / "files")
        assert not summary.failed and summary.indexed == len(paths)
        for extension, said in SAID.items():
            assert str(paths[extension]) in [hit.path for hit in engine.search(said, limit=3).hits], said
        kinds = {Path(hit.path).suffix[1:]: hit.kind for hit in engine.search("anything", limit=1000).hits}
    moving = {"gif", "webp", "apng"}
    for extension, kind in kinds.items():
        promised = format_of(paths[extension])
        assert promised is not None and kind == ("video" if extension in moving else promised.kind), extension
    assert set(kinds) == set(paths)


def test_there_is_a_sample_of_everything_that_is_read() -> None:
    read = {(each.name, each.extract) for each in built_in()}
    assert {(each.name, each.extract) for name in WRITERS if (each := format_of(Path(f"a.{name}")))} == read


def test_the_table_in_the_docs_is_the_registry() -> None:
    rows = [f"| {each.name} | {' '.join(each.extensions)} | {each.kind} | {each.pieces} |" for each in built_in()]
    table = [line for line in (ROOT / "docs" / "formats.md").read_text().splitlines() if line.startswith("| ")]
    assert table[2:] == rows, "docs/formats.md should read:\n" + "\n".join(rows)


def test_the_readme_names_what_is_read() -> None:
    for extension in ("docx", "heic", "svg", "eml", "epub", "dng"):
        assert extension in (ROOT / "README.md").read_text()
