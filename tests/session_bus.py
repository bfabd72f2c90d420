"""A session bus of its own, and what the desktop's search is called on it."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

NAME, PATH = "org.synesthete.Search1", "/org/synesthete/Search1"
GNOME, KDE = "org.gnome.Shell.SearchProvider2", "org.kde.krunner1"


@contextmanager
def session_bus(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """``environment`` with the address of a bus that lasts as long as this; with it ends what it has started."""
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(environment),
    )  # fmt: skip
    assert bus.stdout is not None
    try:
        yield {**environment, "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
    finally:
        bus.terminate()
        bus.wait(15)
        bus.stdout.close()


def gdbus(verb: str, *arguments: str) -> list[str]:
    """GLib's tool, as it asks the search."""
    return ["gdbus", verb, "--session", "--dest", NAME, "--object-path", PATH, *arguments]


def call(environment: Mapping[str, str], method: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Call ``method`` of the search, which the bus starts if need be."""
    command = gdbus("call", "--timeout", "100", "--method", method, *arguments)
    return subprocess.run(command, capture_output=True, text=True, env=dict(environment), timeout=120)
