"""Say once, for each library, that a service would make searches quick."""

from pathlib import Path

from engine.service.address import socket_path
from engine.service.client import ServiceClient

_MARK = "service_hint"
_HINT = (
    "each search loads the model anew; while `synesthete serve` runs they are answered at once "
    "(`synesthete install-service` starts it with your session)"
)


def service_hint(data: Path) -> str | None:
    """The line to show after a search without a service; None if one runs, or if it was shown for this library."""
    if ServiceClient(socket_path(data)).answers():
        return None
    try:
        (data / _MARK).touch(exist_ok=False)
    except OSError:  # shown before, or nothing can be noted there: better never than every time
        return None
    return _HINT
