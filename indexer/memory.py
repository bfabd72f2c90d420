"""Memory that has been freed, given back to the system."""

import contextlib
import ctypes


def give_back() -> None:
    """Let the system have what this process has freed and the C library still holds.

    Each thread frees into a heap of its own, with gaps the library keeps for later: after a run these are some hundred
    megabytes, which grow for the first few runs of a program that stays. Does nothing where the C library is not
    glibc.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
