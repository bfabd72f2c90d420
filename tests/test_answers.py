"""Any modality in, any modality out: the rank of the intended item for all 25 pairs, on the sample library."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import SearchEngine
from engine.query.hits import Hit
from storage.records import MODALITIES, Modality
from tests.conftest import Samples
from tests.sample_library import QUERIES, Query

WITHIN = 3
BY_PAIR = {(query.asks, query.answers): query for query in QUERIES}


@pytest.fixture(scope="module")
def engine(samples: Samples) -> Iterator[SearchEngine]:
    with SearchEngine.open(samples.program.data) as engine:
        yield engine


def ask(engine: SearchEngine, samples: Samples, query: Query) -> list[Hit]:
    """All hits of the wanted modality, best first."""
    like = () if query.file is None else (samples.queries / query.file,)
    return list(engine.search(query.words, like=like, kinds=[query.answers], limit=100).hits)


def is_intended(hit: Hit, query: Query, library: Path) -> bool:
    """The right file, and in it the right page or a span that touches the right one."""
    target = query.target
    if hit.path != str(library / target.path):
        return False
    if target.page is not None:
        return hit.page == target.page
    if target.start is not None and target.end is not None and hit.start is not None and hit.end is not None:
        return hit.start < target.end and target.start < hit.end
    return True


def rank(hits: list[Hit], query: Query, library: Path) -> int:
    return next((place for place, hit in enumerate(hits, 1) if is_intended(hit, query, library)), 0)


def table(ranks: dict[tuple[Modality, Modality], int]) -> str:
    lines = ["rank of the intended item (row asks, column answers; 0: right file, wrong place)"]
    lines.append(f"{'':10}" + "".join(f"{answers:>10}" for answers in MODALITIES))
    lines += [f"{asks:10}" + "".join(f"{ranks[asks, answers]:>10}" for answers in MODALITIES) for asks in MODALITIES]
    return "\n".join(lines)


def test_every_pair_is_asked_once() -> None:
    assert set(BY_PAIR) == {(asks, answers) for asks in MODALITIES for answers in MODALITIES}
    assert len(QUERIES) == 25


def test_the_ranks_of_all_pairs(
    engine: SearchEngine, samples: Samples, record_property: Callable[[str, object], None]
) -> None:
    """Same-modality pairs and pairs with text on one side are demanded; the others are reported as they are."""
    ranks = {}
    for pair, query in BY_PAIR.items():
        hits = ask(engine, samples, query)
        assert len(hits) >= 6, "too few candidates for a rank to mean anything"
        ranks[pair] = rank(hits, query, samples.library)
    record_property("printed", table(ranks))
    demanded = {pair: place for pair, place in ranks.items() if pair[0] == pair[1] or "text" in pair}
    missed = {pair for pair, place in demanded.items() if not 1 <= place <= WITHIN}
    assert not missed


def test_clips_sounding_like_this_come_with_time_spans_soundtracks_included(
    engine: SearchEngine, samples: Samples
) -> None:
    """The film with the sound stands beside one that shows a bird; of what is sound alone the same bird is first."""
    crow = samples.queries / "crow.mp3"
    hits = engine.search(like=[crow], kinds=["audio", "video"], limit=10).hits
    names = [Path(hit.path).name for hit in hits]
    assert "VID_0001.mp4" in names[:2] and "recording-01.wav" in names
    assert Path(engine.search(like=[crow], kinds=["audio"], limit=1).hits[0].path).name == "recording-01.wav"
    for hit in hits:
        assert hit.start is not None and hit.end is not None and hit.start < hit.end
        assert hit.moments and hit.moments[0].start == hit.start


def test_a_span_of_a_long_recording_asks_for_what_is_heard_there(engine: SearchEngine, samples: Samples) -> None:
    walk = samples.library / "Sounds" / "evening-walk.opus"
    surf = engine.search(like=[f"{walk}@0-12"], kinds=["audio"], limit=3).hits
    drums = engine.search(like=[f"{walk}@18-23"], kinds=["audio"], limit=3).hits
    assert "recording-14.mp3" in [Path(hit.path).name for hit in surf]
    best = next(hit for hit in drums if hit.path == str(walk))
    assert best.start is not None and best.end is not None and best.start < 23 and best.end > 18
    assert [(hit.path, hit.start) for hit in surf] != [(hit.path, hit.start) for hit in drums]
