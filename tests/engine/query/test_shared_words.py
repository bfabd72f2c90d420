"""Files that ask are compared by their words too: real files, indexed and asked with."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import SearchEngine
from engine.query.calibrate import deviations
from engine.query.candidates import BestPiece
from engine.query.hits import Hit
from engine.query.shared_words import by_meaning_and_words, shared_words, telling_words
from storage.records import PieceFilter

NOTES = {
    "hours": "The reading room is open from ten in the morning until six in the evening. Bags stay in the lockers by "
    "the door. Ask the librarian at the desk for books from the stacks, which are brought up every hour.",
    "rules": "Readers use pencils, not pens. Books are read at the tables by the window and given back at the desk "
    "before the reading room closes. Photographs need the leave of the librarian.",
    "visit": "We came on a wet Tuesday and had the whole place to ourselves. An old man showed us the Zwanenburg "
    "globe, and told us of Ottoline Kerkhoven, who had carried it home on a barge. Then we went for pancakes.",
    "garden": "The beans are up and the slugs are at them. I put the netting over the peas and dug the last bed, and "
    "then it rained until Sunday, so that the potatoes have to wait.",
    "train": "The slow train leaves from the second platform. Change at the junction, where there is a buffet, and "
    "sit on the left for the view of the river.",
    "bread": "Flour, water, salt, and a spoon of yesterday's dough. Leave it overnight under a cloth and bake it hot.",
}
PAGE = (
    "Guide to the collections. In the middle of the reading room stands the Zwanenburg globe, the gift of Ottoline "
    "Kerkhoven. Kerkhoven had the Zwanenburg globe mended; readers may turn it. The librarian keeps the key."
)


def write_page(path: Path, text: str) -> None:
    with pymupdf.open() as document:
        document.new_page(width=420, height=595).insert_textbox((48, 50, 372, 550), text, fontsize=11)
        document.save(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "notes").mkdir()
    for name, text in NOTES.items():
        (folder / "notes" / f"{name}.txt").write_text(text)
    (folder / "notes" / "ottoline.txt").write_text("To be paid: eleven, and four for the stamps.")
    write_page(folder / "guide.pdf", PAGE)
    (folder / "guide.txt").write_text(PAGE)
    return folder


@pytest.fixture(scope="module")
def engine(files: Path) -> Iterator[SearchEngine]:
    with SearchEngine.open(files / "data") as engine:
        engine.index(files / "notes")
        yield engine


def order(hits: tuple[Hit, ...]) -> list[str]:
    return [Path(hit.path).stem for hit in hits]


@pytest.mark.parametrize("name", ["guide.pdf", "guide.pdf#1", "guide.txt"])
def test_names_that_a_page_and_a_text_share_bring_the_text_to_the_top(
    engine: SearchEngine, files: Path, name: str
) -> None:
    hits = engine.search(like=[f"{files}/{name}"]).hits
    assert order(hits)[:2] == ["visit", "hours"]
    if name == "guide.txt":
        assert hits[0].score < hits[1].score, "by meaning alone it would be second"
    assert [hit.relevance for hit in hits] == sorted((hit.relevance for hit in hits), reverse=True)
    assert engine.search(like=[f"{files}/{name}"]).hits == hits


def test_the_words_are_the_telling_ones_and_names_of_files_do_not_count(engine: SearchEngine) -> None:
    nothing = np.empty(0, dtype=np.int64)
    with engine.catalog.reading() as connection:
        telling = telling_words(connection, [PAGE])
        shared = shared_words(connection, [PAGE], PieceFilter(), nothing, 10)
        within = shared_words(connection, [PAGE], PieceFilter(kinds=frozenset({"image"})), nothing, 10)
        assert telling_words(connection, ["", "the of and", "*", '"']) == []
    assert {"globe", "kerkhoven", "zwanenburg"} == set(telling[:3]) and "the" not in telling
    sources = engine.catalog.sources_under("/")
    assert next(iter(shared)) == next(held.id for path, held in sources.items() if path.endswith("visit.txt"))
    assert not any(held.id in shared for path, held in sources.items() if "ottoline" in path)
    assert within == {}


def test_a_page_does_not_find_the_rest_of_its_file_by_its_own_words(engine: SearchEngine, files: Path) -> None:
    """What is asked with is hidden, and so is what it shares with itself."""
    visit = next(hit for hit in engine.search("globe on a barge").hits if hit.path.endswith("visit.txt"))
    own = np.array(sorted(visit.pieces), dtype=np.int64)
    with engine.catalog.reading() as connection:
        shared = shared_words(connection, [NOTES["visit"]], PieceFilter(), own, 10)
    number = engine.catalog.sources_under(visit.path)[visit.path].id
    assert number not in shared
    assert "visit" not in order(engine.search(like=[visit]).hits)


def test_a_very_long_text_asks_with_a_few_words(engine: SearchEngine) -> None:
    with engine.catalog.reading() as connection:
        long = " ".join(f"word{number}" for number in range(30_000)) + PAGE
        assert telling_words(connection, [long]) == []  # it begins with what no file holds
        assert len(telling_words(connection, [*NOTES.values()])) == 25


@given(
    st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=8),
    st.dictionaries(st.integers(0, 7), st.floats(0.0, 50.0)),
)
def test_the_sum_orders_and_loses_nothing(relevances: list[float], shared: dict[int, float]) -> None:
    best = [
        BestPiece(number, "text", number, 0.0, relevance, 0.0)
        for number, relevance in enumerate(sorted(relevances, reverse=True))
    ]
    ordered = by_meaning_and_words(best, shared)
    assert sorted(ordered) == sorted(best)
    if not any(shared.get(each.source_id, 0.0) for each in best):
        assert ordered == best
    for before, after in pairwise(ordered):
        if after.relevance > before.relevance:  # overtaken by what shares more
            assert shared.get(before.source_id, 0.0) > shared.get(after.source_id, 0.0)


def test_deviations_undo_relevance() -> None:
    assert deviations(0.5) == 0 and deviations(0.9) > 1 > 0 > deviations(0.1)
    assert np.isfinite(deviations(1.0))
