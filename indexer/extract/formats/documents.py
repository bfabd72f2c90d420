"""Documents made of pages."""

from indexer.extract.registry import Format, in_module

FORMATS = (
    Format("document", "document", ("pdf",), in_module("indexer.extract.pages"), "a page, its text and its picture"),
    Format(
        "comic or XPS",
        "document",
        ("cbz", "xps", "oxps"),
        in_module("indexer.extract.pages"),
        "a page, its text and its picture",
        contents=("archive",),
    ),
    Format(
        "book",
        "document",
        ("epub", "mobi"),
        in_module("indexer.extract.books"),
        "a passage of a section, with the picture of its page",
        contents=("document", "archive"),  # packed by hand, an EPUB does not begin as it should
    ),
)
