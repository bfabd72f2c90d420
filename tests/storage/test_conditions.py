"""Filters against a plain reading of their definition, on a real catalog."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.catalog import Catalog
from storage.glob_patterns import glob_expression
from storage.records import MODALITIES, FileState, Piece, PieceFilter, Source

FOLDERS = ("/a", "/a/b", "/ab", "/c")
NAMES = ("x.jpg", "Y.JPG", "z.mp3")


def _sources() -> list[Source]:
    random = np.random.default_rng(5)
    found = []
    for number, path in enumerate(f"{folder}/{name}" for folder in FOLDERS for name in NAMES):
        state = FileState(int(random.integers(0, 6)), int(random.integers(0, 6)))
        duration = None if number % 3 == 0 else float(random.integers(0, 6))
        recorded = None if number % 2 else int(random.integers(0, 6))
        found.append(Source(path, MODALITIES[number % 5], state, b"%d" % number, duration, recorded))
    return found


SOURCES = _sources()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path_factory.mktemp("catalog"))
    vector = np.zeros(4, dtype=np.float16)
    for source in SOURCES:
        catalog.put_source(source, [Piece("text", vector, text=source.path), Piece("audio", vector, text=source.path)])
    yield catalog
    catalog.close()


def passes(source: Source, condition: PieceFilter) -> bool:
    """The definition in ``PieceFilter``, word for word."""

    def within(value: float | None, least: float | None, below: float | None) -> bool:
        if least is None and below is None:
            return True
        return value is not None and (least is None or least <= value) and (below is None or value < below)

    path, under = source.path, condition.under
    recorded = source.recorded_ns if source.recorded_ns is not None else source.state.modified_ns
    return (
        (not condition.kinds or source.kind in condition.kinds)
        and (under is None or path == under or path.startswith(f"{under}/"))
        and (not condition.globs or any(re.search(glob_expression(glob), path) for glob in condition.globs))
        and within(recorded, condition.after_ns, condition.before_ns)
        and within(source.duration, condition.longer, condition.shorter)
        and within(source.state.size, condition.larger, condition.smaller)
    )


BOUND = st.none() | st.integers(0, 6)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    condition=st.builds(
        PieceFilter,
        kinds=st.frozensets(st.sampled_from(MODALITIES), max_size=3),
        under=st.none() | st.sampled_from([*FOLDERS, "/a/x.jpg", "/none"]),
        globs=st.lists(st.sampled_from(["*.jpg", "a/*", "/a/**", "z*", "[xy].*", "none"]), max_size=2).map(tuple),
        after_ns=BOUND,
        before_ns=BOUND,
        longer=BOUND,
        shorter=BOUND,
        larger=BOUND,
        smaller=BOUND,
    )
)
def test_exactly_the_sources_that_meet_every_condition_pass(catalog: Catalog, condition: PieceFilter) -> None:
    found = catalog.matching_pieces(condition)
    expected = sorted(source.path for source in SOURCES if passes(source, condition))
    for modality in ("text", "audio"):
        ids = found.get(modality, np.empty(0, np.int64))  # type: ignore[call-overload]
        assert sorted(location.text or "" for location in catalog.locate(ids).values()) == expected
        assert ids.tolist() == sorted(ids.tolist())


def test_a_pattern_that_is_none_is_refused(catalog: Catalog) -> None:
    with pytest.raises(ValueError):
        catalog.matching_pieces(PieceFilter(globs=("[z-a]",)))
