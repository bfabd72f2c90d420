"""Keeps up what ``status`` says of each root while a run goes on: how many files wait, and the pace."""

import time
from collections import Counter

from storage import roots
from storage.library import Library

_SECONDS_BETWEEN_NOTES = 2.0
_LEAST_FILES = 10
"""A pace told from fewer files is an accident."""


class Ledger:
    """``waiting``: the files to be read in this run, by root. Use it from one thread, under the writer's lock."""

    def __init__(self, library: Library, waiting: Counter[str]) -> None:
        self._library, self._waiting = library, waiting
        self._total = waiting.total()
        self._began = self._noted = time.monotonic()
        self._note()

    def done(self, root: str) -> None:
        """A file of ``root`` has been read, or could not be."""
        self._waiting[root] -= 1
        if time.monotonic() - self._noted > _SECONDS_BETWEEN_NOTES:
            self._note()

    def close(self) -> None:
        """Write what is left at the end of the run, and its pace."""
        done, took = self._total - self._waiting.total(), time.monotonic() - self._began
        if self._total:
            self._note(done / took if done >= _LEAST_FILES and took > 0 else None)

    def _note(self, pace: float | None = None) -> None:
        self._noted = time.monotonic()
        with self._library.catalog.writing() as connection:
            for root, waiting in self._waiting.items():
                roots.put_waiting(connection, root, waiting)
                if pace is not None:
                    roots.put_pace(connection, root, pace)
