"""Files are decoded in a process of their own, with limits; this is the side that asks it and survives it."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from indexer.errors import DecoderStartError, ExtractionError, RecogniserError
from indexer.extract.transcribe import Transcription
from indexer.extract.wire import Message, WireError, clean, read_message, read_piece, read_segment, write_message
from indexer.extract.worker import greeting, request, transcript_request
from indexer.pieces import ExtractedPiece, Extraction, ExtractionLimits, MediaFormat
from storage.records import MODALITIES, Modality, TextSegment

_START_SECONDS = 120.0
_PIPE_BYTES = 1024 * 1024
_PACKAGES = str(Path(__file__).resolve().parents[2])

Received = TypeVar("Received")


class ExtractionWorker:
    """One decoding process, reused from file to file and replaced when a file was too much for it.

    Use it as a context manager, from one thread at a time; several workers may run in several threads.
    """

    def __init__(self, media: MediaFormat, limits: ExtractionLimits) -> None:
        self._media = media
        self._limits = limits
        self._process: _Process | None = None
        self._busy = self._is_interrupted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Have a process ready for the first file. Raises DecoderStartError."""
        self._ready()

    def open(self, path: Path, span: tuple[float, float] | None = None) -> Extraction:
        """Take a file apart; ``span`` (start, end in seconds) asks for a part of a sound or video.

        The pieces come from the process while they are iterated; when nobody takes them, it waits. Raises
        ExtractionError with the reason, here or during the iteration: a bad file, a crash, too much memory, or more
        than ``limits.seconds`` spent waiting for the process. An iteration that is given up, by closing it or by
        opening the next file, costs a new process and nothing else.
        """
        process = self._ready()
        self._busy = True
        process.seconds_left = self._limits.seconds
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - does not follow symbolic links
        message = self._ask(process, lambda: process.ask(request(absolute, span)))
        if "opened" not in message:
            raise self._refusal(message)
        kind, duration, recorded, dimensions = self._ask(process, lambda: _opened(message["opened"]))
        return Extraction(kind, duration, self._pieces(process), recorded, dimensions)

    def transcribe(self, path: Path, wanted: Transcription) -> Iterator[TextSegment]:
        """The words of one origin in a file, while they are iterated; ``limits.seconds`` may pass between two answers.

        Raises ExtractionError as ``open`` does (the words so far stand), RecogniserError when it would with any file.
        """
        process = self._ready()
        self._busy = True
        finished = False
        try:
            process.seconds_left = self._limits.seconds
            message = self._ask(process, lambda: process.ask(transcript_request(path, wanted)))
            while "segment" in message or "going" in message:
                if "segment" in message:
                    header = message
                    yield self._next(process, lambda: read_segment(header))  # noqa: B023 - called at once
                process.seconds_left = self._limits.seconds
                message = self._next(process, lambda: read_message(process.read))
            finished = True
        finally:
            if not finished and process is self._process:
                self.close()
        if "unusable" in message:
            self._busy = False
            raise RecogniserError(clean(str(message["unusable"])))
        if "done" not in message:
            raise self._refusal(message)
        self._busy = False

    @property
    def is_at_rest(self) -> bool:
        """Whether there is a process that waits for a file, and may be given one."""
        if self._process is None or self._busy or self._is_interrupted:
            return False
        return not self._process.has_ended()

    def close(self) -> None:
        """End the process. Safe to call twice; a later ``open`` starts another."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def interrupt(self) -> None:
        """End the process for good, from another thread; whoever waits for it gets an ExtractionError at once."""
        self._is_interrupted = True
        if (process := self._process) is not None:
            process.interrupt()

    def _pieces(self, process: "_Process") -> Iterator[ExtractedPiece]:
        finished = False
        try:
            while "piece" in (message := self._next(process, lambda: read_message(process.read))):
                header = message
                yield self._next(process, lambda: read_piece(process.read, header))  # noqa: B023 - called at once
            finished = True
        finally:
            if not finished and process is self._process:
                self.close()
        if "done" not in message:
            raise self._refusal(message)
        self._busy = False

    def _next(self, process: "_Process", receive: Callable[[], Received]) -> Received:
        if process is not self._process:
            raise ExtractionError("another file was opened before this one was finished")
        return self._ask(process, receive)

    def _ready(self) -> "_Process":
        """A process that is waiting for a request: the one at hand, or a new one."""
        if self._process is not None and (self._busy or self._process.has_ended()):
            self.close()
        if self._process is None:
            process = self._process = _Process(self._limits)
            if self._is_interrupted:  # maybe just before there was a process to end
                self.close()
                raise ExtractionError("it was given up")
            process.seconds_left = _START_SECONDS
            try:
                self._ask(process, lambda: process.ask(greeting(self._media, self._limits)))
            except ExtractionError as error:
                raise DecoderStartError(
                    f"the process that decodes files cannot be started ({error}); is the installation complete?"
                ) from error
            self._busy = False
        return self._process

    def _ask(self, process: "_Process", receive: Callable[[], Received]) -> Received:
        """Receive something from the process; when that fails in any way, it is ended, and the reason raised."""
        try:
            return receive()
        except _TooSlow as error:
            self.close()
            raise ExtractionError(f"took longer than {self._limits.seconds:g} s") from error
        except (_Gone, BrokenPipeError) as error:
            ending = process.how_it_ended()
            self.close()
            raise ExtractionError(f"the decoder crashed{ending}") from error
        except WireError as error:
            self.close()
            raise ExtractionError("the decoder crashed: its answer makes no sense") from error
        except BaseException:
            self.close()
            raise

    def _refusal(self, message: Message) -> ExtractionError:
        if "failed" in message:
            self._busy = False
            return ExtractionError(clean(str(message["failed"])))
        self.close()
        return ExtractionError(f"needs more than {self._limits.memory_megabytes} MB of memory")


def _opened(said: Any) -> tuple[Modality, float | None, float | None, tuple[int, int] | None]:
    """Kind, length, time of recording and dimensions of a file.

    Raises WireError: they may come from a decoder gone astray.
    """
    try:
        kind, numbers, sides = said["kind"], (said["duration"], said["recorded"]), said["dimensions"]
    except (KeyError, TypeError) as error:
        raise WireError("the file is not described") from error
    if kind not in MODALITIES or not all(number is None or type(number) in (int, float) for number in numbers):
        raise WireError("the description of the file makes no sense")
    if sides is not None and not (isinstance(sides, list) and [type(side) for side in sides] == [int, int]):
        raise WireError("the dimensions of the file make no sense")
    return kind, *numbers, None if sides is None else (sides[0], sides[1])


class _Gone(Exception):
    """The process ended in the middle of a message."""


class _TooSlow(Exception):
    """The process has used up its seconds."""


class _Process:
    """A running worker process and the pipes to it. ``seconds_left`` shrinks only while we wait for its bytes."""

    def __init__(self, limits: ExtractionLimits) -> None:
        self.seconds_left = 0.0
        watched, self._lifeline = os.pipe()
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "indexer.extract.worker", str(watched)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[watched],
                env=_environment(),
                bufsize=0,
            )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(watched)
        assert self._popen.stdin is not None and self._popen.stdout is not None
        self._requests, self._answers = self._popen.stdin, self._popen.stdout
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            # Room for the next piece while one is used; the usual size does when the quota of pipe memory is used up.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def ask(self, message: Message) -> Message:
        """Send a message, return the first answer."""
        write_message(self._requests.write, message)
        return read_message(self.read)

    def read(self, count: int) -> bytearray:
        """Exactly ``count`` bytes of the answer. Raises _Gone, _TooSlow."""
        data = bytearray(count)
        view = memoryview(data)
        while view:
            began = time.monotonic()
            readable = self._poll.poll(max(0.0, self.seconds_left) * 1000)
            self.seconds_left -= time.monotonic() - began
            if not readable:
                raise _TooSlow
            received = os.readv(self._answers.fileno(), [view])
            if received == 0:
                raise _Gone
            view = view[received:]
        return data

    def has_ended(self) -> bool:
        """Whether it is gone; one that waits for a request has nothing to say, not even that its pipe is closed."""
        return self._popen.poll() is not None or bool(self._poll.poll(0))

    def interrupt(self) -> None:
        """End the process without touching the pipes, which another thread may be reading."""
        self._popen.kill()

    def kill(self) -> None:
        """End the process at once and wait until it is gone."""
        self._popen.kill()
        self._popen.wait()
        self._requests.close()
        self._answers.close()
        os.close(self._lifeline)

    def how_it_ended(self) -> str:
        """The signal that ended it, for people; "" when it ended otherwise."""
        try:
            code = self._popen.wait(timeout=1)  # its pipes close a moment before it is gone
        except subprocess.TimeoutExpired:
            return ""
        return f" ({signal.Signals(-code).name})" if code < 0 else ""


def _environment() -> dict[str, str]:
    """This environment, with the packages to be found, one thread for the number libraries, no network,
    and little malloc slack."""
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), _PACKAGES]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "HF_HUB_OFFLINE": "1",
    }
