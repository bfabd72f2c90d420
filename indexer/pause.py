"""When a running indexer is to wait: the user said so, or the machine runs on its battery and that is low."""

import threading
import time
from pathlib import Path
from typing import Any

import psutil

from storage.errors import DataFolderError

_NAME = "paused"
_SECONDS_BETWEEN_LOOKS = 1.0


def pause(folder: Path) -> None:
    """Tell whatever indexes into the library in data folder ``folder`` to wait. Raises DataFolderError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _NAME).touch()
    except OSError as error:
        raise DataFolderError(f"{folder / _NAME}: it cannot be written ({error.strerror})") from error


def resume(folder: Path) -> None:
    """Tell it to go on. Raises DataFolderError."""
    try:
        (folder / _NAME).unlink(missing_ok=True)
    except OSError as error:
        raise DataFolderError(f"{folder / _NAME}: it cannot be removed ({error.strerror})") from error


def is_paused(folder: Path) -> bool:
    """Whether the user said so."""
    return (folder / _NAME).exists()


class Pause:
    """Asked often, from any thread, it looks once a second. ``battery_percent``: wait below it, without a cable."""

    def __init__(self, folder: Path, battery_percent: float) -> None:
        self._folder, self._battery_percent = folder, battery_percent
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._reason: str | None = None

    def reason(self) -> str | None:
        """Why to wait, or None."""
        with self._lock:
            now = time.monotonic()
            if self._looked is None or now - self._looked >= _SECONDS_BETWEEN_LOOKS:
                self._looked, self._reason = now, self._look()
            return self._reason

    def _look(self) -> str | None:
        if is_paused(self._folder):
            return "paused; `synesthete resume` goes on"
        return _battery_reason(psutil.sensors_battery(), self._battery_percent) if self._battery_percent > 0 else None


def _battery_reason(battery: Any, least_percent: float) -> str | None:
    """``battery`` as psutil has it: ``percent``, and ``power_plugged``, None where nothing is known of a cable."""
    if battery is None or battery.power_plugged is not False or battery.percent >= least_percent:
        return None
    return f"the battery is at {battery.percent:.0f} %, below {least_percent:g} % (pause_below_battery in the settings)"
