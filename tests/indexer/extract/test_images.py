import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pillow_heif import register_heif_opener

from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractionLimits

from .making import MEDIA, cut_short, pieces_of

register_heif_opener()  # to write such files, too

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)
FORMATS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tif": "TIFF",
    "tiff": "TIFF",
    "heic": "HEIF",
    "avif": "AVIF",
}


def _half_red_half_green(width: int = 300, height: int = 200) -> Image.Image:
    """Red on the left, green on the right."""
    picture = Image.new("RGB", (width, height), RED)
    ImageDraw.Draw(picture).rectangle((width // 2, 0, width, height), GREEN)
    return picture


def _frame(path: Path) -> NDArray[np.uint8]:
    (piece,) = pieces_of(path)
    assert piece.modality == "image" and piece.frames is not None
    assert piece.frames.dtype == np.uint8 and piece.frames.shape[0] == 1 and piece.frames.shape[3] == 3
    return piece.frames[0]


def _is(pixel: NDArray[np.uint8], colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() < 12)


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_is_read(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    _half_red_half_green().save(path, FORMATS[extension])
    frame = _frame(path)
    assert frame.shape == (64, 96, 3)
    assert _is(frame[32, 10], RED) and _is(frame[32, 85], GREEN)


def test_a_telephone_s_picture_under_a_wrong_name_is_read(tmp_path: Path) -> None:
    _half_red_half_green().save(tmp_path / "a.heic")
    (tmp_path / "a.heic").rename(tmp_path / "a.jpg")
    assert _is(_frame(tmp_path / "a.jpg")[32, 10], RED)


@pytest.mark.parametrize(
    ("orientation", "shape", "red_at"),
    [
        (1, (64, 96), (32, 5)),
        (2, (64, 96), (32, 90)),
        (3, (64, 96), (32, 90)),
        (6, (96, 64), (5, 32)),
        (8, (96, 64), (90, 32)),
    ],
)
@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_the_camera_s_orientation_is_honoured(
    tmp_path: Path, extension: str, orientation: int, shape: tuple[int, int], red_at: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    _half_red_half_green().save(tmp_path / f"a.{extension}", exif=exif)
    frame = _frame(tmp_path / f"a.{extension}")
    assert frame.shape[:2] == shape
    assert _is(frame[red_at], RED)


def test_a_transparent_picture_lies_on_white_and_upright(tmp_path: Path) -> None:
    picture = _half_red_half_green().convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 0))
    picture.paste((*RED, 255), (0, 0, 150, 200))
    exif = Image.Exif()
    exif[0x0112] = 3
    picture.save(tmp_path / "a.png", exif=exif)
    frame = _frame(tmp_path / "a.png")
    assert _is(frame[32, 90], RED) and _is(frame[32, 5], WHITE)

    picture.quantize(8).save(tmp_path / "b.png")  # a palette with a transparent entry
    assert _is(_frame(tmp_path / "b.png")[32, 90], WHITE)


@pytest.mark.parametrize(("mode", "extension"), [("CMYK", "jpg"), ("CMYK", "tif"), ("P", "gif"), ("YCbCr", "jpg")])
def test_other_colour_modes(tmp_path: Path, mode: str, extension: str) -> None:
    _half_red_half_green().convert(mode).save(tmp_path / f"a.{extension}")
    assert _is(_frame(tmp_path / f"a.{extension}")[32, 5], RED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "F"])
def test_grey_pictures_of_any_depth(tmp_path: Path, mode: str) -> None:
    ramp = np.tile(np.linspace(0, 1, 128), (64, 1))
    if mode == "I;16":
        picture = Image.fromarray((ramp * 65535).astype(np.uint16))
    elif mode == "F":
        picture = Image.fromarray((ramp * 3).astype(np.float32))
    else:
        picture = Image.fromarray((ramp * 255).astype(np.uint8)).convert(mode)
    picture.save(tmp_path / ("a.tif" if mode == "F" else "a.png"))
    row = _frame(tmp_path / ("a.tif" if mode == "F" else "a.png")).mean(axis=(0, 2))
    assert row[:8].mean() < 30 and row[-8:].mean() > 225
    assert mode == "1" or 110 < row[60:68].mean() < 145


def test_size_rule(tmp_path: Path) -> None:
    for size, shape in [((10, 10), (64, 64)), ((64, 4000), (256, 64)), ((3000, 5), (64, 256)), ((1, 1), (64, 64))]:
        Image.new("RGB", size, RED).save(tmp_path / "a.png")
        assert _frame(tmp_path / "a.png").shape[:2] == shape
    Image.new("RGB", (4000, 64), RED).save(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as picture:
        picture.paste(GREEN, (1936, 0, 2064, 64))
        picture.save(tmp_path / "b.png")
    assert _is(_frame(tmp_path / "b.png")[32, 128], GREEN)  # cropped about the centre


def test_noise_after_a_picture_s_first_bytes_is_refused_in_plain_words(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), RED).save(tmp_path / "whole.png")
    noise = np.random.default_rng(0).bytes(3000)
    (tmp_path / "a.png").write_bytes((tmp_path / "whole.png").read_bytes()[:20] + noise)
    # A process of its own: Pillow knows HEIC here already.
    with (
        ExtractionWorker(MEDIA, ExtractionLimits()) as worker,
        pytest.raises(ExtractionError, match=r"^damaged: no pict"),
    ):
        worker.open(tmp_path / "a.png")


@pytest.mark.parametrize("extension", FORMATS)
def test_a_truncated_picture_is_refused(tmp_path: Path, extension: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole", FORMATS[extension])
    for share in (0.01, 0.5, 0.9):
        path = cut_short(tmp_path / "whole", tmp_path / f"a.{extension}", share)
        with pytest.raises(ExtractionError, match=r"^(truncated|damaged)"):
            pieces_of(path)


def test_a_picture_of_enormous_dimensions_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    (tmp_path / "bomb.png").write_bytes(bomb + chunk(b"IEND", b""))
    with pytest.raises(ExtractionError, match="too large: 60000 x 60000 pixels, the limit is 200 million"):
        pieces_of(tmp_path / "bomb.png")
    _half_red_half_green().save(tmp_path / "small.png")
    with pytest.raises(ExtractionError, match=r"300 x 200 pixels, the limit is 0\.05 million"):
        pieces_of(tmp_path / "small.png", limits=ExtractionLimits(megapixels=0.05))


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 700, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    assert MEDIA.image_size == 64
    assert np.array_equal(_frame(tmp_path / "a.jpg"), _frame(tmp_path / "a.jpg"))
