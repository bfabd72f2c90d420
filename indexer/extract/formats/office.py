"""Office documents, those of Microsoft and those of LibreOffice."""

from indexer.extract.registry import Format, in_module

FORMATS = (
    Format(
        "Word document",
        "document",
        ("docx", "docm", "dotx"),
        in_module("indexer.extract.office"),
        "a passage of the text under one heading, tables included",
        contents=("archive",),
    ),
    Format(
        "presentation",
        "document",
        ("pptx", "pptm", "ppsx"),
        in_module("indexer.extract.office"),
        "the text of a slide and its notes",
        contents=("archive",),
    ),
    Format(
        "workbook",
        "document",
        ("xlsx", "xlsm"),
        in_module("indexer.extract.office"),
        "some rows of a sheet, cells with columns",
        contents=("archive",),
    ),
    Format(
        "OpenDocument",
        "document",
        ("odt", "ods", "odp"),
        in_module("indexer.extract.opendocument"),
        "as in the three above",
        contents=("archive",),
    ),
)
