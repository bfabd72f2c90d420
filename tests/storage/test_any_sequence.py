"""Any sequence of changes, restarts and crashes leaves catalog and index, of either kind, as a plain dictionary."""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import generations
from storage.check import check
from storage.library import Library
from storage.records import Failure, FileState, Source
from storage.vectors import IndexPolicy
from tests.storage.test_library import APPROXIMATE, DIMENSION, found, put, unit

NUMBER, SEEDS = st.integers(0, 5), st.lists(st.integers(0, 40), min_size=1, max_size=4)
ACTIONS = st.one_of(
    st.tuples(st.just("put"), NUMBER, SEEDS),
    st.tuples(st.just("move"), NUMBER, NUMBER),
    st.tuples(st.just("copy"), NUMBER, NUMBER),
    st.tuples(st.just("touch"), NUMBER, st.none()),
    st.tuples(st.just("fail"), NUMBER, st.none()),
    st.tuples(st.just("forget"), NUMBER, st.none()),
    st.tuples(st.sampled_from(["refresh", "save", "reopen", "crash", "crash in a snapshot"]), st.none(), st.none()),
    st.tuples(st.just("another process"), NUMBER, SEEDS),
    st.tuples(st.just("switch"), st.none(), st.none()),
)


def content(library: Library) -> dict[str, list[int]]:
    """What each path holds by the catalog, each vector found again in the index by its own number."""
    with library.catalog.reading() as connection:
        query = "SELECT path, piece.id, text FROM source JOIN piece ON source.id = source_id ORDER BY piece.id"
        rows = connection.exec_driver_sql(query).all()
    held: dict[str, list[int]] = {}
    for path, piece_id, text in rows:
        ids, scores = library.scores("text", unit(int(text)), np.array([piece_id]))
        assert ids.tolist() == [piece_id] and scores[0] > 0.999
        held.setdefault(path, []).append(int(text))
    return held


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=25), few=st.booleans())
def test_any_sequence_of_changes_leaves_what_a_plain_dictionary_would_hold(
    actions: list[tuple[str, int | None, object]], few: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("library")
    policy = IndexPolicy() if few else APPROXIMATE
    library = Library(folder, policy=policy)
    library.catalog.bind_model("model", DIMENSION)
    model: dict[str, list[int]] = {}
    if not few:
        put(library, "/0", *range(100))
        model["/0"] = list(range(100))
    failed: set[str] = set()
    for action, number, argument in actions:
        path, other = f"/{number}", f"/{argument}"
        if action == "put" and isinstance(argument, list):
            put(library, path, *argument)
            model[path] = argument
            failed.discard(path)
        elif action in ("move", "copy") and path in model and other != path:
            original = library.catalog.sources_under(path)[path]
            source = Source(other, "text", FileState(1, 1), original.source.content_hash)
            if action == "move":
                library.catalog.move_source(original, source)
                model[other] = model.pop(path)
            else:
                library.catalog.copy_source(original, source)
                model[other] = list(model[path])
            failed.discard(other)
        elif action == "touch" and path in model:
            library.catalog.touch_source(library.catalog.sources_under(path)[path], FileState(1, 2))
        elif action == "fail":
            library.catalog.put_failure(Failure(path, FileState(2, 2), "bad"))
            model.pop(path, None)
            failed.add(path)
        elif action == "forget":
            library.catalog.forget(path)
            model.pop(path, None)
            failed.discard(path)
        elif action == "refresh":
            library.refresh()
        elif action == "save":
            library.refresh()
            library.save_snapshot()
        elif action == "reopen":
            library.close()
            library = Library(folder, policy=policy)
        elif action == "crash":  # the files as they are at this moment are all that the next start finds
            folder = shutil.copytree(folder, tmp_path_factory.mktemp("crashed"), dirs_exist_ok=True)
            library = Library(folder, policy=policy)
        elif action == "crash in a snapshot":
            library.refresh()
            before = shutil.copytree(folder, tmp_path_factory.mktemp("crashed"), dirs_exist_ok=True)
            library.save_snapshot()
            if (library.home / "vectors").exists():  # new parts are there, the old manifest still counts
                (before / library.home.relative_to(folder) / "vectors").mkdir(exist_ok=True)
                for part in (library.home / "vectors").iterdir():
                    place = before / part.relative_to(folder)
                    if not place.exists() and part.name != "manifest.json":
                        shutil.copy(part, place)
            folder = before
            library = Library(folder, policy=policy)
        elif action == "another process" and isinstance(argument, list):
            process = Library(folder, policy=policy)
            put(process, path, *argument)
            process.refresh()
            process.save_snapshot()
            process.close()
            model[path] = argument
            failed.discard(path)
        elif action == "switch":
            following = Library(folder, generations.unfinished(folder))
            following.catalog.bind_model("model", DIMENSION)
            following.catalog.number_pieces_after(library.catalog)
            for held, seeds in model.items():
                put(following, held, *seeds)
            for held in failed:
                following.catalog.put_failure(Failure(held, FileState(2, 2), "bad"))
            following.close()
            generations.switch(folder, following.home)
            generations.remove_superseded(folder)
            library = Library(folder, policy=policy)
    assert check(library) == []
    library.refresh()
    assert content(library) == model
    assert set(library.catalog.failures_under("/")) == failed
    expected = sorted(str(seed) for seeds in model.values() for seed in seeds)
    assert sorted(text or "" for text in found(library, 0, 1000)) == expected
    library.close()
