"""Which files make a group, and which of them is kept."""

from hypothesis import given
from hypothesis import strategies as st

from engine.duplicates.compare import Place
from engine.duplicates.groups import Look, contents_of, grouped


def files(*sizes: int) -> list[tuple[str, bytes, int, int, str]]:
    return [("image", bytes([number]), size, 0, f"/{number}") for number, size in enumerate(sizes)]


def test_what_drifted_apart_is_no_group_though_a_chain_leads_there() -> None:
    contents = contents_of(files(30, 20, 10))  # type: ignore[arg-type]
    looks = {number: Look((100 - number, 100)) for number in range(3)}
    groups = grouped(contents, looks, {(0, 1): Place(), (1, 2): Place()})
    assert [[member.path for member in group.members] for group in groups] == [["/0", "/1"]]


def test_the_longest_then_the_largest_picture_then_the_largest_file_is_kept() -> None:
    contents = contents_of(files(10, 20, 30))  # type: ignore[arg-type]
    places = {(0, 1): Place(2.0), (0, 2): Place(2.0), (1, 2): Place()}
    longest = {0: Look((10, 10), 9.0), 1: Look((90, 90), 5.0), 2: Look((90, 90), 5.0)}
    (group,) = grouped(contents, longest, places)
    assert [member.path for member in group.members] == ["/0", "/2", "/1"]
    alike = {number: Look((90, 90), 5.0) for number in range(3)}
    (group,) = grouped(contents, alike, places)
    assert group.members[0].path == "/2" and group.waste == 30


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1])))
def test_every_file_is_in_one_group_at_most_and_a_copy_of_what_is_kept(pairs: set[tuple[int, int]]) -> None:
    contents = contents_of(files(*range(8)))  # type: ignore[arg-type]
    looks = {number: Look((number, 1)) for number in range(8)}
    groups = grouped(contents, looks, dict.fromkeys(pairs, Place()))
    named = [member.path for group in groups for member in group.members]
    assert len(named) == len(set(named))
    for group in groups:
        kept, *copies = (int(member.path[1:]) for member in group.members)
        assert all((min(kept, copy), max(kept, copy)) in pairs for copy in copies)
