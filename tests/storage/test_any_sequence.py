"""Any sequence of changes, restarts and crashes leaves catalog and indexes (vectors, words) as plain dictionaries."""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import generations, transcripts, words
from storage.check import check
from storage.library import Library
from storage.records import MODALITIES, Failure, FileState, PieceFilter, Source, TextSegment, Transcript
from storage.vectors import IndexPolicy
from tests.storage.test_library import APPROXIMATE, DIMENSION, found, put, unit

NUMBER, SEEDS = st.integers(0, 5), st.lists(st.integers(0, 40), min_size=1, max_size=4)
ACTIONS = st.one_of(
    st.tuples(st.just("put"), NUMBER, SEEDS),
    st.tuples(st.just("move"), NUMBER, NUMBER),
    st.tuples(st.just("copy"), NUMBER, NUMBER),
    st.tuples(st.just("recognise"), NUMBER, SEEDS),
    st.tuples(st.just("touch"), NUMBER, st.none()),
    st.tuples(st.just("fail"), NUMBER, st.none()),
    st.tuples(st.just("forget"), NUMBER, st.none()),
    st.tuples(st.sampled_from(["refresh", "save", "reopen", "crash", "crash in a snapshot"]), st.none(), st.none()),
    st.tuples(st.just("another process"), NUMBER, SEEDS),
    st.tuples(st.just("switch"), st.none(), st.none()),
)


def content(library: Library) -> dict[str, list[int]]:
    """What each path holds by the catalog, each vector found again in the index by its own number, and whose it is."""
    with library.catalog.reading() as connection:
        query = (
            "SELECT path, piece.id, source.id, text FROM source JOIN piece ON source.id = source_id ORDER BY piece.id"
        )
        rows = connection.exec_driver_sql(query).all()
    sources, kinds = library.owners(np.array([row[1] for row in rows], dtype=np.int64))
    assert sources.tolist() == [row[2] for row in rows] and all(MODALITIES[kind] == "text" for kind in kinds)
    held: dict[str, list[int]] = {}
    for path, piece_id, _, text in rows:
        ids, scores = library.scores("text", unit(int(text)), np.array([piece_id]))
        assert ids.tolist() == [piece_id] and scores[0] > 0.999
        held.setdefault(path, []).append(int(text))
    return held


def recognise(library: Library, path: str, seeds: list[int]) -> None:
    """Commit words found in a source apart from its pieces, in place of those found before."""
    held = library.catalog.sources_under(path)[path]
    segments = tuple(TextSegment(f"seen{seed}", "recognised") for seed in seeds)
    with library.catalog.writing() as connection:
        transcripts.put(connection, held.id, Transcript("recognised", "a recogniser", segments))


def words_held(library: Library) -> list[tuple[str, str, str]]:
    """Path, origin and text of everything that the index of words finds, asked for every word there may be."""
    asked = [str(number) for number in range(100)] + [f"seen{seed}" for seed in range(41)]
    with library.catalog.reading() as connection:
        matches = words.find(connection, words.any_of(asked), PieceFilter())
        return sorted((match.path, match.origin, match.text) for match in matches)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=25), few=st.booleans())
def test_any_sequence_of_changes_leaves_what_a_plain_dictionary_would_hold(
    actions: list[tuple[str, int | None, object]], few: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("library")
    policy = IndexPolicy() if few else APPROXIMATE
    library = Library(folder, policy=policy, keeps_owners=True)
    library.catalog.bind_model("model", DIMENSION)
    model: dict[str, list[int]] = {}
    seen: dict[str, list[int]] = {}
    if not few:
        put(library, "/0", *range(100))
        model["/0"] = list(range(100))
    failed: set[str] = set()
    for action, number, argument in actions:
        path, other = f"/{number}", f"/{argument}"
        if action == "put" and isinstance(argument, list):
            put(library, path, *argument)
            model[path] = argument
            seen.pop(path, None)
            failed.discard(path)
        elif action == "recognise" and isinstance(argument, list) and path in model:
            recognise(library, path, argument)
            seen[path] = argument
        elif action in ("move", "copy") and path in model and other != path:
            original = library.catalog.sources_under(path)[path]
            found_in_it = seen.pop(path, None) if action == "move" else seen.get(path)
            seen.pop(other, None)
            if found_in_it is not None:
                seen[other] = found_in_it
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
            seen.pop(path, None)
            failed.add(path)
        elif action == "forget":
            library.catalog.forget(path)
            model.pop(path, None)
            seen.pop(path, None)
            failed.discard(path)
        elif action == "refresh":
            library.refresh()
        elif action == "save":
            library.refresh()
            library.save_snapshot()
        elif action == "reopen":
            library.close()
            library = Library(folder, policy=policy, keeps_owners=True)
        elif action == "crash":  # the files as they are at this moment are all that the next start finds
            folder = shutil.copytree(folder, tmp_path_factory.mktemp("crashed"), dirs_exist_ok=True)
            library = Library(folder, policy=policy, keeps_owners=True)
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
            library = Library(folder, policy=policy, keeps_owners=True)
        elif action == "another process" and isinstance(argument, list):
            process = Library(folder, policy=policy, keeps_owners=True)
            put(process, path, *argument)
            process.refresh()
            process.save_snapshot()
            process.close()
            model[path] = argument
            seen.pop(path, None)
            failed.discard(path)
        elif action == "switch":
            following = Library(folder, generations.unfinished(folder))
            following.catalog.bind_model("model", DIMENSION)
            following.catalog.number_pieces_after(library.catalog)
            for held, seeds in model.items():
                put(following, held, *seeds)
                if held in seen:
                    recognise(following, held, seen[held])
            for held in failed:
                following.catalog.put_failure(Failure(held, FileState(2, 2), "bad"))
            following.close()
            generations.switch(folder, following.home)
            generations.remove_superseded(folder)
            library = Library(folder, policy=policy, keeps_owners=True)
    assert check(library) == []
    library.refresh()
    assert content(library) == model
    assert set(library.catalog.failures_under("/")) == failed
    all_words = [(path, "name", path[1:]) for path in model]
    all_words += [(path, "passage", str(seed)) for path, seeds in model.items() for seed in seeds]
    all_words += [(path, "recognised", f"seen{seed}") for path, seeds in seen.items() for seed in seeds]
    assert words_held(library) == sorted(all_words)
    expected = sorted(str(seed) for seeds in model.values() for seed in seeds)
    assert sorted(text or "" for text in found(library, 0, 1000)) == expected
    library.close()
