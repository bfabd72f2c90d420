"""Search on a real library of vectors: exact under any filter and any combination of parts, against brute force."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.query.calibrate import Background
from engine.query.candidates import Scope, scales
from engine.query.embed_query import PartVector, Reading
from engine.query.hits import Hit
from engine.query.look_up import look_up
from engine.query.query import Filters, Query, Words
from engine.query.search import search
from storage.library import Library
from storage.records import MODALITIES, FileState, Modality, Piece, Source

DIMENSION = 12
PRIORS = {(asked, piece): Background(0.0, 0.3) for asked in MODALITIES for piece in MODALITIES}
NOTHING = np.empty(0, dtype=np.int64)


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture(scope="module", params=[False, True], ids=["owners in the catalog", "owners in memory"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Sixty files in five folders; films have moments and windows of sound."""
    library = Library(tmp_path_factory.mktemp("library"), keeps_owners=request.param)
    library.catalog.bind_model("model", DIMENSION)
    random = np.random.default_rng(1)
    for number in range(60):
        kind = MODALITIES[number % 5]
        modalities: list[Modality] = ["video", "audio"] if kind == "video" else [kind]
        timed = kind in ("video", "audio")
        pieces = [
            Piece(
                modality,
                unit(int(random.integers(10**6))).astype(np.float16),
                start=5.0 * place if timed else None,
                end=5.0 * place + 5 if timed else None,
                page=place + 1 if kind == "document" else None,
                text=f"{number} {place}" if kind == "text" else None,
            )
            for modality in modalities
            for place in range(1 + number % 7)
        ]
        state = FileState(int(random.integers(0, 100)), int(random.integers(0, 100)))
        recorded = int(random.integers(0, 100)) if number % 2 else None
        duration = 5.0 * (1 + number % 7) if timed else None
        source = Source(f"/{number % 4}/{number}.{kind}", kind, state, b"%d" % number, duration, recorded)
        library.catalog.put_source(source, pieces)
    library.refresh()
    yield library
    library.close()


def ask(library: Library, readings: list[Reading], query: Query, own: np.ndarray = NOTHING) -> list[Hit]:
    return search(library, query, look_up(library.catalog, query), readings, own, PRIORS, floor=0.9)


def brute_force(library: Library, readings: list[Reading], query: Query, own: np.ndarray = NOTHING) -> dict[str, float]:
    """The relevance of the best piece of every file that passes, from the catalog alone."""
    best: dict[str, float] = {}
    condition, hidden = query.filters.condition, set(own.tolist())
    scope = Scope(None if condition.is_empty else library.catalog.matching_pieces(condition), own)
    by_scale = scales(library, readings, PRIORS, scope)
    for path, held in library.catalog.sources_under("/").items():
        source = held.source
        dated = source.state.modified_ns if source.recorded_ns is None else source.recorded_ns
        if not (
            (not condition.kinds or source.kind in condition.kinds)
            and (condition.under is None or path.startswith(condition.under + "/"))
            and (not condition.globs or any(path.endswith(glob[1:]) for glob in condition.globs))
            and (condition.larger is None or source.state.size >= condition.larger)
            and (condition.longer is None or (source.duration or -1) >= condition.longer)
            and (condition.after_ns is None or dated >= condition.after_ns)
        ):
            continue
        pieces = [piece.id for piece in library.catalog.pieces_of([held.id]) if piece.id not in hidden]
        for modality, vector in library.catalog.embeddings(pieces).values():
            for scale in by_scale:
                if scale.modality == modality:
                    relevance = scale.background.relevance(float(vector @ scale.query), scale.pieces)
                    best[path] = max(best.get(path, -1.0), relevance)
    return best


