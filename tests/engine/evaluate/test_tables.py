"""Results as tables: on a terminal, in a pipe, in Markdown."""

import io
import re

import pytest
from rich.console import Console

from engine.evaluate.tables import WIDE, make_tables, markdown, show, spread
from tests.engine.evaluate.conftest import Evaluated


def test_mean_and_spread() -> None:
    assert spread([1.0], 1) == "1.0"
    assert spread([1.0, 3.0], 2) == "2.00±1.41"


def test_every_column_row_and_score_is_in_the_tables(evaluated: Evaluated) -> None:
    tables = {table.title: table for table in make_tables(evaluated.report)}
    headers = [name for table in tables.values() for name in table.header]
    for name, told in evaluated.report["columns"].items():
        if not name.endswith("mixed pool"):
            assert any(header.startswith(name) for header in headers), name
            assert told["queries"] > 0
    pictures = tables["Pictures (R@1/R@10)"]
    assert [row[0] for row in pictures.rows] == ["queries", "pool", "chance", *evaluated.report["rows"]]
    cells = [seed["scores"]["text to image"] for seed in evaluated.report["rows"]["image"].values()]
    at_1 = spread([100 * cell["recall@1"] for cell in cells], 1)
    at_10 = spread([100 * cell["recall@10"] for cell in cells], 1)
    row = next(row for row in pictures.rows if row[0] == "image")
    assert row[pictures.header.index("text to image")] == f"{at_1}/{at_10}"


def test_photos_are_read_by_reciprocal_rank_and_hits(evaluated: Evaluated) -> None:
    table = next(table for table in make_tables(evaluated.report) if "photos (MRR (hits@1/@10))" in table.header)
    cell = next(row for row in table.rows if row[0] == "base")[table.header.index("photos (MRR (hits@1/@10))")]
    photos = evaluated.report["rows"]["base"]["0"]["scores"]["photos"]
    queries = evaluated.report["columns"]["photos"]["queries"]
    found = re.fullmatch(r"([\d.]+)±0.000 \(([\d.]+)/([\d.]+)\)", cell)
    assert found is not None
    assert float(found[1]) == pytest.approx(photos["mrr"], abs=1e-3)
    assert float(found[2]) == pytest.approx(photos["recall@1"] * queries)


@pytest.mark.parametrize("width", [None, 80, 200])
def test_nothing_is_cut_and_what_was_not_made_is_said(evaluated: Evaluated, width: int | None) -> None:
    file = io.StringIO()
    show(Console(file=file, highlight=False, width=width, force_terminal=width is not None), evaluated.report)
    text = re.sub("\x1b\\[[0-9;]*m", "", file.getvalue())
    assert "…" not in text and max(map(len, text.splitlines())) <= (width or WIDE)
    assert text.rstrip().endswith("not made: joint")


def test_markdown_has_all_tables_with_as_many_cells_as_columns(evaluated: Evaluated) -> None:
    text = markdown(evaluated.report)
    tables = make_tables(evaluated.report)
    assert [line[4:] for line in text.splitlines() if line.startswith("### ")] == [table.title for table in tables]
    for block in text.split("### ")[1:]:
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) == 1
    assert "Seeds 0, 1: mean, ± standard deviation. not made: joint" in text
