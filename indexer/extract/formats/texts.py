"""Plain and marked-up texts, tables and web pages."""

from indexer.extract.registry import Format, in_module

FORMATS = (
    Format(
        "text",
        "text",
        ("txt", "text", "rst", "adoc", "org"),
        in_module("indexer.extract.text"),
        "passages cut between paragraphs",
    ),
    Format(
        "Markdown",
        "text",
        ("md", "markdown"),
        in_module("indexer.extract.markdown"),
        "passages of the text under one heading",
    ),
    Format(
        "subtitles",
        "text",
        ("srt", "vtt", "ass", "ssa"),
        in_module("indexer.extract.subtitle_passages"),
        "what is said within some twenty seconds, with its times",
    ),
    Format("web page", "text", ("html", "htm", "xhtml"), in_module("indexer.extract.html"), "passages of the article"),
    Format("table", "text", ("csv", "tsv"), in_module("indexer.extract.tables"), "some rows, cells with columns"),
)
