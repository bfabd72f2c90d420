"""Which pieces are embedded together, and that neither too many are held nor one waits for ever."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.batches import Batches, Waiting
from indexer.pieces import ExtractedPiece
from indexer.plan import File
from storage.records import FileState

FILE = File("/a", FileState(1, 1), "/")


def text(length: int, number: int = 0) -> Waiting:
    return Waiting(FILE, number, ExtractedPiece("text", text="x" * length))


def picture(number: int = 0) -> Waiting:
    return Waiting(FILE, number, ExtractedPiece("image", frames=np.zeros((1, 2, 2, 3), np.uint8)))


def test_a_batch_holds_one_modality_and_what_is_nearest_in_length_to_the_oldest() -> None:
    batches = Batches(3)
    for waiting in (text(900), picture(), text(10), text(850), text(20), text(880), picture(1)):
        assert batches.put(waiting, 0)
    first, second, third = (batches.take(0) for _ in range(3))
    assert [len(each.piece.text or "") for each in first] == [900, 880, 850]
    assert [each.piece.modality for each in second] == ["image", "image"]
    assert [len(each.piece.text or "") for each in third] == [10, 20]
    assert batches.take(0) == []


def test_what_takes_long_comes_in_small_batches() -> None:
    batches = Batches(8)
    for number in range(16):
        batches.put(text(5, number), 0)
    batches.note(batches.take(0), seconds=4.0)
    assert len(batches.take(0)) == 2


def test_there_is_room_for_four_batches_and_for_more_when_one_is_taken() -> None:
    batches = Batches(2)
    assert all(batches.put(text(1), 0) for _ in range(8)) and not batches.put(text(1), 0)
    waits = threading.Thread(target=batches.put, args=(text(1), 30.0))
    waits.start()
    assert len(batches.take(0)) == 2
    waits.join(30)
    assert not waits.is_alive() and batches.put(text(1), 0) and not batches.put(text(1), 0)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=16), st.integers(1, 5))
def test_everything_comes_out_once_and_the_oldest_always(given: list[tuple[bool, int]], size: int) -> None:
    batches = Batches(max(size, 4))
    left = [text(length, number) if is_text else picture(number) for number, (is_text, length) in enumerate(given)]
    for waiting in left:
        assert batches.put(waiting, 0)
    while left:
        batch = batches.take(0)
        assert left[0] in batch
        left = [each for each in left if all(each is not taken for taken in batch)]
    assert batches.take(0) == []
