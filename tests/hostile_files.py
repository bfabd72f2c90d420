"""Files made to break a program that reads them, and what is no file: ``python -m tests.hostile_files FOLDER``."""

import argparse
import contextlib
import io
import os
import random
import socket
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.sample_formats import WRITERS, drawing, write_samples


def build(folder: Path, cuts: int) -> None:
    """Everything below, in folders of their own; each sample is cut at ``cuts`` places (0: at every tenth byte)."""
    samples = write_samples(folder / "samples")
    truncated(folder / "truncated", samples, cuts)
    random_bytes(folder / "random", samples)
    bombs(folder / "bombs")
    not_files(folder / "not-files")
    names(folder / "names")


def truncated(folder: Path, samples: dict[str, Path], cuts: int) -> None:
    """The beginnings of every sample; the first half as often as the second."""
    folder.mkdir()
    for extension, path in samples.items():
        data = path.read_bytes()
        places = range(10, len(data), 10)
        chosen = places if cuts == 0 else [places[(2 * n + 1) * len(places) // (2 * cuts)] for n in range(cuts)]
        for place in chosen:
            (folder / f"{extension}-{place}.{extension}").write_bytes(data[:place])


def random_bytes(folder: Path, samples: dict[str, Path]) -> None:
    """Noise under every extension, and noise behind the first bytes of a real file."""
    folder.mkdir()
    rng = random.Random(6)
    for extension, path in samples.items():
        (folder / f"{extension}-noise.{extension}").write_bytes(rng.randbytes(3000))
        (folder / f"{extension}-headed.{extension}").write_bytes(path.read_bytes()[:64] + rng.randbytes(3000))
        (folder / f"{extension}-empty.{extension}").touch()


def bombs(folder: Path) -> None:
    """Small files that become enormous when they are read."""
    folder.mkdir()
    (folder / "pixels.png").write_bytes(png_bomb(60_000, 60_000))
    (folder / "pixels-within-the-limit.png").write_bytes(png_bomb(14_000, 14_000))
    (folder / "profile.png").write_bytes(
        png_bomb(8, 8, extra=(b"iCCP", b"p\0\0" + zlib.compress(bytes(200_000_000), 1)))
    )
    for name in ("sheet.xlsx", "text.docx", "slides.pptx", "writer.odt", "book.epub", "page.xps"):
        zip_bomb(folder / name, WRITERS[name.split(".")[1]])
    many = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    laughs = f'<!DOCTYPE svg [<!ENTITY a0 "{"ha" * 50}">{many}]>'
    (folder / "laughs.svg").write_text(laughs + drawing("<text>&a9;</text>"))
    (folder / "deep.svg").write_text(drawing("<g>" * 200_000))
    (folder / "deep.html").write_text("<div>" * 200_000 + "core")
    (folder / "deep.json").write_text("[" * 500_000)
    (folder / "deep.py").write_text("(" * 100_000)
    (folder / "pages.pdf").write_bytes(pdf_stub(100_000))
    silence(folder / "ten-hours.wav", hours=10)
    silence(folder / "a-hundred-hours.wav", hours=100, there=44)
    (folder / "promise.mp4").write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + b"\xff\xff\xff\xf0moov")


def png_bomb(width: int, height: int, extra: tuple[bytes, bytes] | None = None) -> bytes:
    """A PNG picture that is all black."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    squeeze = zlib.compressobj(1)
    row = bytes(1 + width // 8)
    rows = b"".join(squeeze.compress(row * 1000) for _ in range(min(height, 60_000) // 1000 or 1)) + squeeze.flush()
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), chunk(b"IDAT", rows)]
    if extra is not None:
        parts.insert(1, chunk(*extra))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def zip_bomb(path: Path, write: object) -> None:
    """A real document in which every part of XML is followed by 100 MB of nothing."""
    write(path)  # type: ignore[operator]
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    largest = max(
        (name for name in parts if name.endswith(("xml", "html", "fpage"))), key=lambda name: len(parts[name])
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        for name, data in parts.items():
            with bomb.open(name, "w") as part:
                if name == largest:
                    head, _, tail = data.rpartition(b"</")
                    part.write(head)
                    for _ in range(100):
                        part.write(b" x" * 500_000)
                    part.write(b"</" + tail)
                else:
                    part.write(data)


def pdf_stub(pages: int) -> bytes:
    """A PDF of ``pages`` empty pages."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b" ".join(b"%d 0 R" % (3 + page) for page in range(pages))),
        *([b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>"] * pages),
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    start = len(out)
    out += (
        b"xref\n0 %d\n" % (pages + 3)
        + b"0000000000 65535 f \n"
        + b"".join(b"%010d 00000 n \n" % place for place in places)
    )
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (pages + 3, start))


def silence(path: Path, hours: float, there: int | None = None) -> None:
    """A WAV file of that length, 8000 samples a second of 8 bits, as a sparse file; ``there``: bytes that are there."""
    samples = int(hours * 3600 * 8000)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", samples + 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", samples
    )
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + samples if there is None else there)


def not_files(folder: Path) -> None:
    """Links in circles, pipes, sockets, devices, folders under the names of files."""
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "self.png").symlink_to("self.png")
    (folder / "device.mp3").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.txt")
    os.mkfifo(folder / ".synesthete-ignore")
    (folder / "folder.pdf").mkdir()
    with in_folder(folder), socket.socket(socket.AF_UNIX) as server:  # the path of a socket is limited
        server.bind("socket.jpg")
    with contextlib.suppress(PermissionError):  # root alone makes devices
        os.mknod(folder / "null.wav", 0o600 | 0o020000, os.makedev(1, 3))


def names(folder: Path) -> None:
    """Names that are no UTF-8, look like options or markup, break lines; and a path of 4,000 characters."""
    folder.mkdir()
    for name in (b"caf\xe9.txt", b"\xff\xfe.png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("An unreadable name.")
    for name in (
        "--help.txt",
        "[bold]red[-].txt",
        "line\nbreak.txt",
        "tab\tquote\"'.txt",
        "%s%n{0}.txt",
        "x" * 250 + ".txt",
    ):
        (folder / name).write_text(f"A text with an odd name, number {len(name)}.")
    with in_folder(folder):
        length = len(os.fsencode(folder))
        while length < 4000:
            step = "d" * min(200, 4000 - length)
            os.mkdir(step)  # noqa: PTH102 - the whole path would be too long
            os.chdir(step)
            length += len(step) + 1
        with contextlib.suppress(OSError):
            Path("far.txt").write_text("A text far down.")


@contextlib.contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """With ``folder`` as the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main() -> None:
    """Build the corpus that the arguments ask for."""
    parser = argparse.ArgumentParser(description="Build a corpus of hostile files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cuts", type=int, default=0, help="places at which each sample is cut; 0: every tenth byte")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    build(arguments.folder, arguments.cuts)


if __name__ == "__main__":
    sys.exit(main())
