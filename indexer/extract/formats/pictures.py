"""Pictures, made of pixels or drawn."""

from indexer.extract.registry import Format, in_module

_RAW = "dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 pef srw x3f erf kdc dcr mrw 3fr iiq mos"

FORMATS = (
    Format(
        "picture",
        "image",
        ("jpg", "jpeg", "jpe", "png", "apng", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "hif", "avif"),
        in_module("indexer.extract.images"),
        "the picture; an animation is cut like a video",
    ),
    Format(
        "raw photograph",
        "image",
        tuple(_RAW.split()),
        in_module("indexer.extract.raw"),
        "the photograph: the camera's preview where it is large enough",
    ),
    Format(
        "drawing",
        "image",
        ("svg", "svgz"),
        in_module("indexer.extract.vector_graphics"),
        "the drawing; nothing outside the file is opened",
        contents=("text", "archive"),
    ),
)
