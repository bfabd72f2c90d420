from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from indexer.extract.source_code import blocks, python_blocks

from .making import MEDIA, pieces_of

PYTHON = '''"""What it is for."""

import os

# Why it is so.
@decorated
def first(a):
    """Says it."""

    return a


class Long:
    """Holds much."""

    def one(self):
        return 1

    def two(self):
        return 2
'''

C = """#include <stdio.h>

/* Adds. */
static int add(int a, int b)
{
    int sum = a;

    sum += b;
    return sum;
}

int main(void) {
    if (add(1, 2))
        puts("three");
    else
        puts("no");
}
"""

GO = """package main

// Area of a circle.
func Area(r float64) float64 {
	return 3.14 * r * r
}
type Point struct {
	X int
}
"""


def test_python_is_cut_before_definitions_their_comments_and_decorators() -> None:
    found = python_blocks(PYTHON, 900)
    assert found is not None
    assert [block.split("\n")[0] for block in found if block.strip()] == [
        '"""What it is for."""',
        "# Why it is so.",
        "class Long:",
    ]
    methods = python_blocks(PYTHON, 60)
    assert methods is not None and "    def two(self):\n        return 2" in methods
    for broken in ("def broken(:", "-" * 200_000 + "1", "(" * 100_000, "a" + ".a" * 100_000 + "\0"):
        assert python_blocks(broken, 900) is None


def test_other_languages_are_cut_where_something_begins_at_the_margin() -> None:
    assert [block.split("\n")[0] for block in blocks(C)] == ["#include <stdio.h>", "/* Adds. */", "int main(void) {"]
    assert [block.split("\n")[0] for block in blocks(GO)] == [
        "package main",
        "// Area of a circle.",
        "type Point struct {",
    ]


def test_long_functions_are_passages_of_their_own_and_short_ones_are_together(tmp_path: Path) -> None:
    long = "\n\n".join(f"def area_{n}(a):\n" + f"    a = a * {n} + 1\n" * 20 for n in range(3))
    (tmp_path / "a.py").write_text(long)
    texts = [piece.text or "" for piece in pieces_of(tmp_path / "a.py")]
    assert [text.split("(")[0] for text in texts] == ["def area_0", "def area_1", "def area_2"]
    (tmp_path / "b.py").write_text("\n\n".join(f"def f{n}():\n    return {n}\n" for n in range(5)))
    assert len(pieces_of(tmp_path / "b.py")) == 1
    assert all(len(text) <= MEDIA.passage_characters for text in texts)


@given(
    st.lists(st.sampled_from(["", "x = 1", "def f():", "    pass", "@d", "# c", "}", "else:", "class A:"]), max_size=20)
)
def test_nothing_is_lost(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert "\n".join(blocks(text)) == text
    found = python_blocks(text, 10)
    assert found is None or "\n".join(found) == text
