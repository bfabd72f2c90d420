"""A small real file of every format that is read, written by the libraries that people's own files come from.

Each says (or shows) one thing that no other does, so that it can be searched for; see ``SAID``.
"""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import docx
import numpy as np
import openpyxl
import pillow_heif
import pptx
import pymupdf
from numpy.typing import NDArray
from odfdo import Document, DrawPage, Frame, Header, Paragraph, Table
from PIL import Image

from tests.indexer.extract.making import tone, write_sound, write_video

SAID = {
    "txt": "lighthouse keepers trim the lamp at dusk",
    "md": "a marmot whistles when an eagle comes",
    "html": "worker bees fan the honey with their wings",
    "csv": "walnut furniture polish",
    "py": "def compound_interest",
    "docx": "the harbour master records every ship",
    "pptx": "volcanoes erupt where plates part",
    "xlsx": "cinnamon buns",
    "odt": "the glacier calves into the fjord",
    "ods": "lavender soap",
    "odp": "owls turn their heads to listen",
    "srt": "turn left at the old mill",
    "eml": "the piano tuner comes on Thursday",
    "epub": "Captain Brandt set sail for Iceland",
    "pdf": "tomatoes ripen on the southern wall",
}
"""What the text in each file says, by extension."""

Pixels = NDArray[np.uint8]


