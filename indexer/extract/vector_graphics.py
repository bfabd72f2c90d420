"""SVG: drawn at the size that is needed. Nothing outside the file is opened, whatever it refers to."""

import gzip
import io
import re
import zlib
from dataclasses import replace
from pathlib import Path

import resvg_py
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.images import still
from indexer.extract.pictures import LONGEST
from indexer.extract.registry import Span
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

# The library would open the files that pictures in a drawing refer to; what lies in the file itself may be shown.
_OUTSIDE = re.compile(r"""\bhref(\s*=\s*)(?:"(?!\s*(?:#|data:))[^"]*"|'(?!\s*(?:#|data:))[^']*')""", re.IGNORECASE)


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """A drawing as one piece, on white. Raises ExtractionError."""
    drawing = _OUTSIDE.sub(r'href\1""', _read(path, limits))
    longer = LONGEST * media.image_size
    try:
        # Fits the drawing into the square: its own idea of its size, which may be enormous, does not matter.
        png = resvg_py.svg_to_bytes(svg_string=drawing, width=longer, height=longer)
        return replace(still(Image.open(io.BytesIO(png), formats=("PNG",)), media), dimensions=None)
    except (ValueError, IndexError, OSError) as error:
        raise ExtractionError(f"damaged: {' '.join(str(error).split())[:150]}") from error


def _read(path: Path, limits: ExtractionLimits) -> str:
    most = int(limits.text_megabytes * 1e6)
    try:
        with (gzip.open if path.suffix.lower() == ".svgz" else open)(path, "rb") as file:
            data = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ExtractionError("damaged: it cannot be unpacked") from error
    if len(data) > most:
        raise ExtractionError(f"the drawing is too large: the limit is {limits.text_megabytes:g} MB")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, errors="replace")
