"""A lock that many may share who only look, and that one has alone who changes what they look at."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Whoever waits to have it alone goes before those who come to share it later, so that searches never keep a
    change from being seen. A thread that shares it must not ask for it again, in either way."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._sharing = 0
        self._alone = False
        self._waiting = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            while self._alone or self._waiting:
                self._changed.wait()
            self._sharing += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing -= 1
                if self._sharing == 0:
                    self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            try:
                while self._alone or self._sharing:
                    self._changed.wait()
            finally:
                self._waiting -= 1
                self._changed.notify_all()  # they look again when this is let go of: nobody waits for one who gave up
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