def scene(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """A picture with edges and gradients, red on the left and green on the right."""
    y, x = np.mgrid[:height, :width]
    wave = (60 * np.sin(x / 5 + seed) * np.cos(y / 7)).astype(int)
    red = np.where(x < width / 2, 230, 20) - np.abs(wave)
    green = np.where(x < width / 2, 20, 200) + wave // 3
    return Image.fromarray(np.clip(np.stack([red, green, 40 + y // 2], -1), 0, 255).astype(np.uint8))


def raw_photograph(path: Path, preview: Image.Image | None = None, size: int = 96) -> Path:
    """A DNG (TIFF with Adobe's tags) of one colour, as a sensor under Bayer's filter sees it; ``preview`` as JPEG."""
    bayer = np.full((size, size), 3000, "<u2")
    bayer[0::2, 0::2] = 14000  # red
    bayer[1::2, 1::2] = 1000  # blue
    jpeg = io.BytesIO()
    if preview is not None:
        preview.save(jpeg, "JPEG", quality=90)
    entries = {
        254: ("I", [0]),
        256: ("I", [size]),
        257: ("I", [size]),
        258: ("H", [16]),
        259: ("H", [1]),
        262: ("H", [32803]),
        271: ("s", b"Test\0"),
        272: ("s", b"Test Camera\0"),
        273: ("I", [0]),
        274: ("H", [1]),
        277: ("H", [1]),
        278: ("I", [size]),
        279: ("I", [bayer.nbytes]),
        306: ("s", b"2021:06:05 10:20:30\0"),
        33421: ("H", [2, 2]),
        33422: ("B", [0, 1, 1, 2]),
        50706: ("B", [1, 4, 0, 0]),
        50708: ("s", b"Test Camera\0"),
        50714: ("H", [0]),
        50717: ("H", [16383]),
        50721: ("r", [(1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1)]),
        50728: ("R", [(1, 1), (1, 1), (1, 1)]),
        50778: ("H", [21]),
    }
    blocks = [bayer.tobytes()]
    ifds = [entries]
    if preview is not None:
        data = jpeg.getvalue()
        blocks.append(data)
        ifds.append(
            {
                254: ("I", [1]),
                256: ("I", [preview.width]),
                257: ("I", [preview.height]),
                258: ("H", [8, 8, 8]),
                259: ("H", [7]),
                262: ("H", [6]),
                273: ("I", [0]),
                277: ("H", [3]),
                278: ("I", [preview.height]),
                279: ("I", [len(data)]),
            }
        )
    path.write_bytes(_tiff(ifds, blocks))
    return path


def _tiff(ifds: list[dict], blocks: list[bytes]) -> bytes:
    """A little-endian TIFF; tag 273 of each directory gets the place of its block of pixels."""
    kinds = {"B": (1, 1), "s": (2, 1), "H": (3, 2), "I": (4, 4), "R": (5, 8), "r": (10, 8)}
    out = bytearray(b"II*\0\0\0\0\0")
    places = []
    for block in blocks:
        places.append(len(out))
        out += block + b"\0" * (len(block) % 2)
    link = 4
    for ifd, place in zip(ifds, places, strict=True):
        rows = []
        for tag, (kind, values) in sorted({**ifd, 273: ("I", [place])}.items()):
            code, _ = kinds[kind]
            if kind == "s":
                data, count = values, len(values)
            elif kind in "rR":
                data, count = b"".join(struct.pack("<ii", *pair) for pair in values), len(values)
            else:
                data, count = struct.pack(f"<{len(values)}{kind}", *values), len(values)
            if len(data) > 4:
                at = len(out)
                out += data + b"\0" * (len(data) % 2)
                data = struct.pack("<I", at)
            rows.append(struct.pack("<HHI", tag, code, count) + data.ljust(4, b"\0"))
        out[link : link + 4] = struct.pack("<I", len(out))
        out += struct.pack("<H", len(rows)) + b"".join(rows)
        link = len(out)
        out += b"\0\0\0\0"
    return bytes(out)


def write_epub(path: Path, chapters: list[tuple[str, str]]) -> Path:
    """A book with a file and an entry in the table of contents for each (title, text)."""
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    points = "".join(f'<li><a href="c{n}.xhtml">{title}</a></li>' for n, (title, _) in enumerate(chapters))
    xhtml = '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title>t</title></head>'
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr(
            "META-INF/container.xml",
            '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        )
        book.writestr(
            "book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title>'
            '<dc:identifier id="i">1</dc:identifier><dc:language>en</dc:language></metadata>'
            '<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
            f"{items}</manifest><spine>{spine}</spine></package>",
        )
        book.writestr("nav.xhtml", f'{xhtml}<body><nav epub:type="toc"><ol>{points}</ol></nav></body></html>')
        for number, (title, text) in enumerate(chapters):
            paragraphs = "".join(f"<p>{paragraph}</p>" for paragraph in text.split("\n\n"))
            book.writestr(f"c{number}.xhtml", f"{xhtml}<body><h1>{title}</h1>{paragraphs}</body></html>")
    return path


def write_xps(path: Path, text: str) -> Path:
    """One page with a black square and, if a font is found inside PyMuPDF, ``text``."""
    font = pymupdf.Font("helv").buffer
    rels = "http://schemas.openxmlformats.org/package/2006/relationships"
    page = (
        '<FixedPage Width="400" Height="300" xmlns="http://schemas.microsoft.com/xps/2005/06" xml:lang="en">'
        '<Path Data="M 20,20 L 120,20 120,120 20,120 Z" Fill="#000000"/>'
        f'<Glyphs Fill="#000000" FontUri="/font.ttf" FontRenderingEmSize="20" OriginX="20" OriginY="200" '
        f'UnicodeString="{text}"/></FixedPage>'
    )
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="fdseq" ContentType="application/vnd.ms-package.xps-fixeddocumentsequence+xml"/>'
            '<Default Extension="fdoc" ContentType="application/vnd.ms-package.xps-fixeddocument+xml"/>'
            '<Default Extension="fpage" ContentType="application/vnd.ms-package.xps-fixedpage+xml"/>'
            '<Default Extension="ttf" ContentType="application/vnd.ms-opentype"/></Types>',
        )
        package.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{rels}"><Relationship Id="r" Target="/s.fdseq" '
            'Type="http://schemas.microsoft.com/xps/2005/06/fixedrepresentation"/></Relationships>',
        )
        package.writestr(
            "s.fdseq",
            '<FixedDocumentSequence xmlns="http://schemas.microsoft.com/xps/2005/06">'
            '<DocumentReference Source="/d.fdoc"/></FixedDocumentSequence>',
        )
        package.writestr(
            "d.fdoc",
            '<FixedDocument xmlns="http://schemas.microsoft.com/xps/2005/06"><PageContent Source="/p.fpage"/>'
            "</FixedDocument>",
        )
        package.writestr("p.fpage", page)
        package.writestr("font.ttf", font)
    return path


def write_comic(path: Path) -> Path:
    """Two pages, each a picture."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in (1, 2):
            page = io.BytesIO()
            scene(90, 120, seed=number).save(page, "JPEG")
            archive.writestr(f"{number:03}.jpg", page.getvalue())
    return path


def write_animation(path: Path, scenes: list[Image.Image], each: int = 10, milliseconds: int = 100) -> Path:
    """Every scene for ``each`` pictures, swaying, so that no two are alike."""
    pictures = [
        Image.fromarray(np.roll(np.asarray(picture), number % 2, axis=1))
        for picture in scenes
        for number in range(each)
    ]
    first, *rest = pictures
    named = {"png": "PNG", "apng": "PNG"}.get(path.suffix[1:])
    first.save(path, named, save_all=True, append_images=rest, duration=milliseconds, loop=0)
    return path


def drawing(inside: str = "") -> str:
    """An SVG drawing: red on the left, green on the right."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 96 64">'
        '<title>a flag</title><rect width="48" height="64" fill="#ff0000"/>'
        f'<rect x="48" width="48" height="64" fill="#00ff00"/>{inside}</svg>'
    )


def _txt(path: Path) -> None:
    path.write_text(f"On the coast, {SAID['txt']}.\n")


def _md(path: Path) -> None:
    path.write_text(f"# Alps\n\nHigh up, {SAID['md']}.\n\n## Plants\n\n" + "Edelweiss grows on limestone. " * 10)


def _html(path: Path) -> None:
    path.write_text(f"<html><head><title>Bees</title></head><body><p>In summer {SAID['html']}.</p></body></html>")


def _csv(path: Path) -> None:
    path.write_text(f"product,price\n{SAID['csv']},12.50\nbrush,3.20\n")


def _py(path: Path) -> None:
    path.write_text(f'{SAID["py"]}(sum, rate):\n    """What a sum grows to."""\n    return sum * (1 + rate)\n')


def _docx(path: Path) -> None:
    document = docx.Document()
    document.add_heading("The harbour", 1)
    document.add_paragraph(f"By the sea {SAID['docx']}.")
    table = document.add_table(2, 2)
    for cell, text in zip([*table.row_cells(0), *table.row_cells(1)], ("ship", "cargo", "Anna", "timber"), strict=True):
        cell.text = text
    document.add_heading("The town", 1)
    document.add_paragraph("Its market is on Saturdays. " * 10)
    document.save(str(path))


def _pptx(path: Path) -> None:
    show = pptx.Presentation()
    for title, text in (("The Earth", SAID["pptx"]), ("The Moon", "Its craters are old")):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        slide.notes_slide.notes_text_frame.text = f"Remember to pause after {title}"
    show.save(str(path))


def _xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Bakery"
    for row in (("product", "price"), (SAID["xlsx"], 2.5), ("rye bread", 4)):
        book.active.append(row)
    book.create_sheet("Empty")
    book.create_sheet("Staff").append(("name", "role"))
    book["Staff"].append(("Ines", "pastry chef"))
    book.save(path)


def _odt(path: Path) -> None:
    document = Document("text")
    document.body.clear()
    for part in (Header(1, "The north"), Paragraph(f"In spring {SAID['odt']}."), Header(1, "The south")):
        document.body.append(part)
    document.body.append(Paragraph("Olives ripen late. " * 15))
    document.save(path)


def _ods(path: Path) -> None:
    document = Document("spreadsheet")
    document.body.clear()
    table = Table("Shop")
    table.set_values([["product", "price"], [SAID["ods"], 3.5], ["candle", 2]])
    document.body.append(table)
    document.save(path)


def _odp(path: Path) -> None:
    document = Document("presentation")
    document.body.clear()
    for number, text in enumerate((SAID["odp"], "Bats hunt by echo"), start=1):
        page = DrawPage(f"page{number}", name=f"Slide {number}")
        page.append(Frame.text_frame(text, size=("10cm", "2cm"), position=("1cm", "1cm")))
        document.body.append(page)
    document.save(path)


def _srt(path: Path) -> None:
    path.write_text(
        "1\n00:00:01,000 --> 00:00:03,500\n<i>Listen:</i>\n\n"
        f"2\n00:00:04,000 --> 00:00:07,000\n{SAID['srt']}\n\n3\n00:01:30,000 --> 00:01:32,000\nWe are there.\n"
    )


def _eml(path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Music room", "Ada <ada@example.org>", "bo@example.org"
    message["Date"] = "Tue, 04 May 2021 10:00:00 +0200"
    message.set_content(f"Hello Bo,\n\n{SAID['eml']}.\n")
    message.add_alternative(f"<p>Hello Bo,</p><p>{SAID['eml']}.</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4 not really", maintype="application", subtype="pdf", filename="invoice-42.pdf")
    path.write_bytes(bytes(message))


def _epub(path: Path) -> None:
    write_epub(path, [("Departure", f"{SAID['epub']}."), ("Storm", "The wind rose. " * 40)])


def _pdf(path: Path) -> None:
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), f"In August {SAID['pdf']}.")
        document.save(path)


def _heic(path: Path) -> None:
    pillow_heif.from_pillow(scene()).save(path, quality=90)


def _video(path: Path) -> None:
    write_video(path, seconds=2, cuts=(1,), sound=("aac", tone(2, 48_000)))


def _sound(codec: str, container: str | None = None) -> Callable[[Path], object]:
    return lambda path: write_sound(path, tone(1, 48_000), codec, container=container)


WRITERS: dict[str, Callable[[Path], object]] = {
    "txt": _txt,
    "md": _md,
    "html": _html,
    "csv": _csv,
    "py": _py,
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "odt": _odt,
    "ods": _ods,
    "odp": _odp,
    "srt": _srt,
    "eml": _eml,
    "epub": _epub,
    "pdf": _pdf,
    "xps": lambda path: write_xps(path, "Weather"),
    "cbz": write_comic,
    "jpg": lambda path: scene().save(path),
    "png": lambda path: scene().save(path),
    "bmp": lambda path: scene(48, 32).save(path),
    "tif": lambda path: scene().save(path),
    "heic": _heic,
    "avif": lambda path: scene().save(path),
    "gif": lambda path: write_animation(path, [scene(48, 32), scene(32, 48).transpose(2)]),
    "webp": lambda path: write_animation(path, [scene(48, 32)]),
    "apng": lambda path: write_animation(path, [scene(48, 32)]),
    "dng": lambda path: raw_photograph(path, scene(160, 120)),
    "svg": lambda path: path.write_text(drawing()),
    "svgz": lambda path: path.write_bytes(gzip.compress(drawing().encode())),
    "wav": _sound("pcm_s16le"),
    "flac": _sound("flac"),
    "mp3": _sound("libmp3lame"),
    "ogg": _sound("libopus", "ogg"),
    "opus": _sound("libopus"),
    "m4a": _sound("aac"),
    "aiff": _sound("pcm_s16be"),
    "mp4": _video,
    "mkv": _video,
    "avi": lambda path: write_video(path, "mjpeg", seconds=1, cuts=()),
}
"""How a file of each extension is written; extensions that are read by the same code are represented by one."""


def write_samples(folder: Path) -> dict[str, Path]:
    """A file of each kind in ``folder``, by extension."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {extension: folder / f"{extension}-sample.{extension}" for extension in WRITERS}
    for extension, path in paths.items():
        WRITERS[extension](path)
    return paths
