import zipfile
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from indexer.errors import ExtractionError
from indexer.extract.pages import PAGE_CHARACTERS
from indexer.pieces import ExtractionLimits
from tests.sample_formats import write_epub

from .making import cut_short, pieces_of

TEXTS = ["Owls hunt at night", "", "Eagles hunt by day"]


def _pdf(path: Path, texts: list[str] = TEXTS, *, size: tuple[float, float] = (595, 842), **options: object) -> Path:
    with pymupdf.open() as document:
        for text in texts:
            page = document.new_page(width=size[0], height=size[1])
            page.draw_rect((20, 20, 120, 60), fill=(1, 0, 0))
            if text:
                page.insert_textbox((40, 100, size[0] - 20, size[1] - 20), text, fontsize=8)
        document.save(path, **options)
    return path


def _epub(path: Path, chapters: int = 2) -> Path:
    return write_epub(path, [("", f"Chapter {n + 1} of owls.") for n in range(chapters)])


def test_one_piece_a_page_with_text_and_picture(tmp_path: Path) -> None:
    pieces = pieces_of(_pdf(tmp_path / "a.pdf"))
    assert [(piece.modality, piece.page, piece.text) for piece in pieces] == [
        ("document", number + 1, text) for number, text in enumerate(TEXTS)
    ]
    for piece in pieces:
        assert piece.frames is not None and piece.frames.shape == (1, 91, 64, 3) and piece.frames.dtype == np.uint8
        red, paper = piece.frames[0, 4, 7].astype(int), piece.frames[0, 80, 60].astype(int)
        assert red[0] > 200 and red[1:].max() < 60 and paper.min() > 240


def test_an_epub_is_read_page_by_page(tmp_path: Path) -> None:
    pieces = pieces_of(_epub(tmp_path / "a.epub"))
    assert [piece.text for piece in pieces] == ["Chapter 1 of owls.", "Chapter 2 of owls."]
    assert all(piece.frames is not None and min(piece.frames.shape[1:3]) == 64 for piece in pieces)


@pytest.mark.parametrize(
    ("size", "shape"), [((3000, 100), (64, 256)), ((100, 3000), (256, 64)), ((333, 71), (64, 256))]
)
def test_a_very_long_page_is_cropped_about_its_centre(
    tmp_path: Path, size: tuple[float, float], shape: tuple[int, int]
) -> None:
    (piece,) = pieces_of(_pdf(tmp_path / "a.pdf", [""], size=size))
    assert piece.frames is not None and piece.frames.shape == (1, *shape, 3)


def test_limits_on_pages_and_characters(tmp_path: Path) -> None:
    path = _pdf(tmp_path / "a.pdf", ["owl " * 2000] * 5)
    pieces = pieces_of(path, limits=ExtractionLimits(pages=3))
    assert [piece.page for piece in pieces] == [1, 2, 3]
    assert all(len(piece.text or "") == PAGE_CHARACTERS for piece in pieces)


def test_a_password_is_asked_for_only_where_one_is_needed(tmp_path: Path) -> None:
    locked = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "owner_pw": "owner"}
    path = _pdf(tmp_path / "a.pdf", user_pw="secret", **locked)
    with pytest.raises(ExtractionError, match=r"^password-protected$"):
        pieces_of(path)
    assert len(pieces_of(_pdf(tmp_path / "b.pdf", **locked))) == 3


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.98])
def test_a_pdf_whose_end_is_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    whole = _pdf(tmp_path / "whole.pdf", ["owls " * 100] * 30)
    with pytest.raises(ExtractionError, match=r"^damaged"):
        pieces_of(cut_short(whole, tmp_path / "a.pdf", share))


def test_a_pdf_saved_in_two_steps_and_cut_off_in_the_second_is_refused(tmp_path: Path) -> None:
    path = _pdf(tmp_path / "a.pdf")
    with pymupdf.open(path) as document:
        for page in document:
            page.insert_text((50, 300), "a remark added later " * 5)
        document.saveIncr()
    first_step = path.read_bytes().rfind(b"%%EOF", 0, -20)
    rest = path.stat().st_size - first_step
    (tmp_path / "b.pdf").write_bytes(path.read_bytes()[: first_step + rest // 2])
    assert len(pieces_of(path)) == 3
    with pytest.raises(ExtractionError, match="the end of the file is missing"):
        pieces_of(tmp_path / "b.pdf")


def test_a_sloppy_but_whole_pdf_is_read(tmp_path: Path) -> None:
    data = _pdf(tmp_path / "whole.pdf").read_bytes()
    start = data.rfind(b"startxref")
    sloppy = {
        "junk before": b"HTTP/1.1 200 OK\r\n\r\n" + data,
        "junk after": data + b"<html>appended by a web server</html>\n" * 200,
        "wrong offset": data[:start] + b"startxref\n7\n%%EOF\n",
    }
    for name, content in sloppy.items():
        (tmp_path / f"{name}.pdf").write_bytes(content)
        assert [piece.text for piece in pieces_of(tmp_path / f"{name}.pdf")] == TEXTS


def test_damaged_books_are_refused(tmp_path: Path) -> None:
    whole = _epub(tmp_path / "whole.epub", 30)
    with pytest.raises(ExtractionError, match="damaged"):
        pieces_of(cut_short(whole, tmp_path / "a.epub", 0.7))
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7\n" + np.random.default_rng(0).bytes(5000))
    with pytest.raises(ExtractionError, match="damaged"):
        pieces_of(tmp_path / "b.pdf")


def test_a_copy_protected_book_is_refused(tmp_path: Path) -> None:
    path = _epub(tmp_path / "a.epub")
    with zipfile.ZipFile(path, "a") as book:
        book.writestr("META-INF/rights.xml", "<rights/>")
    with pytest.raises(ExtractionError, match=r"^copy-protected"):
        pieces_of(path)
