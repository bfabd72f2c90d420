"""The process in which files are decoded: ``python -m indexer.extract.worker LIFELINE``, started by ``sandbox.py``.

It reads a greeting (form and limits) and then requests from standard input, and answers on what was standard output:
for every file {"opened": ...}, its pieces, and {"done": true}; or {"failed": reason} at any point. Asked for
a transcript, it sends words, {"going": true} now and then, and {"done": true}. See ``wire.py``.
"""

import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from indexer.errors import ExtractionError, RecogniserError
from indexer.extract.confine import confine, die_with_parent
from indexer.extract.take_apart import take_apart
from indexer.extract.transcribe import Transcription, transcribe
from indexer.extract.wire import Message, read_message, write_message, write_piece, write_segment
from indexer.pieces import ExtractionLimits, MediaFormat


def greeting(media: MediaFormat, limits: ExtractionLimits) -> Message:
    """The first message a worker expects."""
    return {"media": asdict(media), "limits": asdict(limits)}


def request(path: Path, span: tuple[float, float] | None) -> Message:
    """The message that asks for one file."""
    return {"path": str(path), "span": span}


def transcript_request(path: Path, wanted: Transcription) -> Message:
    """The message that asks for words of one file."""
    return {"path": str(path), "transcript": asdict(wanted)}


def main(lifeline: int) -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    die_with_parent(lifeline)
    requests, answers = _private_channel()

    def read(count: int) -> bytes:
        data = requests.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def write(data: bytes | memoryview) -> None:
        answers.write(data)
        answers.flush()

    try:
        hello = read_message(read)
        media, limits = MediaFormat(**hello["media"]), ExtractionLimits(**hello["limits"])
        confine(limits.memory_megabytes)
        write_message(write, {"ready": True})
        while True:
            asked = read_message(read)
            _answer(write, asked, media, limits)
    except (EOFError, BrokenPipeError):
        os._exit(0)  # the parent is gone: nobody is left to clean up for


def _private_channel() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output under other numbers, so that what a library prints cannot get between messages."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return requests, answers


def _answer(write: Any, asked: Message, media: MediaFormat, limits: ExtractionLimits) -> None:
    try:
        if "transcript" in asked:
            _transcribe(write, asked, media, limits)
            return
        span = (asked["span"][0], asked["span"][1]) if asked["span"] else None
        extraction = take_apart(Path(asked["path"]), media, limits, span)
        names = ("kind", "duration", "recorded", "dimensions")
        write_message(write, {"opened": {name: getattr(extraction, name) for name in names}})
        for piece in extraction.pieces:
            write_piece(write, piece)
        write_message(write, {"done": True})
    except ExtractionError as error:
        write_message(write, {"failed": str(error)})
    except RecogniserError as error:
        write_message(write, {"unusable": str(error)})
    except MemoryError:
        write_message(write, {"out_of_memory": True})


def _transcribe(write: Any, asked: Message, media: MediaFormat, limits: ExtractionLimits) -> None:
    for segment in transcribe(Path(asked["path"]), Transcription(**asked["transcript"]), media, limits):
        if segment is None:
            write_message(write, {"going": True})
        else:
            write_segment(write, segment)
    write_message(write, {"done": True})


if __name__ == "__main__":
    main(int(sys.argv[1]))
