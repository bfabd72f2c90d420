"""The program in a process of its own, forked from one that has its libraries in memory already.

To import them (torch above all) takes a new process seconds, and says nothing new the second time. What is asked of
the program, what it prints and its exit code are the same; a test about the start itself wants a process of its own.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# engine.cli is not among them: its consoles look at the output when they are made.
_PRELOADED = ["engine.model.embedder", "engine.search_engine", "engine.settings", "rich.progress", "typer"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_PRELOADED)


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None, timeout: float = 300
) -> "subprocess.CompletedProcess[str]":
    """What ``python -m engine.cli ARGUMENTS`` does in ``folder``, or here; raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as place:
        outputs = [str(Path(place, name)) for name in ("stdout", "stderr")]
        told = (list(arguments), dict(environment), str(folder or Path.cwd()), outputs)
        process = _context.Process(target=_run, args=told)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        out, err = (Path(output).read_text(encoding="utf-8") for output in outputs)
        return subprocess.CompletedProcess(list(arguments), process.exitcode, out, err)


def _run(arguments: list[str], environment: dict[str, str], folder: str, outputs: list[str]) -> None:
    for stream, output in zip((sys.stdout, sys.stderr), outputs, strict=True):
        stream.flush()
        with open(output, "wb") as file:  # noqa: PTH123
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["synesthete", *arguments]
    from engine.cli import main

    main()
