"""The program in a process of its own, forked from one that has its libraries in memory already.

To import them (torch above all) takes a new process seconds, and says nothing new the second time. What is asked of
the program, what it prints and its exit code are the same; a test about the start itself wants a process of its own.
"""

import atexit
import functools
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# engine.cli is not among them: its consoles look at the output when they are made.
_PRELOADED = ("engine.model.embedder", "engine.search_engine", "engine.settings", "rich.progress", "typer")


def run_forked(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    timeout: float = 300,
    preloaded: tuple[str, ...] = (),
) -> "subprocess.CompletedProcess[str]":
    """What ``python -m engine.cli ARGUMENTS`` does in ``folder``, or here; raises subprocess.TimeoutExpired.

    ``preloaded``: modules that the process it is forked from has imported besides, under the same variables HF_...,
    which huggingface_hub reads when it is imported.
    """
    with tempfile.TemporaryDirectory() as place:
        outputs = [str(Path(place, name)) for name in ("stdout", "stderr")]
        told = (list(arguments), dict(environment), str(folder or Path.cwd()), outputs)
        code = _server(preloaded, _of_hubs(environment) if preloaded else ()).run(told, timeout)
        if code is None:
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        out, err = (Path(output).read_text(encoding="utf-8") for output in outputs)
        return subprocess.CompletedProcess(list(arguments), code, out, err)


class _Server:
    """The process that is forked from. It has no threads, and ends when this one does."""

    def __init__(self, preloaded: tuple[str, ...], variables: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "tests.forked", *_PRELOADED, *preloaded]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **variables}
        )
        self._turn = threading.Lock()
        atexit.register(self._process.communicate)

    def run(self, told: tuple[object, ...], timeout: float) -> int | None:
        """The exit code of the program that was told this; None if it had to be killed after ``timeout`` seconds."""
        assert self._process.stdin and self._process.stdout
        with self._turn:
            print(json.dumps([told, timeout]), file=self._process.stdin, flush=True)
            code: int | None = json.loads(self._process.stdout.readline())
            return code


@functools.cache
def _server(preloaded: tuple[str, ...], variables: tuple[tuple[str, str], ...]) -> _Server:
    return _Server(preloaded, dict(variables))


def _of_hubs(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(variable for variable in environment.items() if variable[0].startswith("HF_")))


def _serve(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    forking = multiprocessing.get_context("fork")
    for line in sys.stdin:
        told, timeout = json.loads(line)
        process = forking.Process(target=_run, args=told)
        process.start()
        process.join(timeout)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
        print(json.dumps(code), flush=True)


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


if __name__ == "__main__":
    _serve(sys.argv[1:])
