"""What a run heeds while it goes on: being told to wait or to stop, and files that are still being written."""

from collections.abc import Callable
from dataclasses import dataclass

from storage.records import FileState


@dataclass(frozen=True)
class Control:
    """Each is asked often, from several threads, and answers at once.

    ``hold``: why nothing may be done for now; the run waits where it is, and nothing is lost. ``stop``: whether to end,
    with what is done until then. ``give_way``: whether files wait to be indexed, which come before words to be
    recognised. ``is_still``: whether nobody is writing to the file at a path, which looked so when it was scanned.
    ``is_quiet``: whether no file is about to appear; one that is gone may be about to appear under another name.
    """

    hold: Callable[[], str | None] = lambda: None
    stop: Callable[[], bool] = lambda: False
    give_way: Callable[[], bool] = lambda: False
    is_still: Callable[[str, FileState], bool] = lambda path, state: True
    is_quiet: Callable[[], bool] = lambda: True


FREE = Control()
