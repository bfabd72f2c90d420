import csv
from pathlib import Path

from .making import MEDIA, pieces_of

ROWS = [["name", "habitat", "size"], ["barn owl", "farm; barn", "35"], ["eagle owl", "", "70"]]


def _write(path: Path, rows: list[list[str]], **options: str) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, **options).writerows(rows)
    return path


def test_rows_are_read_with_their_columns_names(tmp_path: Path) -> None:
    expected = ["name: barn owl; habitat: farm; barn; size: 35\nname: eagle owl; size: 70"]
    for number, options in enumerate([{}, {"delimiter": ";"}, {"delimiter": "|"}]):
        path = _write(tmp_path / f"{number}.csv", ROWS, **options)
        assert [piece.text for piece in pieces_of(path)] == expected
    assert [piece.text for piece in pieces_of(_write(tmp_path / "a.tsv", ROWS, delimiter="\t"))] == expected


def test_a_table_without_header_and_a_header_without_table(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [["1", "2"], ["3", "4"]])
    assert [piece.text for piece in pieces_of(path)] == ["1; 2\n3; 4"]
    path = _write(tmp_path / "b.csv", ROWS[:1])
    assert [piece.text for piece in pieces_of(path)] == ["name; habitat; size"]


def test_many_rows_make_passages_of_whole_rows(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [["city", "people"], *[[f"city {n}", str(n * 1000)] for n in range(300)]])
    texts = [piece.text or "" for piece in pieces_of(path)]
    assert len(texts) > 3 and all(len(text) <= MEDIA.passage_characters for text in texts)
    assert [line for text in texts for line in text.split("\n")] == [
        f"city: city {n}; people: {n * 1000}" for n in range(300)
    ]
