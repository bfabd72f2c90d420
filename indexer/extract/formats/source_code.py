"""Source code and configuration."""

from indexer.extract.registry import Format, in_module

_EXTENSIONS = (
    "py pyi js mjs ts jsx tsx c h cpp hpp cc cxx hh cs java go rs rb php pl pm lua sh bash zsh fish ps1 bat sql r jl "
    "swift kt kts scala hs ml mli clj ex exs erl f90 pas asm m vb dart zig nim groovy gradle cmake "
    "css scss toml yaml yml json jsonl ini cfg conf xml xsl tex bib diff patch log"
)

FORMATS = (
    Format(
        "source code",
        "text",
        tuple(_EXTENSIONS.split()),
        in_module("indexer.extract.source_code"),
        "a function or class, small ones together, long ones cut between blocks",
    ),
)
