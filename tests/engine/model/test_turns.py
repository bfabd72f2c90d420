"""Turns: one at a time, and who is waited for goes first."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from engine.model.turns import Turns


def waiting(turns: Turns, count: int) -> None:
    """Until so many threads wait for a turn."""
    while len(turns._changed._waiters) < count:  # type: ignore[attr-defined]
        time.sleep(0.001)


def test_who_comes_first_is_next_whoever_else_waits() -> None:
    turns, order = Turns(), []

    def take(name: str, first: bool) -> None:
        with turns.taken(first):
            order.append(name)

    with ThreadPoolExecutor(5) as threads:
        with turns.taken():
            begun = []
            for number, (name, first) in enumerate([("batch", False), ("batch", False), ("query", True)]):
                begun.append(threads.submit(take, name, first))
                waiting(turns, number + 1)
        for each in begun:
            each.result()
    assert order == ["query", "batch", "batch"]


def test_only_one_holds_a_turn_and_an_error_gives_it_back() -> None:
    turns, holders, most = Turns(), 0, []
    lock = threading.Lock()

    def take(number: int) -> None:
        nonlocal holders
        try:
            with turns.taken(first=number % 3 == 0):
                with lock:
                    holders += 1
                    most.append(holders)
                time.sleep(0.001)
                with lock:
                    holders -= 1
                if number % 5 == 0:
                    raise ValueError
        except ValueError:
            pass

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take, range(60)))
    assert most == [1] * 60
