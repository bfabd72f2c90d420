"""Open a file as the desktop would, at the place that was found where its program is known to take one."""

import asyncio
import mimetypes
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ServiceError


@dataclass(frozen=True)
class _Program:
    """A program that takes a place: its command, and the option, in which ``{}`` stands for seconds or the page."""

    command: str
    option: str


_AT_SECOND = {
    "mpv.desktop": _Program("mpv", "--start={:g}"),
    "vlc.desktop": _Program("vlc", "--start-time={:g}"),
    "io.github.celluloid_player.Celluloid.desktop": _Program("celluloid", "--mpv-start={:g}"),
}
_AT_PAGE = {
    "org.kde.okular.desktop": _Program("okular", "--page={}"),
    "org.gnome.Evince.desktop": _Program("evince", "--page-index={}"),
    "org.gnome.Papers.desktop": _Program("papers", "--page-index={}"),
    "org.pwmt.zathura.desktop": _Program("zathura", "--page={}"),
}

_running: set[asyncio.Task[int]] = set()


async def open_place(path: Path, start: float | None, page: int | None) -> None:
    """Open ``path`` with the program that the desktop has for its kind. Raises ServiceError."""
    if not path.exists():
        raise ServiceError(f"{path}: the file is gone")
    await _launch(*(await _command_at(path, start, page) or ["xdg-open", str(path)]))


async def open_address(address: str) -> None:
    """Open a web page in the user's browser. Raises ServiceError."""
    await _launch("xdg-open", address)


async def _command_at(path: Path, start: float | None, page: int | None) -> list[str] | None:
    """The command that opens ``path`` at its place, if the default program is one that is known to take it."""
    kind = mimetypes.guess_type(path.name)[0]
    if kind is None or (not start and page in (None, 1)):
        return None
    known = _AT_PAGE if page is not None else _AT_SECOND
    program = known.get(await _default_program(kind))
    if program is None or shutil.which(program.command) is None:
        return None
    return [program.command, program.option.format(start if page is None else page), str(path)]


async def _default_program(kind: str) -> str:
    """The desktop file of the program for a media type; "" if there is none."""
    try:
        asking = await asyncio.create_subprocess_exec(
            "xdg-mime", "query", "default", kind, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ""
    return (await asking.communicate())[0].decode(errors="replace").strip()


async def _launch(*command: str) -> None:
    """Start a program that lives on when this one ends."""
    nothing = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
    except OSError as error:
        raise ServiceError(f"{command[0]} cannot be started ({error.strerror}); it comes with xdg-utils") from error
    waiting = asyncio.create_task(process.wait())  # or it would stay as a zombie
    _running.add(waiting)
    waiting.add_done_callback(_running.discard)
