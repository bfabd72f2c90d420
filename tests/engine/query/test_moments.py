"""Neighbouring pieces become one place; the best comes first; nothing is lost or listed twice."""

from hypothesis import given
from hypothesis import strategies as st

from engine.query.candidates import Candidate
from engine.query.moments import Place, places
from storage.records import Modality, PieceLocation


def piece(
    number: int, standing: float, start: float | None = None, end: float | None = None, modality: Modality = "audio"
) -> Candidate:
    location = PieceLocation(number, 1, "/film.mp4", "video", modality, None, start, end, None)
    return Candidate(location, standing / 10, min(1.0, standing / 10), standing)


def found(*pieces: Candidate) -> list[Place]:
    return places(sorted(pieces, key=lambda each: -each.standing))


def spans(*pieces: Candidate) -> list[tuple[float, float] | None]:
    return [place.span for place in found(*pieces)]


def test_overlapping_windows_that_stand_about_as_high_are_one_span() -> None:
    windows = [piece(n, standing, 2.5 * n, 2.5 * n + 5) for n, standing in enumerate((1.0, 4.9, 5.0, 4.6, 1.0, 0.9))]
    assert spans(*windows)[0] == (2.5, 12.5)
    assert found(*windows)[0].pieces == (1, 2, 3)


def test_a_neighbour_that_stands_lower_does_not_widen_the_span() -> None:
    assert spans(piece(1, 5.0, 0, 5), piece(2, 3.0, 5, 10), piece(3, 2.9, 10, 15)) == [(0, 5), (5, 15)]


def test_a_gap_separates() -> None:
    assert spans(piece(1, 5.0, 0, 5), piece(2, 5.0, 7, 12)) == [(0, 5), (7, 12)]
    assert spans(piece(1, 5.0, 0, 5), piece(2, 5.0, 5.1, 12)) == [(0, 12)]


def test_a_sound_in_its_scene_belongs_to_it_and_does_not_stretch_it() -> None:
    scene, sound = piece(1, 5.0, 4, 8, "video"), piece(2, 5.0, 2.5, 7.5)
    (place,) = found(scene, sound)
    assert place.span == (4, 8) and place.pieces == (1, 2)
    assert spans(scene, piece(2, 5.0, 0, 5)) == [(4, 8), (0, 5)]


def test_pages_and_passages_are_places_of_their_own() -> None:
    assert [place.pieces for place in found(piece(1, 5.0), piece(2, 5.0), piece(3, 1.0))] == [(1,), (2,), (3,)]
    assert spans(piece(1, 5.0)) == [None]


@given(
    windows=st.lists(
        st.tuples(st.floats(0, 6), st.integers(0, 30), st.integers(1, 8), st.sampled_from(["audio", "video"])),
        max_size=25,
    )
)
def test_every_piece_is_inside_some_place_and_the_best_come_first(
    windows: list[tuple[float, int, int, Modality]],
) -> None:
    pieces = [
        piece(number, standing, float(start), float(start + length), modality)
        for number, (standing, start, length, modality) in enumerate(windows)
    ]
    result = found(*pieces)
    standings = [place.best.standing for place in result]
    assert standings == sorted(standings, reverse=True)
    listed = [number for place in result for number in place.pieces]
    assert len(listed) == len(set(listed))
    for each in pieces:
        start, end = each.location.start or 0.0, each.location.end or 0.0
        assert any(
            place.span is not None
            and min(end, place.span[1]) - max(start, place.span[0]) >= (end - start) / 2
            and place.best.standing >= each.standing
            for place in result
        )
    if result and result[0].best.standing > 0:
        assert result[0].best.standing == max(each.standing for each in pieces)
