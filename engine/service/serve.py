"""Run the service: on the loopback interface for browsers, on the user's own socket for commands and programs."""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import uvicorn

from engine.errors import ServiceError
from engine.search_engine import SearchEngine
from engine.service.address import is_private, runtime_folder, socket_path
from engine.service.app import Service, create_app
from engine.service.commands import run_command
from engine.service.guard import LOOPBACK, Access, Guard
from engine.service.systemd import notify
from engine.settings import Settings
from storage.atomic import replaced_file

_GRACE_SECONDS = 3
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})


def serve(
    engine: SearchEngine,
    data: Path,
    settings: Settings,
    host: str,
    port: int,
    say: Callable[[str], None],
    until_stdin_ends: bool = False,
    watch: Sequence[Path] | None = None,
) -> None:
    """Answer until SIGTERM or SIGINT. ``port`` 0 means any; ``say`` is told the address.

    ``until_stdin_ends``: or until whoever holds the other end of the standard input closes it, or dies.
    ``watch``: folders to keep the library up with meanwhile; none of them: those that it holds already.

    On loopback other accounts of this machine, and on another interface everybody has to show a token, which is kept
    in the data folder.
    Raises ServiceError if the address is taken or another service holds this library.
    """
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    own_path = socket_path(data)
    own = _listen_on_path(own_path)
    token = _token(data)
    access = Access(
        token,
        hosts=frozenset({host.lower(), *(name.lower() for name in settings.service.hosts)}),
        any_address=host in _EVERY_ADDRESS,
        knows_accounts=host in LOOPBACK,
        upload_bytes=int(settings.service.upload_megabytes * 1e6),
    )
    service = Service(engine)
    run = partial(run_command, engine=engine, data=data, settings=settings)

    name = _own_address(listening.family) if host in _EVERY_ADDRESS else host
    shown = f"[{name}]" if ":" in name else name
    link = f"http://{shown}:{port}/" + ("" if access.knows_accounts else f"?token={token}")
    service.page = link

    def ready() -> None:
        if watch is not None:
            service.watch.start(watch)
        say(link)
        notify("READY=1")

    try:
        engine.warm_up()
        gc.collect()
        gc.freeze()  # what is loaded stays; to look through it for garbage takes all threads a tenth of a second
        asyncio.run(
            _run(
                [
                    (Guard(create_app(service), access, is_own_socket=False), listening),
                    (Guard(create_app(service, run), access, is_own_socket=True), own),
                ],
                ready,
                service,
                until_stdin_ends,
            )
        )
    finally:
        notify("STOPPING=1")
        own_path.unlink(missing_ok=True)
        service.close()


async def _run(
    applications: list[tuple[Guard, socket.socket]],
    on_ready: Callable[[], None],
    service: Service,
    until_stdin_ends: bool,
) -> None:
    servers = []
    for application, _ in applications:
        config = uvicorn.Config(
            application,
            log_level="warning",
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
        )
        servers.append(_Server(config))

    def stop() -> None:
        service.is_stopping = True  # or streams of events would hold the end up
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if until_stdin_ends:
        threading.Thread(target=_wait_for_end_of_input, args=(loop, stop), daemon=True).start()
    tasks = [
        asyncio.create_task(server.serve(sockets=[listening]))
        for server, (_, listening) in zip(servers, applications, strict=True)
    ]
    while not all(server.started for server in servers) and not any(task.done() for task in tasks):
        await asyncio.sleep(0.01)
    on_ready()
    watchdog = asyncio.create_task(_tell_watchdog())
    try:
        await asyncio.gather(*tasks)
    finally:
        watchdog.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watchdog


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stop)


class _Server(uvicorn.Server):
    """Signals are taken by the loop, once for both servers."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


async def _tell_watchdog() -> None:
    """Tell systemd that the loop still turns, twice in the time that it allows (sd_watchdog_enabled(3))."""
    allowed = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while allowed:
        notify("WATCHDOG=1")
        await asyncio.sleep(allowed / 2)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        raise ServiceError(
            f"{host}, port {port}: nobody can be served there ({error.strerror}); choose another with --host or --port"
        ) from error
    return listening


def _own_address(family: socket.AddressFamily) -> str:
    """An address under which other machines know this one; that of loopback if there is none."""
    far, own = ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as unsent:
        unsent.connect((far, 9))  # sends nothing: it asks the system which way it would go
        return str(unsent.getsockname()[0])
    return own


def _listen_on_path(path: Path) -> socket.socket:
    """The user's own socket. One that a dead service left is replaced."""
    folder = runtime_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_private(folder):
            raise ServiceError(f"{folder}: this folder must be yours alone, for it says who may ask the service")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise ServiceError("a service is running for this library already")
        path.unlink(missing_ok=True)
        own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        own.bind(str(path))
        path.chmod(0o600)
        own.listen(128)
    except OSError as error:
        raise ServiceError(f"{path}: no socket can be made there ({error.strerror})") from error
    return own


def _token(data: Path) -> str:
    """The token of this library's service, made at the first need."""
    path = data / "service_token"
    with contextlib.suppress(OSError, UnicodeError):
        held = path.read_text(encoding="ascii").strip()
        if len(held) >= 32:
            return held
    token = secrets.token_urlsafe(32)
    with replaced_file(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(token, encoding="ascii")
    return token
