"""Pictures: one piece each, as a person sees them (turned upright, transparency on white, the first of several)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from indexer.errors import ExtractionError
from indexer.extract.animations import ANIMATED, animation
from indexer.extract.pictures import fitted, fitted_size, on_paper
from indexer.extract.recorded import picture_moment
from indexer.extract.registry import Span
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """One picture as one piece with frames of shape (1, height, width, 3), or the moments of an animation.

    Raises ExtractionError.
    """
    Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit warns at one size and refuses at another: ours is checked below
    try:
        with Image.open(path, formats=(*_FORMATS, *_heif(path))) as picture:
            check_size(*picture.size, limits)
            if picture.format in ANIMATED and getattr(picture, "is_animated", False):
                moving = animation(path, picture, media, limits, span)
                if moving is not None:
                    return moving
            return still(picture, media)
    except UnidentifiedImageError as error:
        raise ExtractionError("damaged: no picture can be recognised in it") from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise ExtractionError(damage(error)) from error


def still(picture: Image.Image, media: MediaFormat) -> Extraction:
    """An open picture whose size is within the limits as the one piece of its file. Raises what Pillow raises."""
    width, height = fitted_size(*picture.size, media.image_size)
    recorded = picture_moment(picture)
    sides = picture.size
    picture.draft("RGB", (2 * width, 2 * height))  # JPEG alone: decode at 1/2, 1/4 or 1/8 of the size
    upright = upright_rgb(picture)
    was_turned = (upright.width > upright.height) != (sides[0] > sides[1])
    piece = ExtractedPiece("image", frames=fitted(upright, media.image_size)[np.newaxis])
    return Extraction("image", None, iter([piece]), recorded, (sides[1], sides[0]) if was_turned else sides)


def check_size(width: int, height: int, limits: ExtractionLimits) -> None:
    """Raises ExtractionError for a picture that has more pixels than are decoded."""
    if width * height > limits.megapixels * 1e6:
        raise ExtractionError(
            f"the picture is too large: {width} x {height} pixels, the limit is {limits.megapixels:g} million"
        )


def upright_rgb(picture: Image.Image) -> Image.Image:
    """A picture as a person sees it: turned as the camera says, 8 bits a channel, transparency on white."""
    picture.load()
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bit(picture)
    return on_paper(picture)


def damage(error: Exception) -> str:
    """What is wrong with a picture, from what Pillow says of it."""
    said = " ".join(str(error).split())[:150]
    if isinstance(error, EOFError) or "truncated" in said.lower():
        return "truncated: the end of the picture is missing"
    return f"damaged: {said or 'the picture cannot be decoded'}"


def _heif(path: Path) -> tuple[str, ...]:
    """Teach Pillow to read HEIC if this may be one, whatever the file is named: telephones send it as .jpg too."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] != b"ftyp" or head[8:11] == b"avi":
        return ()
    import pillow_heif

    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Deep grey pictures brought to 8 bits: 16-bit ones by their range, other numbers by the range they use."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = (0.0, 65535.0) if _is_16_bit(picture, values) else (float(values.min()), float(values.max()))
    return Image.fromarray(np.round((values - low) / ((high - low) or 1.0) * 255).astype(np.uint8))


def _is_16_bit(picture: Image.Image, values: NDArray[np.float32]) -> bool:
    return picture.mode != "F" and float(values.min()) >= 0 and float(values.max()) <= 65535
