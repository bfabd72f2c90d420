"""The index of words on a real SQLite file: in step with the rows, whichever way they come, change and go."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import transcripts, words
from storage.catalog import Catalog
from storage.check import check_folder, repair
from storage.name_words import name_words
from storage.records import FileState, Piece, PieceFilter, Source, TextSegment, Transcript

UNIT = np.array([1, 0, 0, 0], dtype=np.float16)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path)
    catalog.bind_model("model", 4)
    put(catalog, "/home/me/Norway/FjordTrip2018.pdf", "A crème brûlée by the sea", page=2)
    put(catalog, "/home/me/notes.txt", "The sea, and the sea again")
    return catalog


def put(catalog: Catalog, path: str, text: str | None, page: int | None = None) -> None:
    kind = "text" if page is None else "document"
    source = Source(path, kind, FileState(1, 1), path.encode())
    catalog.put_source(source, [Piece(kind, UNIT, text, page=page)])


def found(catalog: Catalog, *asked: str, condition: PieceFilter | None = None) -> list[tuple[int, str, int | None]]:
    with catalog.reading() as connection:
        matches = words.find(connection, words.all_of(asked), condition or PieceFilter())
        return [(match.source_id, match.origin, match.page) for match in matches]


def assert_in_step(catalog: Catalog) -> None:
    assert check_folder(catalog.path.parent) == []


def test_words_of_texts_and_names_are_found_accents_and_case_aside(catalog: Catalog) -> None:
    assert found(catalog, "CREME", "brulee") == [(1, "page", 2)]
    assert found(catalog, "sea") == [(2, "passage", None), (1, "page", 2)]  # more often, in fewer words
    assert found(catalog, "norway") == found(catalog, "fjord", "2018") == [(1, "name", None)]
    assert found(catalog, "sea", condition=PieceFilter(globs=("*.pdf",))) == [(1, "page", 2)]
    assert_in_step(catalog)


@pytest.mark.parametrize("text", ["sea*", "(sea", "NEAR", "NOT sea", 'sea "', "*", "^sea", "text:sea", "-sea", "sea\0"])
def test_characters_of_the_search_language_are_plain(catalog: Catalog, text: str) -> None:
    assert found(catalog, text) in ([], found(catalog, "sea"))


def test_a_renamed_file_is_found_by_its_new_name_alone(catalog: Catalog) -> None:
    path = "/home/me/Norway/FjordTrip2018.pdf"
    held = catalog.sources_under(path)[path]
    catalog.move_source(held, Source("/home/me/Sweden/lake.pdf", "document", held.source.state, path.encode()))
    assert found(catalog, "norway") == [] and found(catalog, "sweden", "lake") == [(1, "name", None)]
    catalog.copy_source(held, Source("/other.pdf", "document", held.source.state, path.encode()))
    assert [origin for _, origin, _ in found(catalog, "creme")] == ["page", "page"]
    assert found(catalog, "other") == [(3, "name", None)]
    assert_in_step(catalog)


def test_what_is_deleted_or_replaced_leaves_no_words(catalog: Catalog) -> None:
    put(catalog, "/home/me/notes.txt", "Hills")
    assert found(catalog, "sea") == [(1, "page", 2)] and found(catalog, "hills") == [(2, "passage", None)]
    said = Transcript("speech", "model", (TextSegment("an echo", "speech", 1.0, 2.0),))
    with catalog.writing() as connection:
        transcripts.put(connection, 2, said)
    assert found(catalog, "echo") == [(2, "speech", None)]
    with catalog.writing() as connection:
        transcripts.put(connection, 2, Transcript("speech", "better model"))
    assert found(catalog, "echo") == [] and found(catalog, "notes") == [(2, "name", None)]
    assert_in_step(catalog)
    catalog.forget("/home")
    with catalog.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM words_docsize").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM segment").scalar() == 0


def test_sources_that_hold_a_phrase(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        assert words.sources_with(connection, words.all_of(["the sea"])) == {1, 2}
        assert words.sources_with(connection, words.all_of(["by the sea"])) == {1}
        assert words.sources_with(connection, words.all_of(["fjord trip"])) == {1}


def test_which_sources_hold_which_words_wherever_in_them(catalog: Catalog) -> None:
    pieces = [Piece("text", UNIT, "A lighthouse."), Piece("text", UNIT, "An owl.")]
    catalog.put_source(Source("/harbour/a.txt", "text", FileState(1, 1), b"a"), pieces)
    put(catalog, "/b.txt", "An owl and an owl.")
    held = {name: stored.id for name, stored in catalog.sources_under("/").items()}
    with catalog.looking() as connection:
        asked = {word: words.matching(connection, f'"{word}"', held.values()) for word in ("owl", "harbour", "glacier")}
        assert words.matching(connection, '"owl"', [held["/b.txt"]]) == {held["/b.txt"]}
    assert asked == {
        "owl": {held["/harbour/a.txt"], held["/b.txt"]},
        "harbour": {held["/harbour/a.txt"]},
        "glacier": set(),
    }


def test_an_index_of_words_out_of_step_is_noticed_and_made_anew(catalog: Catalog, tmp_path: Path) -> None:
    with catalog.writing() as connection:
        connection.exec_driver_sql("INSERT INTO words (words, rowid, text) VALUES ('delete', 2, 'creme')")
    catalog.close()
    assert ["words" in finding.what for finding in check_folder(tmp_path)] == [True]
    assert any("index of words" in line for line in repair(tmp_path))
    assert check_folder(tmp_path) == []
    assert found(Catalog(tmp_path), "creme") == [(1, "page", 2)]


WORD = st.sampled_from(["sea", "hill", "wood", "bay"])


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.lists(WORD, max_size=4), min_size=1, max_size=8),
    asked=st.lists(WORD, min_size=1, max_size=3),
    only=st.none() | st.frozensets(st.integers(1, 8), max_size=5),
    without=st.frozensets(st.integers(1, 8), max_size=3),
    folder=st.sampled_from([None, "/0", "/1"]),
)
def test_words_under_any_filter_are_those_of_a_search_through_everything(
    texts: list[list[str]], asked: list[str], only: frozenset[int] | None, without: frozenset[int], folder: str | None
) -> None:
    with TemporaryDirectory() as place:
        catalog = Catalog(Path(place))
        catalog.bind_model("model", 4)
        for number, each in enumerate(texts):
            put(catalog, f"/{number % 2}/{number}.txt", " ".join(each))
        condition = PieceFilter(under=folder, sources=only, not_sources=without)
        passing = {
            number
            for number in range(1, len(texts) + 1)
            if (only is None or number in only)
            and number not in without
            and (folder is None or folder == f"/{(number - 1) % 2}")
        }
        with catalog.reading() as connection:
            whole = {match.source_id for match in words.find(connection, words.all_of(asked), condition)}
            part = {match.source_id for match in words.find(connection, words.any_of(asked), condition)}
        catalog.close()
    assert whole == {number for number in passing if set(asked) <= set(texts[number - 1])}
    assert part == {number for number in passing if set(asked) & set(texts[number - 1])}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/me/Norway/2018/IMG2041.jpg", "Norway 2018 IMG2041.jpg IMG 2041"),
        ("/a.txt", "a.txt"),
        ("/x/myHolidayPDF2.pdf", "x myHolidayPDF2.pdf my Holiday PDF 2"),
    ],
)
def test_words_of_a_name(path: str, expected: str) -> None:
    assert name_words(path) == expected
