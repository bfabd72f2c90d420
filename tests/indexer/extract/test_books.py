import zipfile
from pathlib import Path

import numpy as np

from indexer.extract.books import PASSAGE_CHARACTERS
from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractionLimits
from tests.sample_formats import write_comic, write_epub, write_xps

from .making import LIMITS, MEDIA, pieces_of

LONG = "\n\n".join(f"Paragraph {number}. " + "The wind rose over the sea. " * 12 for number in range(12))


def test_a_book_goes_by_section_and_paragraphs_run_on_over_pages(tmp_path: Path) -> None:
    write_epub(tmp_path / "a.epub", [("Departure", "We left at dawn."), ("Storm", LONG), ("Home", "Land at last.")])
    opened = take_apart(tmp_path / "a.epub", MEDIA, LIMITS)
    pieces = list(opened.pieces)
    assert opened.kind == "document" and {piece.modality for piece in pieces} == {"document"}
    first, *storm, last = pieces
    assert (first.page, first.text) == (1, "Departure\n\nWe left at dawn.")
    assert storm[0].text is not None and storm[0].text.startswith("Storm\n\nParagraph 0. The wind")
    assert last.text == "Home\n\nLand at last."
    pages = [piece.page or 0 for piece in pieces]
    assert pages == sorted(pages) and pages[-1] > 3
    whole = " ".join(" ".join(piece.text or "" for piece in storm).split())
    assert whole == " ".join(f"Storm {LONG}".split())
    assert all(len(piece.text or "") <= PASSAGE_CHARACTERS for piece in pieces)
    assert all(piece.frames is not None and piece.frames.shape == (1, 96, 64, 3) for piece in pieces)
    assert not np.array_equal(first.frames, last.frames)
    limited = pieces_of(tmp_path / "a.epub", limits=ExtractionLimits(pages=1))
    assert [piece.text for piece in limited] == [first.text]


def test_comics_and_xps_go_by_page(tmp_path: Path) -> None:
    pages = pieces_of(write_comic(tmp_path / "a.cbz"))
    assert [(piece.page, piece.text) for piece in pages] == [(1, ""), (2, "")]
    assert pages[0].frames is not None and pages[0].frames[0, 40, 10, 0] > 150
    (page,) = pieces_of(write_xps(tmp_path / "a.xps", "Weather"))
    assert (page.page, page.text) == (1, "Weather")


def test_a_book_packed_by_hand_is_read(tmp_path: Path) -> None:
    write_epub(tmp_path / "a.epub", [("Departure", "We left at dawn.")])
    with zipfile.ZipFile(tmp_path / "a.epub") as whole, zipfile.ZipFile(tmp_path / "b.epub", "w") as packed:
        for name in sorted(whole.namelist()):
            packed.writestr(name, whole.read(name))
    assert [piece.text for piece in pieces_of(tmp_path / "b.epub")] == ["Departure\n\nWe left at dawn."]
