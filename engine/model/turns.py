"""Turns at a model that one thread at a time may use: who is waited for goes before who works in the background."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One holder at a time, as of a lock. Whoever comes ``first`` is next when the holder is done."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._waiting_first = 0

    @contextmanager
    def taken(self, first: bool = False) -> Iterator[None]:
        """A turn, as long as the context lasts."""
        with self._changed:
            self._waiting_first += first
            try:
                self._changed.wait_for(lambda: not self._taken and (first or not self._waiting_first))
            finally:
                self._waiting_first -= first
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()
