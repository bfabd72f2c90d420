"""Text read in real pictures, by the real recogniser."""

import io
from collections.abc import Sequence
from pathlib import Path

import pymupdf
from PIL import Image, ImageDraw, ImageFont

from indexer.extract.writing import recognised_text
from storage.records import TextSegment
from tests.indexer.extract.making import LIMITS, MEDIA


def sheet(
    lines: Sequence[tuple[int, str]], size: tuple[int, int], paper: str = "white", ink: str = "black"
) -> Image.Image:
    """(font size in pixels, text) from top to bottom."""
    picture = Image.new("RGB", size, paper)
    pen, top = ImageDraw.Draw(picture), 20
    for pixels, text in lines:
        pen.text((20, top), text, font=ImageFont.load_default(size=pixels), fill=ink)
        top += 2 * pixels
    return picture


def scanned(path: Path, *pages: Image.Image | str) -> Path:
    """A PDF of pages that are pictures alone, or text."""
    document = pymupdf.open()
    for content in pages:
        page = document.new_page()
        if isinstance(content, str):
            page.insert_text((72, 72), content)
        else:
            data = io.BytesIO()
            content.save(data, "JPEG", quality=85)
            page.insert_image(page.rect, stream=data.getvalue())
    document.save(path)
    return path


def read(path: Path) -> list[TextSegment]:
    return [each for each in recognised_text(path, MEDIA, LIMITS) if each is not None]


def test_a_picture_down_to_small_text(tmp_path: Path) -> None:
    path = tmp_path / "sign.png"
    sheet([(40, "Zanzibar ferry"), (12, "departs at noon from the northern quay")], (500, 160), "navy", "white").save(
        path
    )
    (found,) = read(path)
    assert found == TextSegment("Zanzibar ferry\ndeparts at noon from the northern quay", "recognised")


def test_a_photograph_as_it_was_held(tmp_path: Path) -> None:
    path = tmp_path / "held.jpg"
    turned = sheet([(36, "Harbour master")], (500, 120)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(path, exif=exif)
    assert [each.text for each in read(path)] == ["Harbour master"]


def test_a_long_screenshot_is_read_to_its_end_and_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "long.png"
    words = ["apple", "barrel", "candle", "donkey", "engine", "fiddle", "guitar", "hammer", "island", "jacket"]
    sheet([(30, f"{word} street") for word in words], (260, 640)).save(path)
    (found,) = read(path)
    assert found.text.splitlines() == [f"{word} street" for word in words]


def test_pictures_without_text_say_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "teal").save(tmp_path / "plain.png")
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "tiny.png")
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "shade.png")
    assert [read(tmp_path / name) for name in ("plain.png", "tiny.png", "shade.png")] == [[], [], []]


def test_only_pages_without_text_are_read(tmp_path: Path) -> None:
    letter = sheet([(30, "Seven barrels of molasses"), (30, "signed: the quartermaster")], (1000, 1414))
    path = scanned(tmp_path / "letters.pdf", "A page of text, which needs no reading because it has its words.", letter)
    assert read(path) == [TextSegment("Seven barrels of molasses\nsigned: the quartermaster", "recognised", page=2)]
