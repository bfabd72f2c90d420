"""Step back behind whatever else the machine has to do."""

import contextlib
import os
import threading
from typing import Literal

import psutil

Priority = Literal["idle", "low", "normal"]

_NICENESS: dict[Priority, int] = {"idle": 19, "low": 10, "normal": 0}


def step_back(priority: Priority) -> None:
    """Lower the priority of this thread, and of all threads and processes it starts from now on (Linux has it so).

    "idle": the disk is used when nobody else wants it, the processor hardly ever when somebody does; "low": later than
    others. Nothing is raised again; a system that has no such thing is left as it is.
    """
    if priority == "normal":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS[priority], os.getpriority(os.PRIO_PROCESS, 0)))
    with contextlib.suppress(OSError, AttributeError, psutil.Error):
        thread = psutil.Process(threading.get_native_id())
        if priority == "idle":
            thread.ionice(psutil.IOPRIO_CLASS_IDLE)
        else:
            thread.ionice(psutil.IOPRIO_CLASS_BE, 7)
