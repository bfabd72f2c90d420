"""Pictures: one piece each, as a person sees them (turned upright, transparency on white, first frame)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from indexer.errors import ExtractionError
from indexer.extract.pictures import fitted, fitted_size
from indexer.extract.recorded import picture_moment
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
            recorded = picture_moment(picture)
            pixels = fitted(_upright_rgb(picture), media.image_size)
    except UnidentifiedImageError as error:
        raise ExtractionError("damaged: no picture can be recognised in it") from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise ExtractionError(_reason(error)) from error
    piece = ExtractedPiece("image", frames=pixels[np.newaxis])
    return Extraction("image", None, iter([piece]), recorded)


def _check_size(picture: Image.Image, limits: ExtractionLimits) -> None:
    width, height = picture.size
    if width * height > limits.megapixels * 1e6:
        raise ExtractionError(
            f"the picture is too large: {width} x {height} pixels, the limit is {limits.megapixels:g} million"
        )


def _upright_rgb(picture: Image.Image) -> Image.Image:
    picture.load()
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bit(picture)
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture.convert("RGBA"))
        picture = paper
    return picture.convert("RGB")


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Deep grey pictures brought to 8 bits: 16-bit ones by their range, other numbers by the range they use."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = (0.0, 65535.0) if _is_16_bit(picture, values) else (float(values.min()), float(values.max()))
    return Image.fromarray(np.round((values - low) / ((high - low) or 1.0) * 255).astype(np.uint8))


def _is_16_bit(picture: Image.Image, values: NDArray[np.float32]) -> bool:
    return picture.mode != "F" and float(values.min()) >= 0 and float(values.max()) <= 65535


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())[:150]
    if isinstance(error, EOFError) or "truncated" in said.lower():
        return "truncated: the end of the picture is missing"
    return f"damaged: {said or 'the picture cannot be decoded'}"
