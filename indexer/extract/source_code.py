"""Source code: a passage is a function or class (several small ones), cut at blank lines where it is long."""

import ast
import itertools
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from indexer.extract.decode import read_text
from indexer.extract.passages import CODE
from indexer.extract.registry import Span
from indexer.extract.sections import Section, section_pieces
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_MOST_PARSED = 2_000_000
"""Characters above which a Python file is not parsed: a syntax tree takes a hundred times its text."""

# A line at the left margin that goes on with the block above it: a closing bracket, else, or a label.
_CONTINUES = re.compile(r"[)\]}]|(?:else|elif|except|finally|catch|then|do|done|end|fi|esac|begin|rescue|ensure)\b")
_INTRODUCES = re.compile(r"@|#|//|/\*|\*|--|;|\"\"\"|\[<|#\[|template\b")


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The definitions in a source file as passages. Raises ExtractionError."""
    text = read_text(path, limits, declared=True)
    found = python_blocks(text, media.passage_characters) if path.suffix.lower() in (".py", ".pyi") else None
    sections = (Section(block) for block in found or blocks(text))
    return Extraction("text", None, section_pieces(sections, media.passage_characters, CODE))


def python_blocks(text: str, limit: int) -> list[str] | None:
    """A Python file cut before each function and class, and a class longer than ``limit`` before each method.

    None when it is no Python that this version can parse.
    """
    if len(text) > _MOST_PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last for nesting that is too deep, too
        return None
    lines = text.split("\n")
    starts = {0}
    for node in tree.body:
        _add_starts(node, lines, limit, starts)
    edges = [*sorted(start for start in starts if start < len(lines)), len(lines)]
    return ["\n".join(lines[start:end]) for start, end in itertools.pairwise(edges)]


def _add_starts(node: ast.stmt, lines: list[str], limit: int, starts: set[int]) -> None:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    end = node.end_lineno or node.lineno
    starts |= {first, end}
    if isinstance(node, ast.ClassDef) and sum(map(len, lines[first:end])) > limit:
        for inner in node.body:
            _add_starts(inner, lines, limit, starts)


def blocks(text: str) -> Iterator[str]:
    """A file in any language cut where a line at the left margin begins something new after a blank line or a block.

    That is where definitions begin in nearly every language that people indent; comments and attributes stay with the
    definition below them.
    """
    lines = text.split("\n")
    start = 0
    inside = False  # the line before belongs to the body of a block
    for number, line in enumerate(lines):
        at_margin = bool(line) and not line[0].isspace()
        if at_margin and number > start and not _CONTINUES.match(line):
            introduced = bool(lines[number - 1].strip()) and _INTRODUCES.match(lines[number - 1])
            if (inside or not lines[number - 1].strip()) and not introduced:
                yield "\n".join(lines[start:number])
                start = number
        inside = bool(line) and (line[0].isspace() or bool(_CONTINUES.match(line)))
    yield "\n".join(lines[start:])
