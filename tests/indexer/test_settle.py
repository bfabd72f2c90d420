"""Settling, by made-up events and clock readings."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.settle import Settling
from storage.records import FileState

SECONDS = 1.0


def test_a_path_is_due_once_nothing_has_happened_for_a_while() -> None:
    settling, state = Settling(SECONDS), FileState(5, 7)
    settling.note("/a", 10.0, state)
    assert settling.next_due() == 11.0 and "/a" in settling
    assert settling.take_due(10.9, lambda path: state) == []
    settling.note("/a", 10.9, state)
    assert settling.take_due(11.8, lambda path: state) == []
    assert settling.take_due(11.9, lambda path: state) == ["/a"]
    assert len(settling) == 0 and settling.next_due() is None


def test_a_file_that_grows_without_events_is_waited_for() -> None:
    settling = Settling(SECONDS)
    settling.note("/a", 0.0, FileState(5, 7))
    assert settling.take_due(1.0, lambda path: FileState(6, 8)) == []
    assert settling.take_due(1.5, lambda path: FileState(6, 8)) == []
    assert settling.take_due(2.0, lambda path: FileState(6, 8)) == ["/a"]


def test_a_file_that_vanishes_meanwhile_is_due_as_one_that_is_gone() -> None:
    settling = Settling(SECONDS)
    settling.note("/a", 0.0, FileState(5, 7))
    assert settling.take_due(1.0, lambda path: None) == []
    assert settling.take_due(2.0, lambda path: None) == ["/a"]


Writes = st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc"), st.booleans()), max_size=30)


@given(writes=Writes, looks=st.lists(st.integers(0, 60), max_size=60))
def test_none_is_due_that_has_changed_since_a_while_ago_and_each_is_due_in_the_end(
    writes: list[tuple[int, str, bool]], looks: list[int]
) -> None:
    """Time goes in quarters of a second; a write may come with an event or without."""
    settling, changed, pending = Settling(SECONDS), {}, set()
    versions: dict[str, int] = {}
    for time in range(200):
        for moment, name, has_event in writes:
            if moment == time:
                versions[name] = versions.get(name, 0) + 1
                changed[name] = time
                if has_event:
                    settling.note(name, time / 4, FileState(versions[name], 0))
                    pending.add(name)
        if time in looks or time > 60:
            for name in settling.take_due(time / 4, lambda path: FileState(versions[path], 0)):
                seen = changed[name] if any(m == changed[name] and n == name and e for m, n, e in writes) else None
                assert seen is None or time / 4 - seen / 4 >= SECONDS
                pending.discard(name)
    assert not pending and len(settling) == 0
