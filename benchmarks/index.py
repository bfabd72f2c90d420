"""How fast files come into a library, against the slowest of the stages they go through.

    python -m benchmarks.index --scale 0.02 --cache FOLDER

A library is generated (``realistic_library.py``) and then, with the bundled model, in one process:

1. each stage alone, with the machine to itself: reading the bytes (and hashing them), decoding in worker processes,
   embedding in batches of alike pieces, writing;
2. a bare loop that decodes and embeds one file after another, and writes nothing;
3. the pipeline, several times, each time into an empty library: how fast it is, how much memory is held at most (worker
   processes included), and whether it grows from pass to pass.

The slowest stage sets the pace only where each has processors of its own (decoders on some, the model on a GPU). Where
they share them, all that the stages compute has to be computed by the same processors, and no order of the work takes
less than its processor time divided by their number. Either is printed, and the limit, which is the larger.
"""

import argparse
import contextlib
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil

from benchmarks.realistic_library import build, size_of
from engine.model.embedder import ModelEmbedder
from indexer.batches import Batches, Waiting
from indexer.decoders import Decoders
from indexer.extract.take_apart import take_apart
from indexer.fingerprint import content_hash
from indexer.pieces import ExtractedPiece, ExtractionLimits
from indexer.pipeline import PipelineOptions, index
from indexer.plan import File
from storage.library import Library
from storage.records import FileState, Piece, Source

_CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Took:
    """Seconds on the clock, and seconds of processors (ended child processes included)."""

    wall: float
    processors: float


def timed(name: str, work: Callable[[], object]) -> Took:
    wall, processors = time.perf_counter(), _processor_seconds()
    work()
    took = Took(time.perf_counter() - wall, _processor_seconds() - processors)
    print(f"{name}: {took.wall:.1f} s, of processors {took.processors:.1f} s", flush=True)
    return took


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def decode(files: list[Path], embedder: ModelEmbedder, workers: int) -> list[list[ExtractedPiece]]:
    """The pieces of every file, by worker processes that have nothing else to do."""
    found: dict[Path, list[ExtractedPiece]] = {}
    left = list(reversed(files))

    def work() -> None:
        with Decoders(embedder.media, ExtractionLimits()).lent() as worker:
            while left:
                path = left.pop()
                found[path] = list(worker.open(path).pieces)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[path] for path in files]


def embed(pieces: list[ExtractedPiece], embedder: ModelEmbedder, batch: int) -> None:
    """As the pipeline does, with all pieces at hand."""
    batches, file = Batches(batch), File("", FileState(0, 0), "")
    left = list(reversed(pieces))
    while left or batches:
        while left and batches.put(Waiting(file, 0, left[-1]), 0):
            left.pop()
        embedder.embed([waiting.piece for waiting in batches.take(0)])


def write(files: list[Path], pieces: list[list[ExtractedPiece]], dimension: int, folder: Path) -> None:
    library, vector = Library(folder), np.zeros(dimension, "<f2")
    for number, (path, own) in enumerate(zip(files, pieces, strict=True)):
        source = Source(str(path), "image", FileState(1, 1), number.to_bytes(16, "big"))
        rows = [Piece(each.modality, vector, each.text, each.start, each.end, each.page) for each in own]
        library.catalog.put_source(source, rows)
    library.close()


def bare_loop(files: list[Path], embedder: ModelEmbedder) -> None:
    for path in files:
        embedder.embed(list(take_apart(path, embedder.media, ExtractionLimits()).pieces))


class Memory:
    """The most megabytes held at once while it is entered, with child processes."""

    def __enter__(self) -> "Memory":
        self.most, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.most = max(self.most, held())


def held() -> float:
    """Megabytes held by this process and its children now. What processes share is divided among them.

    Otherwise a child that is just being started, which shares all of its parent's memory, would count as another one.
    """
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it has ended
            total += process.memory_full_info().pss / 1e6
    return total


def run(scale: float, cache: Path, options: PipelineOptions, count_of_passes: int) -> None:
    library = cache / f"library-{scale:g}"
    if not library.exists():
        build(library, scale, cache)
    files = sorted(path for path in library.rglob("*") if path.is_file())
    embedder = ModelEmbedder.load("bundled", threads=_CORES)
    bare = held()
    bare_loop([next(iter((library / sort).iterdir())) for sort in ("documents", "sounds")], embedder)  # loads the model
    model = held() - bare
    pieces: list[list[ExtractedPiece]] = []
    stages = {
        "read": timed("read", lambda: [content_hash(path) for path in files]),
        "decode": timed("decode", lambda: pieces.extend(decode(files, embedder, options.workers))),
    }
    flat = [piece for own in pieces for piece in own]
    count = len(flat)
    print(f"{len(files)} files, {size_of(library) / 1e6:.0f} MB, {count} pieces; {_CORES} processors", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        stages["embed"] = timed("embed", lambda: embed(flat, embedder, options.batch))
        lean = [[replace(piece, frames=None, sound=None) for piece in own] for own in pieces]
        flat.clear(), pieces.clear()
        stages["write"] = timed("write", lambda: write(files, lean, embedder.dimension, Path(scratch) / "write"))
        loop = timed("bare loop", lambda: bare_loop(files, embedder))
        passes, most, after = [], [], []
        for number in range(count_of_passes):
            with Memory() as memory:
                target = Library(Path(scratch) / f"pass{number}")
                passes.append(timed("pipeline", lambda: index(target, embedder, [library], options)))  # noqa: B023
                assert sum(target.catalog.counts().sources.values()) == len(files)
                target.close()
            most.append(memory.most)
            after.append(held())
    print("\n| stage | seconds | of processors | files/s | pieces/s |\n| --- | --- | --- | --- | --- |")
    numbered = [(f"pipeline, pass {number}", took) for number, took in enumerate(passes, start=1)]
    for name, took in [*stages.items(), ("bare loop", loop), *numbered]:
        print(
            f"| {name} | {took.wall:.1f} | {took.processors:.1f} | {len(files) / took.wall:.1f} "
            f"| {count / took.wall:.1f} |"
        )
    slowest = max(stages, key=lambda name: stages[name].wall)
    alone, together = stages[slowest].wall, sum(took.processors for took in stages.values()) / _CORES
    best = min(took.wall for took in passes)
    print(f"\n| ratio of speeds (best of {count_of_passes} passes) | |\n| --- | --- |")
    print(f"| pipeline : slowest stage alone ({slowest}, {alone:.1f} s) | {alone / best:.2f} |")
    print(f"| pipeline : processor time of all stages / {_CORES} ({together:.1f} s) | {together / best:.2f} |")
    print(f"| pipeline : limit, the slower of both | {max(together, alone) / best:.2f} |")
    print(f"| pipeline : bare loop | {loop.wall / best:.2f} |")
    print("\n| memory, MB | held at most | held after it |\n| --- | --- | --- |")
    print(f"| libraries | | {bare:.0f} |\n| model | | {model:.0f} |")
    for number, (peak, rest) in enumerate(zip(most, after, strict=True), start=1):
        print(f"| pass {number} | {peak:.0f} | {rest:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--cache", type=Path, required=True, help="Where generated files are kept.")
    parser.add_argument("--workers", type=int, default=PipelineOptions.workers)
    parser.add_argument("--batch", type=int, default=PipelineOptions.batch)
    parser.add_argument("--passes", type=int, default=4)
    arguments = parser.parse_args()
    options = PipelineOptions(workers=arguments.workers, batch=arguments.batch)
    run(arguments.scale, arguments.cache, options, arguments.passes)


if __name__ == "__main__":
    main()
