from datetime import datetime
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest

from indexer.errors import ExtractionError
from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractionLimits
from tests.sample_formats import SAID, WRITERS

from .making import LIMITS, MEDIA, cut_short, pieces_of

LONG = "Timber is piled high on the quay. " * 12


def _texts(path: Path, **limits: float) -> list[tuple[int | None, str]]:
    opened = take_apart(path, MEDIA, ExtractionLimits(**limits))
    assert opened.kind == "document"
    pieces = list(opened.pieces)
    assert all(piece.modality == "text" for piece in pieces)
    return [(piece.page, piece.text or "") for piece in pieces]


def test_a_word_document_goes_by_heading_with_its_tables_in_place(tmp_path: Path) -> None:
    document = docx.Document()
    document.core_properties.created = datetime(2020, 5, 17, 12)
    document.add_heading("The harbour", 1)
    document.add_paragraph(LONG)
    table = document.add_table(2, 2)
    for cell, text in zip([*table.row_cells(0), *table.row_cells(1)], ("ship", "cargo", "Anna", "oak"), strict=True):
        cell.text = text
    document.add_heading("The town", 2)
    document.add_paragraph(LONG)
    document.save(str(tmp_path / "a.docx"))
    (_, first), (_, second) = _texts(tmp_path / "a.docx")
    assert first.startswith("The harbour\n\nTimber") and first.endswith("ship: Anna; cargo: oak")
    assert second.startswith("The town\n\nTimber")
    recorded = take_apart(tmp_path / "a.docx", MEDIA, LIMITS).recorded
    assert recorded is not None and abs(recorded - datetime(2020, 5, 17, 12).timestamp()) < 86400


def test_a_presentation_goes_by_slide_with_notes_groups_and_tables(tmp_path: Path) -> None:
    show = pptx.Presentation()
    for number in (1, 2, 3):
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = f"Slide {number}"
        box = slide.shapes.add_group_shape().shapes.add_textbox(0, 0, 999999, 999999)
        box.text_frame.text = f"in group {number}"
        table = slide.shapes.add_table(2, 2, 0, 0, 999999, 999999).table
        for place, text in enumerate(("ship", "cargo", "Anna", "oak")):
            table.cell(place // 2, place % 2).text = text
        slide.notes_slide.notes_text_frame.text = f"note {number}"
    show.save(str(tmp_path / "a.pptx"))
    assert _texts(tmp_path / "a.pptx", pages=2) == [
        (number, f"Slide {number}\n\nin group {number}\n\nship: Anna; cargo: oak\n\nnote {number}") for number in (1, 2)
    ]


def test_a_workbook_goes_by_sheet_and_row(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Stock"
    for row in (("item", "price", "day"), ("rope", 2.0, datetime(2024, 5, 1)), (None, None, None), ("sail", 0.1 + 0.2)):
        book.active.append(row)
    book.create_sheet("Empty")
    book.create_sheet("Crew").append(("Ines", "cook"))
    book.save(tmp_path / "a.xlsx")
    assert _texts(tmp_path / "a.xlsx") == [
        (1, "Stock\nitem: rope; price: 2; day: 2024-05-01\nitem: sail; price: 0.3"),
        (3, "Crew\nInes; cook"),
    ]


@pytest.mark.parametrize("extension", ["docx", "pptx", "xlsx", "odt", "ods", "odp"])
def test_every_document_says_what_is_in_it_and_ends_in_a_reason_when_it_is_cut(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    WRITERS[extension](path)
    assert any(SAID[extension] in text for _, text in _texts(path))
    for share in (0.3, 0.9, 0.99):
        with pytest.raises(ExtractionError, match=r"^damaged"):
            pieces_of(cut_short(path, tmp_path / f"b.{extension}", share))


def test_another_document_under_the_name_is_refused(tmp_path: Path) -> None:
    WRITERS["xlsx"](tmp_path / "a.xlsx")
    for name in ("b.docx", "c.pptx", "d.odt"):
        (tmp_path / name).write_bytes((tmp_path / "a.xlsx").read_bytes())
        with pytest.raises(ExtractionError, match=r"^damaged: it cannot be opened as an "):
            pieces_of(tmp_path / name)


def test_opendocument_slides_and_sheets_are_numbered(tmp_path: Path) -> None:
    WRITERS["odp"](tmp_path / "a.odp")
    assert _texts(tmp_path / "a.odp") == [(1, SAID["odp"]), (2, "Bats hunt by echo")]
    WRITERS["ods"](tmp_path / "a.ods")
    assert _texts(tmp_path / "a.ods") == [(1, "Shop\nproduct: lavender soap; price: 3.5\nproduct: candle; price: 2")]
