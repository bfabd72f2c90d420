import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import QueryError
from engine.query.exact import asked_words, exact_search, fused_ranks, without_quotes, word_hits
from engine.query.query import Filters, LikeFile, Query, Words
from engine.search_engine import SearchEngine
from storage.catalog import Catalog
from storage.library import Library
from storage.records import FileState, Piece, PieceFilter, Source
from tests.conftest import ROOT, Program, Samples


def paths(hits: list[dict[str, object]]) -> list[str]:
    return [Path(str(hit["path"])).name for hit in hits]


def test_quoted_text_must_stand_in_the_file(samples: Samples) -> None:
    answer = samples.program.json("search", '"the mushroom itself"')
    assert paths(answer["hits"]) == ["field-guide.pdf"]
    assert answer["hits"][0]["page"] == 2
    assert "mushroom itself" in answer["hits"][0]["snippet"]
    assert samples.program.json("search", '"itself mushroom the"')["hits"] == []


def test_a_file_that_holds_the_words_is_close_and_shows_where(samples: Samples) -> None:
    answer = samples.program.json("search", "mould of clay")
    assert answer["close"]
    best = next(hit for hit in answer["hits"] if hit["kind"] == "document")
    assert (Path(best["path"]).name, best["page"]) == ("music-room.pdf", 4)
    assert [hit["relevance"] for hit in answer["hits"]] == sorted(
        (h["relevance"] for h in answer["hits"]), reverse=True
    )


def test_names_of_files_are_words(samples: Samples) -> None:
    assert paths(samples.program.json("search", "IMG_2050", "-n", "1")["hits"]) == ["IMG_2050.png"]


def test_exact_looks_for_words_alone(samples: Samples) -> None:
    answer = samples.program.json("search", "--exact", "MUSHROOM")
    assert "field-guide.pdf" in paths(answer["hits"])
    assert {hit["score"] for hit in answer["hits"]} == {0.0}
    filtered = samples.program.json("search", "--exact", "mushroom", "--kind", "document")
    assert {hit["kind"] for hit in filtered["hits"]} == {"document"}
    without = samples.program.json("search", "--exact", "mushroom", "--not", "wood")
    assert "field-guide.pdf" not in paths(without["hits"])


@pytest.mark.parametrize("words", ['a"b', "NEAR(x y)", "a OR *", "col:x", "-x ^y", '"', "x AND", "{x} + y"])
def test_signs_of_the_index_are_plain_words(samples: Samples, words: str) -> None:
    with SearchEngine.open(samples.program.data) as engine:
        engine.ask(Query((Words(words),), exact=True))


def test_exact_takes_no_file() -> None:
    with pytest.raises(QueryError, match="no file"):
        Query((Words("x"), LikeFile(Path("x.png"))), exact=True)


def test_exact_loads_no_model(samples: Samples) -> None:
    asked = [sys.executable, "-c", _LOADED, str(samples.program.data)]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True)
    assert json.loads(done.stdout) == {"hits": True, "torch": False}


_LOADED = """
import json, sys
from engine.query.query import Query, Words
from engine.search_engine import SearchEngine
with SearchEngine.open(sys.argv[1]) as engine:
    hits = engine.ask(Query((Words("mushroom"),), exact=True)).hits
print(json.dumps({"hits": bool(hits), "torch": "torch" in sys.modules}))
"""


def test_accents_do_not_matter_and_a_renamed_file_has_its_new_name(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "Cafetiere.txt").write_text("Un café crème, s'il vous plaît.")
    program.json("index", folder)
    hits = program.json("search", "--exact", "cafe creme")["hits"]
    assert paths(hits) == ["Cafetiere.txt"] and hits[0]["relevance"] == 1.0
    (folder / "Cafetiere.txt").rename(folder / "Percolator.txt")
    program.json("index", folder)
    assert paths(program.json("search", "--exact", "percolator")["hits"]) == ["Percolator.txt"]
    assert program.json("search", "--exact", "cafetiere")["hits"] == []
    shutil.rmtree(folder)
    folder.mkdir()
    program.json("index", folder)
    assert program.json("search", "--exact", "cafe")["hits"] == []


