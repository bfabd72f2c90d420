"""Do the same with several things at once, in as many threads as there are processors."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

_OTHERS = (os.cpu_count() or 1) - 1
_others = ThreadPoolExecutor(max(1, _OTHERS), thread_name_prefix="at-once")


def at_once(work: Callable[[Thing], Result], things: Sequence[Thing], alone: bool = False) -> list[Result]:
    """``work`` of each of ``things``, in their order; they are begun in this order, too.

    The calling thread does what no other one is free for, so it waits for nothing that has not been begun; ``alone``,
    it does everything. Raises what ``work`` raises.
    """
    left = deque(range(len(things)))
    results: dict[int, Result] = {}

    def do_some() -> None:
        while left:
            try:
                place = left.popleft()
            except IndexError:  # another thread was quicker
                return
            results[place] = work(things[place])

    helpers = [_others.submit(do_some) for _ in range(0 if alone else min(_OTHERS, len(things) - 1))]
    try:
        do_some()
    finally:
        left.clear()  # if anything was raised, nobody is to go on
    for helper in helpers:
        if not helper.cancel():
            helper.result()
    return [results[place] for place in range(len(things))]
