"""The process that the desktop starts when somebody searches, and that asks the service."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from dbus_fast import BusType, Message, MessageType, NameFlag, RequestNameReply
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from engine.errors import ServiceError
from engine.service.desktop import NAME, PATH
from engine.service.desktop.found import Finder
from engine.service.desktop.interfaces import GnomeSearch, KdeSearch, OwnInterface
from engine.service.start import SharedService
from storage.errors import SynestheteError

_LOOK_SECONDS = 1.0


def answer_desktop(service: SharedService, cutoff: float) -> None:
    """Answer on the session bus until SIGTERM, SIGINT or the end of the session.

    ``cutoff``: the relevance from which a hit is shown. Raises ServiceError if there is no bus or the name is taken.
    """
    asyncio.run(_answer(service, cutoff))


def show_page() -> None:
    """Let the process that answers open the web page; the bus starts it if need be. Raises ServiceError."""
    asyncio.run(_show_page())


async def _answer(service: SharedService, cutoff: float) -> None:
    bus = await _connected()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, bus.disconnect)
    finder, own = Finder(service, cutoff), OwnInterface(service)
    for interface in (GnomeSearch(finder, service), KdeSearch(finder), own):
        bus.export(PATH, interface)
    if await bus.request_name(NAME, NameFlag.DO_NOT_QUEUE) != RequestNameReply.PRIMARY_OWNER:
        raise ServiceError(f"{NAME}: another process answers the desktop already")
    stop = Event()
    Thread(target=_follow, args=(service, loop, own.progress, stop), daemon=True).start()
    try:
        with contextlib.suppress(DBusFastError, OSError, EOFError):  # the session has ended
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    finally:
        stop.set()
        finder.close()


async def _show_page() -> None:
    bus = await _connected()
    try:
        call = Message(destination=NAME, path=PATH, interface=NAME, member="Show", signature="s", body=[""])
        reply = await bus.call(call)
        if reply is not None and reply.message_type == MessageType.ERROR:
            raise ServiceError(f"the page cannot be opened ({': '.join(map(str, reply.body))})")
    finally:
        bus.disconnect()


async def _connected() -> MessageBus:
    try:
        return await MessageBus(bus_type=BusType.SESSION).connect()
    except (DBusFastError, OSError, ValueError) as error:
        raise ServiceError(f"there is no session bus to be reached ({error})") from error


def _follow(
    service: SharedService, loop: asyncio.AbstractEventLoop, tell: Callable[[dict[str, Any]], None], stop: Event
) -> None:
    """Pass on what the service says of its progress, whenever one runs; it is not started for that."""
    while not stop.wait(_LOOK_SECONDS):
        client = service.running()
        if client is None:
            continue
        with contextlib.suppress(SynestheteError, RuntimeError):  # the service, or the loop here, has ended
            for state in client.progress():
                loop.call_soon_threadsafe(tell, state)