def test_every_file_with_the_words_is_ranked_however_common_they_are(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.bind_model("model", 2)
    texts = {f"/{number:02}.txt": "meadow " + "grass " * (number + 1) for number in range(40)}
    texts |= {"/a.txt": "meadow and heron and much besides", "/b.txt": "heron meadow", "/c.txt": "heron"}
    for path, text in texts.items():
        piece = Piece("text", np.array([1, 0], dtype=np.float16), text=text)
        catalog.put_source(Source(path, "text", FileState(1, 1), path.encode()), [piece])
    apart = Piece("text", np.array([1, 0], dtype=np.float16), text="meadow")
    other = Piece("text", np.array([1, 0], dtype=np.float16), text="heron heron heron")
    catalog.put_source(Source("/d.txt", "text", FileState(1, 1), b"d"), [apart, other])

    def found(words: str, limit: int, **filters: Any) -> list[tuple[str, float]]:
        query = Query((Words(words),), exact=True, limit=limit, filters=Filters(**filters))
        return [(Path(hit.path).stem, hit.relevance) for hit in exact_search(catalog, query)]

    both = found("meadow heron", 1000)
    assert {name for name, share in both[:3]} == {"a", "b", "d"} and [share for _, share in both[:3]] == [1.0] * 3
    assert [name for name, _ in both].index("b") < [name for name, _ in both].index("a"), "BM25: the shorter text"
    assert both[3][0] == "c" and both[3][1] > 0.5, "the rarer word counts more"
    assert {name for name, _ in both[4:]} == {f"{number:02}" for number in range(40)}
    assert [name for name, _ in both[4:]] == [f"{number:02}" for number in range(40)], "the shorter ones first"
    for limit in (1, 3, 4, 10):
        assert found("meadow heron", limit) == both[:limit]
    assert [name for name, _ in found("meadow heron", 5, globs=("*7.txt",))] == ["07", "17", "27", "37"]
    catalog.close()


def test_words_of_a_file_count_together_wherever_they_stand_in_it(tmp_path: Path) -> None:
    """Two of three words in the name, the third in the text: nothing is missing."""
    library = Library(tmp_path)
    library.catalog.bind_model("model", 2)
    for path, text in (("/harbour lights.txt", "the pilot waits"), ("/other.txt", "pilot"), ("/more.txt", "lights")):
        piece = Piece("text", np.array([1, 0], dtype=np.float16), text=text)
        library.catalog.put_source(Source(path, "text", FileState(1, 1), path.encode()), [piece])
    with library.catalog.reading() as connection:
        hits = word_hits(connection, asked_words(["harbour lights pilot"]), PieceFilter(), 10)
        assert [(hit.match.path, hit.is_whole) for hit in hits] == [("/harbour lights.txt", True)]
        assert word_hits(connection, asked_words(["harbour zeppelin trombone"]), PieceFilter(), 10) == []
    library.close()


def test_what_is_asked() -> None:
    asked = asked_words(['the "green light" of a harbour', "harbour"])
    assert asked.phrases == ("green light",)
    assert asked.words == ("green", "light", "harbour")
    assert asked_words(['12" and a 7" record']).phrases == ()
    assert without_quotes('a "green light"') == "a  green light"


@given(st.permutations(range(20)), st.dictionaries(st.integers(0, 30), st.floats(0.01, 1)))
def test_fused_ranks(meaning: list[int], exact: dict[int, float]) -> None:
    fused = fused_ranks(meaning, list(exact.items()))
    assert sorted(fused) == sorted(meaning)
    rest = [number for number in meaning if number not in exact]
    assert [number for number in fused if number not in exact] == rest  # who holds no word keeps the order of meaning
    whole = fused_ranks(meaning, [(number, 1.0) for number in exact])
    both = [number for number in exact if number in meaning]
    if both and meaning[0] == both[0]:
        assert whole[0] == both[0]


def test_a_file_with_some_of_the_words_counts_less_than_one_with_all() -> None:
    meaning = list(range(20))
    assert fused_ranks(meaning, [(10, 1.0)])[0] == 10
    assert fused_ranks(meaning, [(10, 0.6)])[0] == 0
