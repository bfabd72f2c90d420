"""Wait until a file is still. Decided on plain events and clock readings: nothing here looks at a disk or a clock."""

from collections.abc import Callable
from dataclasses import dataclass

from storage.records import FileState

Look = Callable[[str], FileState | None]
"""What is at a path now; None for a folder, or when nothing is there."""


@dataclass
class _Waiting:
    quiet_since: float
    state: FileState | None


class Settling:
    """The paths at which something has happened, until nothing has for ``seconds`` and they look the same as then.

    A file that is written without events (through a memory map, by another machine) is told by its size and time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[str, _Waiting] = {}

    def note(self, path: str, now: float, state: FileState | None) -> None:
        """Something happened at ``path``, after which it looked like ``state``. ``now``: seconds on a steady clock."""
        self._waiting[path] = _Waiting(now, state)

    def take_due(self, now: float, look: Look) -> list[str]:
        """The paths that are still, oldest first; they are waited for no longer."""
        due = []
        for path, waiting in sorted(self._waiting.items(), key=lambda item: item[1].quiet_since):
            if now - waiting.quiet_since < self._seconds:
                break
            state = look(path)
            if state == waiting.state:
                due.append(path)
                del self._waiting[path]
            else:
                self._waiting[path] = _Waiting(now, state)
        return due

    def next_due(self) -> float | None:
        """When ``take_due`` may have something to give at the earliest; None when nothing waits."""
        if not self._waiting:
            return None
        return min(waiting.quiet_since for waiting in self._waiting.values()) + self._seconds

    def __contains__(self, path: str) -> bool:
        return path in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)
