"""Raw photographs: the preview that the camera put in when it is large enough, else the raw data developed."""

import io
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import rawpy
from PIL import Image, UnidentifiedImageError

from indexer.errors import ExtractionError
from indexer.extract.images import check_size, damage, still
from indexer.extract.registry import Span
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_TURNS = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}
"""LibRaw's ``flip``, how the camera was held: half a turn, a quarter to the left, a quarter to the right."""

_ORIENTATION = 0x0112


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """One photograph as one piece. Raises ExtractionError."""
    Image.MAX_IMAGE_PIXELS = None  # checked below
    try:
        with rawpy.imread(str(path)) as raw:
            check_size(raw.sizes.raw_width, raw.sizes.raw_height, limits)
            preview = _preview(raw, media, limits)
            found = still(preview if preview is not None else _developed(raw, media), media)
            # The preview may be smaller than the photograph.
            width, height = raw.sizes.width, raw.sizes.height
            dimensions = (height, width) if raw.sizes.flip in (5, 6) else (width, height)
            return replace(found, dimensions=dimensions, recorded=_moment(raw.other.timestamp) or found.recorded)
    except rawpy.LibRawUnsufficientMemoryError as error:
        raise MemoryError from error
    except rawpy.LibRawError as error:
        raise ExtractionError("damaged: no raw photograph can be made out in it") from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise ExtractionError(damage(error)) from error


def _preview(raw: rawpy.RawPy, media: MediaFormat, limits: ExtractionLimits) -> Image.Image | None:
    """The picture inside, upright; None when there is none, it is smaller than is wanted, or it is damaged."""
    try:
        thumbnail = raw.extract_thumb()
        if thumbnail.format == rawpy.ThumbFormat.JPEG:
            picture: Image.Image = Image.open(io.BytesIO(bytes(thumbnail.data)), formats=("JPEG",))
        else:
            picture = Image.fromarray(np.asarray(thumbnail.data))
        if min(picture.size) < media.image_size:
            return None
        check_size(*picture.size, limits)
        turned = picture.getexif().get(_ORIENTATION, 1) != 1  # ``still`` will turn it
        picture.load()
    except (rawpy.LibRawError, UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    turn = _TURNS.get(raw.sizes.flip)
    return picture if turned or turn is None else picture.transpose(turn)


def _developed(raw: rawpy.RawPy, media: MediaFormat) -> Image.Image:
    """The raw data as a picture, upright; at half its size where that is still enough."""
    half = min(raw.sizes.height, raw.sizes.width) >= 2 * media.image_size
    return Image.fromarray(raw.postprocess(use_camera_wb=True, half_size=half, output_bps=8))


def _moment(taken: datetime | float | None) -> float | None:
    """When the photograph was taken; a camera whose clock was never set says nothing."""
    seconds = taken.timestamp() if isinstance(taken, datetime) else float(taken or 0)
    return seconds if math.isfinite(seconds) and seconds > 86400 else None
