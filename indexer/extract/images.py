"""Pictures: one piece each, as a person sees them (turned upright, transparency on white, first frame)."""

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from indexer.errors import ExtractionError
from indexer.extract.pictures import fitted, fitted_size
from indexer.extract.registry import Span
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """One picture as one piece with frames of shape (1, height, width, 3). Raises ExtractionError."""
    Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit warns at one size and refuses at another: ours is checked below
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            _check_size(picture, limits)
            width, height = fitted_size(*picture.size, media.image_size)
            picture.draft("RGB", (2 * width, 2 * height))  # JPEG alone: decode at 1/2, 1/4 or 1/8 of the size
            pixels = fitted(_upright_rgb(picture), media.image_size)
    except UnidentifiedImageError as error:
        raise ExtractionError("damaged: no picture can be recognised in it") from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise ExtractionError(_reason(error)) from error
    piece = ExtractedPiece("image", frames=pixels[np.newaxis])
    return Extraction("image", None, iter([piece]))


def _check_size(picture: Image.Image, limits: ExtractionLimits) -> None:
    width, height = picture.size
    if width * height > limits.megapixels * 1e6:
        raise ExtractionError(
            f"the picture is too large: {width} x {height} pixels, the limit is {limits.megapixels:g} million"
        )


def _upright_rgb(picture: Image.Image) -> Image.Image:
    picture.load()
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        picture = _eight_bit(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture)
        paper.info = picture.info
        exif = picture.getexif()
        upright = ImageOps.exif_transpose(_with_exif(paper, exif))
        return upright.convert("RGB")
    return ImageOps.exif_transpose(picture).convert("RGB")


def _with_exif(picture: Image.Image, exif: Image.Exif) -> Image.Image:
    picture.info["exif"] = exif.tobytes()
    return picture


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Deep grey pictures brought to 8 bits: 16-bit ones by their range, other numbers by the range they use."""
    values = np.asarray(picture, dtype=np.float64)
    if picture.mode == "F" or values.min() < 0 or values.max() > 65535:
        finite = np.where(np.isfinite(values), values, 0.0)
        low, high = float(finite.min()), float(finite.max())
        values = (finite - low) / (high - low or 1.0) * 65535
    grey = Image.fromarray(np.round(values / 257).astype(np.uint8), "L")
    return _with_exif(grey, picture.getexif())


def _reason(error: Exception) -> str:
    said = str(error)
    if "truncated" in said.lower() or isinstance(error, EOFError):
        missing = re.search(r"\((\d+) bytes not processed\)", said)
        return "truncated: the end of the picture is missing" if missing or said else "truncated"
    return f"damaged: {' '.join(said.split())[:150] or 'the picture cannot be decoded'}"
