"""When a program that stays goes over to searching on a GPU: in the background, from its second search on.

A command that asks once is answered by the processor long before a GPU would have been filled.
"""

import importlib.metadata
import logging
import threading
from typing import Literal

from engine.gpu_probe import probe_gpu
from storage.library import Library
from storage.vectors import one_line

_log = logging.getLogger(__name__)
_WORTH_IT = 200_000


class GpuSwitch:
    """Moves large modalities of a library to the GPU, if the settings and the machine allow it.

    ``device``: "cpu" never, "cuda" for any number of pieces, "auto" for 200,000 and more where the extra `gpu` is
    installed. Why there is none to use is said once, in a line.
    """

    def __init__(self, device: Literal["auto", "cpu", "cuda"]) -> None:
        self._allowed = device == "cuda" or (device == "auto" and _gpu_build())
        self._from_pieces = 1 if device == "cuda" else _WORTH_IT
        self._searches = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def asked(self, library: Library) -> None:
        """To be called with every search."""
        with self._lock:
            self._searches += 1
            if not self._allowed or self._searches < 2 or (self._thread is not None and self._thread.is_alive()):
                return
            if library.may_accelerate(self._from_pieces):
                self._thread = threading.Thread(target=self._switch, args=(library,), daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Until what has been begun is done."""
        if self._thread is not None:
            self._thread.join()

    def _switch(self, library: Library) -> None:
        probe = probe_gpu()
        reason = probe.reason
        if probe.gpu is not None:
            from engine.gpu_search import GpuAccelerator

            try:
                for line in library.accelerate(GpuAccelerator(), self._from_pieces):
                    _log.info("%s", line)
                return
            except (RuntimeError, MemoryError) as error:
                reason = one_line(error)
        self._allowed = False
        _log.warning("the processor searches, not a GPU: %s", reason)


def _gpu_build() -> bool:
    """Whether the extra `gpu` is installed; loads nothing."""
    try:
        importlib.metadata.version("faiss-gpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
