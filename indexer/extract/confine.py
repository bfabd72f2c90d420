"""The limits that a decoding process puts upon itself before it touches a file."""

import fcntl
import os
import resource
import signal

_KINDNESS = 10
"""How far the process steps back behind others (``nice``)."""


def confine(memory_megabytes: int) -> None:
    """Limit the memory this process may fill, forbid it to write files or core dumps, and lower its priority.

    RLIMIT_DATA counts the memory that is written to, not the libraries that are mapped (Linux 4.7 and newer).
    """
    _lower(resource.RLIMIT_DATA, memory_megabytes * 1024 * 1024)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    os.nice(_KINDNESS)


def _lower(what: int, limit: int) -> None:
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        limit = min(limit, most)
    resource.setrlimit(what, (limit, limit))


def die_with_parent(lifeline: int) -> None:
    """End this process when the other end of the pipe ``lifeline``, held by the parent alone, is closed.

    The kernel then sends SIGIO, whose default is to end the process; this works in the middle of a decoder's loop too.
    (The parent-death signal of Linux would come when the *thread* that started the process ends.)
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
