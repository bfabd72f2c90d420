"""E-mail."""

from indexer.extract.registry import Format, in_module

FORMATS = (
    Format(
        "e-mail",
        "text",
        ("eml",),
        in_module("indexer.extract.mail"),
        "passages of the message; the first names sender, subject and what is attached",
    ),
)
