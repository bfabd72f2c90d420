"""Many who look at once, or one who changes."""

import threading
import time

import pytest

from storage.shared_lock import SharedLock

SECONDS = 10.0


def test_those_who_look_do_not_wait_for_each_other() -> None:
    lock, all_there = SharedLock(), threading.Barrier(4)

    def look() -> None:
        with lock.shared():
            all_there.wait(SECONDS)  # broken, and raises, unless all four are inside at once

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    look()
    for thread in threads:
        thread.join()
    assert not all_there.broken


def test_nobody_is_inside_with_the_one_who_changes() -> None:
    lock, inside, faults = SharedLock(), {"looking": 0, "changing": 0}, list[dict[str, int]]()
    counting = threading.Lock()

    def enter(what: str) -> None:
        with lock.alone() if what == "changing" else lock.shared():
            with counting:
                inside[what] += 1
                if inside["changing"] > 1 or (inside["changing"] and inside["looking"]):
                    faults.append(dict(inside))
            time.sleep(0.0002)
            with counting:
                inside[what] -= 1

    def come_and_go(number: int) -> None:
        for turn in range(60):
            enter("changing" if (number + turn) % 4 == 0 else "looking")

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults and inside == {"looking": 0, "changing": 0}


def test_a_change_that_waits_goes_before_those_who_come_later() -> None:
    lock, order = SharedLock(), list[str]()

    def change() -> None:
        with lock.alone():
            order.append("change")

    def look() -> None:
        with lock.shared():
            order.append("look")

    changing, looking = threading.Thread(target=change), threading.Thread(target=look)
    with lock.shared():
        changing.start()
        changing.join(0.05)
        looking.start()
        looking.join(0.05)
        assert order == []
    changing.join()
    looking.join()
    assert order == ["change", "look"]


@pytest.mark.parametrize("way", ["shared", "alone"])
def test_it_is_free_again_after_an_error(way: str) -> None:
    lock = SharedLock()
    with pytest.raises(ZeroDivisionError), getattr(lock, way)():
        raise ZeroDivisionError
    with lock.alone():
        pass
    with lock.shared():
        pass
