"""The decoding processes of a run, kept for the next one where many short runs follow each other."""

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractionLimits, MediaFormat


class Decoders:
    """Lends decoding processes to threads. One that comes back is kept for ``idle_seconds``, by default not at all.

    To start one takes about a second, which is nothing for a folder and much for a file that has just been saved.
    ``most_idle``: how many are kept; ``math.inf`` seconds: until ``close``.
    """

    def __init__(
        self, media: MediaFormat, limits: ExtractionLimits, idle_seconds: float = 0.0, most_idle: int = sys.maxsize
    ) -> None:
        self._media, self._limits, self._idle_seconds, self._most_idle = media, limits, idle_seconds, most_idle
        self._idle: list[ExtractionWorker] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def lent(self) -> Iterator[ExtractionWorker]:
        """A decoding process for one thread, as long as the context lasts."""
        with self._lock:
            worker = self._idle.pop() if self._idle else ExtractionWorker(self._media, self._limits)
        try:
            yield worker
        finally:
            if self._idle_seconds and worker.is_at_rest:
                self._keep(worker)
            else:
                worker.close()

    def warm_up(self) -> None:
        """Start a process, to be kept. Raises DecoderStartError."""
        with self.lent() as worker:
            worker.start()

    def close(self) -> None:
        """End the processes that are not lent."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            while self._idle:
                self._idle.pop().close()

    def _keep(self, worker: ExtractionWorker) -> None:
        with self._lock:
            self._idle.append(worker)
            while len(self._idle) > self._most_idle:
                self._idle.pop(0).close()
            if self._timer is not None:
                self._timer.cancel()
            if math.isinf(self._idle_seconds):
                return
            self._timer = threading.Timer(self._idle_seconds, self.close)
            self._timer.daemon = True
            self._timer.start()
