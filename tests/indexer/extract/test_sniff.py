import os
import socket
import zipfile
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.sniff import content_of

from .making import pieces_of, tone, write_sound, write_video


def _png(path: Path) -> None:
    Image.new("RGB", (20, 20), "navy").save(path, "PNG")


def _pdf(path: Path) -> None:
    with pymupdf.open() as document:
        document.new_page()
        path.write_bytes(document.tobytes())


def _mp4(path: Path) -> None:
    write_video(path.with_suffix(".mp4"), seconds=1, cuts=()).rename(path)


def _mp3(path: Path) -> None:
    write_sound(path, tone(1, 48_000), "libmp3lame", container="mp3")


def _text(path: Path) -> None:
    path.write_text("These are words, and nothing but words.\n")


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<xml/>")


@pytest.mark.parametrize(
    ("name", "write", "content"),
    [
        ("a.jpg", _pdf, "a PDF document"),
        ("b.txt", _png, "a PNG picture"),
        ("c.pdf", _mp4, "an MP4 or QuickTime video"),
        ("d.png", _text, "text"),
        ("e.mp4", _text, "text"),
        ("f.wav", _png, "a PNG picture"),
        ("g.md", _mp3, "an MP3"),
        ("h.pdf", _zip, "a ZIP archive"),
        ("i.py", _pdf, "a PDF document"),
    ],
)
def test_a_file_of_another_kind_than_its_name_says_is_refused(tmp_path: Path, name: str, write, content: str) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(ExtractionError, match=f"^named {path.suffix}, but its content is {content}"):
        pieces_of(path)


def test_another_format_of_the_same_kind_is_read(tmp_path: Path) -> None:
    _png(tmp_path / "a.jpg")
    assert [piece.modality for piece in pieces_of(tmp_path / "a.jpg")] == ["image"]
    _mp3(tmp_path / "b.mp4")
    assert {piece.modality for piece in pieces_of(tmp_path / "b.mp4")} == {"audio"}


@pytest.mark.parametrize("name", ["a.txt", "a.png", "a.pdf", "a.epub", "a.wav", "a.mp4", "a.csv", "a.html"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ExtractionError, match=r"^the file is empty$"):
        pieces_of(tmp_path / name)


def test_what_is_not_an_ordinary_file_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.mp4").mkdir()
    os.mkfifo(tmp_path / "x.txt")  # opening it would wait for a writer for ever
    monkeypatch.chdir(tmp_path)  # the path of a socket is limited to some hundred bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("x.wav")
        with pytest.raises(ExtractionError, match="directory"):
            pieces_of(tmp_path / "x.mp4")
        for name in ("x.txt", "x.wav"):
            with pytest.raises(ExtractionError, match="not an ordinary file"):
                pieces_of(tmp_path / name)
    with pytest.raises(ExtractionError, match="gone"):
        pieces_of(tmp_path / "missing.txt")
    with pytest.raises(ExtractionError, match="not read"):
        pieces_of(tmp_path / "unknown.xyz")


def test_text_is_told_from_bytes() -> None:
    assert content_of("naïve café ".encode() * 400) is not None
    assert content_of("日本語".encode()[:-1]) is not None  # cut in the middle of a character
    assert content_of(b"\x00\x01\x02\x03" * 8) is None
    assert content_of(bytes(range(128, 256))) is None
