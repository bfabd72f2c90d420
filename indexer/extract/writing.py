"""Text recognised in pictures and scanned pages (rapidocr: PP-OCRv6, its models in the package, onnxruntime)."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import RecogniserError
from indexer.extract.pages import pages_without_text
from indexer.extract.registry import format_of
from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractionLimits, MediaFormat
from storage.records import TextSegment

SHORTER_SIDE = 1600
"""Pixels at which pages and large pictures are read: about 190 to the inch of an A4 page."""

_LONGER_SIDE_FOUND = 1280
"""Pixels at which lines are looked for; they are read from the full picture. Half the time, and no fewer words."""

_SMALLEST_SIDE = 16
_TALL, _STRETCH, _OVERLAP = 2.0, 1.5, 0.1
"""A picture more than _TALL times as high as it is wide is read in stretches; all in widths."""


def recognised_text(path: Path, media: MediaFormat, limits: ExtractionLimits) -> Iterator[TextSegment | None]:
    """The lines read in a picture, or in each page of a document without text, as one segment a picture or page.

    None stands for one in which nothing could be read. Only upright text is looked for. Raises ExtractionError,
    RecogniserError.
    """
    format = format_of(path)
    if format is not None and format.kind == "document":
        for page, picture in pages_without_text(path, limits, SHORTER_SIDE):
            text = read(picture)
            yield TextSegment(text, "recognised", page=page) if text else None
        return
    shorter = min(SHORTER_SIDE, _shorter_side(path))
    if shorter < _SMALLEST_SIDE:
        return
    for piece in take_apart(path, replace(media, image_size=shorter), limits).pieces:
        if piece.modality == "image" and piece.frames is not None:
            text = read(piece.frames[0])
            yield TextSegment(text, "recognised") if text else None


def read(picture: NDArray[np.uint8]) -> str:
    """The lines of text in an RGB picture of shape (height, width, 3), from top to bottom."""
    if picture.min() == picture.max():
        return ""
    recogniser = _recogniser()
    height, width, _ = picture.shape
    stretch, overlap = round(_STRETCH * width), round(_OVERLAP * width)
    tops = range(0, max(1, height - overlap), stretch - overlap) if height > _TALL * width else range(1)
    lines: list[str] = []
    before: set[str] = set()
    for top in tops:
        part = picture[top : top + stretch] if len(tops) > 1 else picture
        found = recogniser(np.ascontiguousarray(part[:, :, ::-1]), use_cls=False)  # BGR
        texts = list(found.txts or ())
        boxes = found.boxes if found.boxes is not None else ()
        lines += [
            text for text, box in zip(texts, boxes, strict=True) if box[:, 1].min() >= overlap or text not in before
        ]
        before = set(texts)
    return "\n".join(filter(None, (line.strip() for line in lines)))


def _shorter_side(path: Path) -> int:
    """Of the picture as it is stored, so that small ones are not enlarged; of drawings, any."""
    Image.MAX_IMAGE_PIXELS = None  # the limits are checked when it is decoded
    try:
        with Image.open(path) as picture:
            return min(picture.size)
    except (OSError, SyntaxError, ValueError):
        return SHORTER_SIDE


@cache
def _recogniser() -> Any:
    try:
        from rapidocr import RapidOCR

        return RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.max_side_len": 8 * SHORTER_SIDE,
                "Det.limit_type": "max",
                "Det.limit_side_len": _LONGER_SIDE_FOUND,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
    except ImportError as error:
        raise RecogniserError(f"text in pictures cannot be read: {error.name} is not installed") from error