READING = st.lists(
    st.tuples(st.integers(0, 500), st.sampled_from(MODALITIES), st.sampled_from([1.0, 2.0, -0.5])),
    min_size=1,
    max_size=3,
    unique_by=lambda part: part[0],
).map(lambda parts: tuple(PartVector(modality, unit(seed), weight) for seed, modality, weight in parts))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    readings=st.lists(READING, min_size=1, max_size=2),
    filters=st.builds(
        Filters,
        kinds=st.frozensets(st.sampled_from(MODALITIES), max_size=2),
        under=st.none() | st.sampled_from([Path("/0"), Path("/3"), Path("/none")]),
        globs=st.lists(st.sampled_from(["*.text", "*.video", "*7.image"]), max_size=2).map(tuple),
        larger=st.none() | st.integers(0, 110),
        longer=st.none() | st.integers(0, 40),
    ),
    own=st.lists(st.integers(1, 200), max_size=30),
    limit=st.integers(1, 70),
)
def test_the_best_files_that_pass_are_found_and_no_others(
    library: Library, readings: list[Reading], filters: Filters, own: list[int], limit: int
) -> None:
    query, hidden = Query((Words("x"),), filters=filters, limit=limit), np.array(sorted(set(own)), dtype=np.int64)
    expected = brute_force(library, readings, query, hidden)
    hits = ask(library, readings, query, hidden)
    assert len(hits) == min(limit, len(expected))
    best = sorted(expected.values(), reverse=True)[:limit]
    assert np.allclose([hit.relevance for hit in hits], best, atol=1e-4)
    assert all(abs(expected[hit.path] - hit.relevance) < 1e-4 for hit in hits)
    assert len({hit.path for hit in hits}) == len(hits)
    assert not {number for hit in hits for number in hit.pieces} & set(own)


def test_one_file_that_passes_is_found_behind_any_number_that_do_not(library: Library) -> None:
    for path, held in library.catalog.sources_under("/").items():
        hits = ask(
            library, [(PartVector("text", unit(5), 1.0),)], Query((Words("x"),), filters=Filters(under=Path(path)))
        )
        assert [hit.path for hit in hits] == [held.source.path]


def test_each_moment_is_a_hit_of_its_own_in_order_and_grouping_picks_the_first(library: Library) -> None:
    reading = (PartVector("text", unit(9), 1.0),)
    filters = Filters(kinds=frozenset({"video", "audio", "document"}))
    every = ask(library, [reading], Query((Words("x"),), filters=filters, limit=1000, each_moment=True))
    relevance = [hit.relevance for hit in every]
    assert relevance == sorted(relevance, reverse=True)
    assert len({hit.pieces for hit in every}) == len(every)
    places = {(hit.path, hit.start, hit.end, hit.page) for hit in every}
    assert len(places) == len(every) > 60
    for hit in every:
        timed = hit.kind in ("video", "audio")
        assert (len(hit.moments) == 1) == timed and (hit.page is not None) == (hit.kind == "document")
        assert not timed or (hit.moments[0].start, hit.moments[0].end) == (hit.start, hit.end)
    grouped = ask(library, [reading], Query((Words("x"),), filters=filters, limit=1000))
    first = {hit.path: hit for hit in reversed(every)}
    assert {hit.path: (hit.start, hit.end, hit.page) for hit in grouped} == {
        path: (hit.start, hit.end, hit.page) for path, hit in first.items()
    }
    some = ask(library, [reading], Query((Words("x"),), filters=filters, limit=7, each_moment=True))
    assert some == every[:7]


def test_hits_do_not_depend_on_how_many_are_asked_for(library: Library) -> None:
    reading = (PartVector("audio", unit(3), 1.0),)
    many = ask(library, [reading], Query((Words("x"),), limit=60))
    for limit in (1, 5, 17):
        assert ask(library, [reading], Query((Words("x"),), limit=limit)) == many[:limit]


def test_the_background_sample_is_read_once_as_long_as_the_library_is_the_same(library: Library) -> None:
    first = library.samples(512)["text"][1]
    assert library.samples(512)["text"][1] is first
    path = "/new.text"
    library.catalog.put_source(
        Source(path, "text", FileState(1, 1), b"new"), [Piece("text", unit(1).astype(np.float16))]
    )
    library.refresh()
    assert len(library.samples(512)["text"][1]) == len(first) + 1
    library.catalog.forget(path)
    library.refresh()
    assert np.array_equal(library.samples(512)["text"][1], first)


@pytest.mark.parametrize("kind", ["text", "audio"])
def test_neighbours_become_one_span_in_whatever_has_times(kind: Modality, tmp_path: Path) -> None:
    """Sounds and films have them, and the passages of subtitles."""
    library = Library(tmp_path)
    library.catalog.bind_model("model", DIMENSION)
    pieces = [Piece(kind, unit(3).astype(np.float16), start=2.0 * place, end=2.0 * place + 2) for place in range(4)]
    library.catalog.put_source(Source("/a", kind, FileState(1, 1), b"a", 8.0), pieces)
    library.refresh()
    (hit,) = ask(library, [(PartVector("text", unit(3), 1.0),)], Query((Words("x"),)))
    assert (hit.start, hit.end, len(hit.moments)) == (0.0, 8.0, 1)
    library.close()
