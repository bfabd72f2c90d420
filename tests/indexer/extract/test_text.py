import codecs
import random
from pathlib import Path

import pytest

from indexer.errors import ExtractionError
from indexer.extract.decode import read_text
from indexer.pieces import ExtractionLimits

from .making import MEDIA, pieces_of

WORDS = "Der Bär läuft über die große Brücke. Il a été là, déjà vu — “quoted”.\n"


def _texts(path: Path, **limits: float) -> list[str]:
    pieces = pieces_of(path, limits=ExtractionLimits(**limits))
    assert all(piece.modality == "text" and piece.frames is None and piece.sound is None for piece in pieces)
    return [piece.text or "" for piece in pieces]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_the_encoding_is_recognised(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes((WORDS * 5).encode(encoding))
    assert "".join(_texts(path)).split() == (WORDS * 5).split()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "Café latin1 text with nümbers: Invoice 4711 from Zürich"),
        ("cp1252", "Smörgåsbord på ön är väldigt gott."),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
        ("cp1251", "Привет, это небольшой текст на русском языке о старом замке."),
        ("iso8859_7", "Καλημέρα, αυτό είναι ένα μικρό κείμενο στα ελληνικά."),
        ("shift_jis", "これは小さな日本語のテキストです。城について書きます。"),
        ("gb2312", "这是一个关于古老城堡的小文本。"),
        ("euc_kr", "이것은 오래된 성에 관한 작은 글입니다."),
    ],
)
def test_the_encoding_of_a_single_line_is_recognised(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    assert read_text(path, ExtractionLimits()) == text


def test_utf_16_big_endian_and_old_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(codecs.BOM_UTF16_BE + "one\r\n\r\ntwo\rthree".encode("utf-16-be"))
    assert _texts(path) == ["one\n\ntwo\nthree"]


def test_one_broken_byte_does_not_turn_utf_8_into_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes((WORDS * 20).encode() + b"\xff\n" + (WORDS * 20).encode())
    assert "Der Bär läuft über die große Brücke." in _texts(path)[0]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.py", "a.html", "a.csv"])
def test_random_bytes_are_not_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(random.Random(1).randbytes(3000))
    with pytest.raises(ExtractionError, match=r"^not text"):
        pieces_of(tmp_path / name)


def test_a_text_without_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n\t\n")
    with pytest.raises(ExtractionError, match="no text in it"):
        pieces_of(tmp_path / "a.txt")


def test_a_very_long_text_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("é" * 30_000)
    assert sum(map(len, _texts(tmp_path / "a.txt", text_megabytes=0.02))) == 10_000


def test_source_code_and_markdown(tmp_path: Path) -> None:
    code = "\n\n".join(f"def area_{n}(width, height):\n    return width * height * {n}\n" for n in range(40))
    (tmp_path / "a.py").write_text(code)
    found = _texts(tmp_path / "a.py")
    assert all(text.startswith("def area_") and len(text) <= MEDIA.passage_characters for text in found)
    (tmp_path / "a.md").write_text("# Owls\n\nOwls hunt at night.\n\n* barn owl\n* tawny owl\n")
    assert _texts(tmp_path / "a.md") == ["# Owls\n\nOwls hunt at night.\n\n* barn owl\n* tawny owl"]
