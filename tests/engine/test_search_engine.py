"""The Python API, with the bundled model on real files."""

import json
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import SearchEngine
from engine.errors import QueryError
from engine.query.query import LikeFile
from engine.settings import ModelSettings, Settings
from indexer.pipeline import Progress
from storage.errors import ModelMismatchError
from tests.conftest import ROOT, Samples


@pytest.fixture(scope="module")
def engine(samples: Samples) -> SearchEngine:
    return SearchEngine.open(samples.program.data)


def test_open_index_search_forget_close(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "boat.txt").write_text("We sailed the little boat across the bay before the wind dropped.")
    (notes / "soup.txt").write_text("Fry the onions gently, add stock and simmer for an hour.")
    progress = []
    with SearchEngine.open(tmp_path / "data") as engine:
        summary = engine.index(notes, on_progress=progress.append)
        assert (summary.indexed, summary.failed) == (2, ()) and len(progress) == 2
        (hit, *_) = engine.search("a recipe").hits
        assert hit.path == str(notes / "soup.txt") and hit.snippet and "onions" in hit.snippet
        assert engine.status().counts.sources == {"text": 2} and engine.check() == []
        assert engine.forget(notes / "soup.txt") == 1
        assert [hit.path for hit in engine.search("a recipe").hits] == [str(notes / "boat.txt")]
    with SearchEngine.open(tmp_path / "data") as engine:
        assert [hit.path for hit in engine.search("a recipe").hits] == [str(notes / "boat.txt")]


def test_the_same_question_gets_the_same_answer(engine: SearchEngine, samples: Samples) -> None:
    like = [samples.queries / "record.mp4"]
    first, second = (engine.search("music", like=like, limit=20).hits for _ in range(2))
    assert first == second


def test_a_file_in_the_library_is_its_own_best_answer(engine: SearchEngine, samples: Samples) -> None:
    for name in ("Pictures/IMG_2041.jpg", "Sounds/recording-12.mp3", "Documents/scan_1987.pdf", "Notes/soup.md"):
        best = engine.search(like=[samples.library / name], limit=1, include_self=True).hits[0]
        assert best.path == str(samples.library / name) and best.score > 0.95


def test_limits_are_kept_and_more_results_only_append(engine: SearchEngine) -> None:
    many = engine.search("an animal", limit=60).hits
    assert len(many) == 60 and len({hit.path for hit in many}) == 60
    assert engine.search("an animal", limit=5).hits == many[:5]


def test_filters(engine: SearchEngine, samples: Samples) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert engine.search("x", after=tomorrow).hits == ()
    assert len(engine.search("x", before=tomorrow, limit=9).hits) == 9
    only = engine.search("x", under=samples.library / "Notes", kinds=["text"], limit=100).hits
    assert {Path(hit.path).parent.name for hit in only} == {"Notes"}


def test_words_and_a_file_together_lie_between_the_two(engine: SearchEngine, samples: Samples) -> None:
    picture = samples.queries / "penguin.png"
    alone = {hit.path: hit.score for hit in engine.search(like=[picture], kinds=["text"], limit=100).hits}
    words = {hit.path: hit.score for hit in engine.search("mushroom soup", kinds=["text"], limit=100).hits}
    both = {
        hit.path: hit.score for hit in engine.search("mushroom soup", like=[picture], kinds=["text"], limit=100).hits
    }
    soup = str(samples.library / "Notes" / "soup.md")
    assert alone[soup] < both[soup] < words[soup]


def test_searching_from_many_threads_gives_the_answers_of_one(engine: SearchEngine) -> None:
    questions = ["a bird", "a recipe", "ships at sea", "an old clock"] * 3
    expected = [engine.search(question, limit=5).hits for question in questions]
    answers: list[object] = [None] * len(questions)

    def ask(number: int) -> None:
        answers[number] = engine.search(questions[number], limit=5).hits

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == expected


@pytest.mark.parametrize("span", [(100.0, 200.0), (3.0, 2.0)])
def test_a_span_outside_the_file_is_refused(engine: SearchEngine, samples: Samples, span: tuple[float, float]) -> None:
    with pytest.raises(QueryError, match=r"recording-01\.wav"):
        engine.search(like=[LikeFile(samples.library / "Sounds" / "recording-01.wav", span)])


def another_model(folder: Path, pooling_weight: float) -> Settings:
    """The bundled model with another mix of text: other vectors, hence another fingerprint."""
    shutil.copytree(ROOT / "engine" / "weights" / "bundled", folder)
    config = json.loads((folder / "config.json").read_text())
    config["mix"]["document"]["words"] = pooling_weight
    (folder / "config.json").write_text(json.dumps(config))
    return Settings(model=ModelSettings(name=str(folder)))


def test_a_change_of_model_keeps_the_old_answers_until_it_is_done(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(3):
        (notes / f"{number}.txt").write_text(f"Note {number} about boats, soup and the weather on day {number}.")
    old, new = another_model(tmp_path / "old", 0.4), another_model(tmp_path / "new", 0.6)

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with SearchEngine.open(tmp_path / "data", old) as engine, SearchEngine.open(tmp_path / "data", new) as later:
        engine.index(notes)
        before = engine.search("soup").hits
        assert len(before) == 3
        with pytest.raises(KeyboardInterrupt):
            later.index(notes, on_progress=stop)
        assert later.search("soup").hits == before == engine.search("soup").hits
        change = later.status().reembedding
        assert change is not None and (change.done, change.total) == (1, 3)
        shutil.rmtree(tmp_path / "old")
        with SearchEngine.open(tmp_path / "data", new) as fresh, pytest.raises(ModelMismatchError, match="rebuild"):
            fresh.search("soup")
        assert later.index(notes).model_changed
        assert later.status().reembedding is None and later.check() == []
        assert {hit.path for hit in later.search("soup").hits} == {hit.path for hit in before}
        # The engine that still has the old model follows the library, which knows where its model is.
        assert engine.search("soup").hits == later.search("soup").hits
        with pytest.raises(QueryError, match="search again"):
            later.search(like=[before[0]])
