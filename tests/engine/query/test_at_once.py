"""Several things at once: the results of one after the other, whatever else goes on."""

import threading

import pytest

from engine.query import at_once as module
from engine.query.at_once import at_once

SECONDS = 10.0


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_come_in_the_order_of_the_things(count: int, alone: bool) -> None:
    assert at_once(lambda number: number * number, range(count), alone) == [number**2 for number in range(count)]


@pytest.mark.skipif(module._OTHERS == 0, reason="one processor")
def test_two_things_are_done_at_the_same_time() -> None:
    both = threading.Barrier(2)
    assert sorted(at_once(lambda _: both.wait(SECONDS), [1, 2])) == [0, 1]


def test_alone_everything_is_done_by_the_calling_thread() -> None:
    assert set(at_once(lambda _: threading.current_thread(), range(20), alone=True)) == {threading.current_thread()}


def test_nothing_waits_for_threads_that_are_busy_elsewhere() -> None:
    go_on, busy = threading.Event(), threading.Semaphore(0)

    def hold() -> None:
        busy.release()
        go_on.wait(SECONDS)

    held = [module._others.submit(hold) for _ in range(max(1, module._OTHERS))]
    for _ in held:
        busy.acquire(timeout=SECONDS)
    try:
        assert set(at_once(lambda _: threading.current_thread(), range(20))) == {threading.current_thread()}
        assert not any(each.done() for each in held)
    finally:
        go_on.set()


@pytest.mark.parametrize("bad", [0, 1, 19])
def test_what_the_work_raises_is_raised_and_the_next_call_is_as_ever(bad: int) -> None:
    def work(number: int) -> int:
        if number == bad:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match=str(bad)):
        at_once(work, range(20))
    assert at_once(abs, range(20)) == list(range(20))
