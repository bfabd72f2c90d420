"""Freed memory goes back to the system, measured on this process."""

import ctypes

import psutil
import pytest

from indexer.memory import give_back

MEGABYTE = 1_000_000


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_what_has_been_freed_is_given_back() -> None:
    held = [bytes(2_000) for _ in range(100_000)]  # too small for the library to ask the system for each
    last = held[-1]  # what lies below it is a gap
    before = psutil.Process().memory_info().rss
    del held
    give_back()
    assert psutil.Process().memory_info().rss < before - 100 * MEGABYTE and last == bytes(2_000)
