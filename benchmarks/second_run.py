"""How long a second run takes over files that have not changed, against walking and stat-ing them and nothing else.

python -m benchmarks.second_run --files 100000
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from indexer.pipeline import PipelineOptions, index
from storage import tables
from storage.library import Library
from tests.indexer.simple_embedder import SimpleEmbedder

_FILES_A_FOLDER = 200
_TURNS = 7


def make_library(folder: Path, data: Path, files: int) -> Library:
    """``files`` small files, and a library that holds them as a first run would have left it."""
    library, embedder = Library(data), SimpleEmbedder()
    library.catalog.bind_model(embedder.fingerprint, embedder.dimension)
    vector = np.eye(1, embedder.dimension, dtype="<f2")[0]
    library.catalog.put_root(str(folder))
    sources, pieces = [], []
    for number in range(files):
        path = folder / f"{number // _FILES_A_FOLDER:05d}" / f"IMG_{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        status = path.stat()
        sources.append(
            {
                "id": number + 1,
                "path": str(path),
                "kind": "image",
                "size": status.st_size,
                "modified_ns": status.st_mtime_ns,
                "content_hash": number.to_bytes(16, "big"),
                "indexed_at": 0.0,
            }
        )
        pieces.append({"source_id": number + 1, "modality": "image", "embedding": vector.tobytes()})
    with library.catalog.writing() as connection:  # one by one, as a first run commits them, they would take minutes
        connection.execute(insert(tables.source), sources)
        connection.execute(insert(tables.piece), pieces)
    library.refresh()
    library.save_snapshot()
    return library


def walk_and_stat(folder: Path) -> int:
    """With ``os.walk``, as one would write it."""
    return sum(os.stat(f"{place}/{name}").st_size >= 0 for place, _, names in os.walk(folder) for name in names)  # noqa: PTH116


def scan_and_stat(folder: str) -> int:
    """With ``os.scandir``, which needs no second look for what is a folder."""
    count, waiting = 0, [folder]
    while waiting:
        with os.scandir(waiting.pop()) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    count += 1
    return count


def in_turns(runs: Sequence[Callable[[], object]]) -> list[tuple[float, float]]:
    """The median seconds of each run, on the clock and of processors, after a turn that fills the caches."""
    took: list[list[tuple[float, float]]] = [[] for _ in runs]
    for _ in range(1 + _TURNS):
        for run, times in zip(runs, took, strict=True):
            clock, processors = time.perf_counter(), time.process_time()
            run()
            times.append((time.perf_counter() - clock, time.process_time() - processors))
    return [
        (statistics.median(clock), statistics.median(used)) for clock, used in (zip(*t[1:], strict=True) for t in took)
    ]


def second_run(files: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve() / "files"
        library = make_library(folder, Path(scratch) / "data", files)
        embedder, options = SimpleEmbedder(), PipelineOptions()

        def again() -> None:
            summary = index(library, embedder, [folder], options)
            assert summary.unchanged == files and not summary.indexed

        bare = {
            "os.walk and os.stat": lambda: walk_and_stat(folder),
            "os.scandir and stat": lambda: scan_and_stat(str(folder)),
        }
        *walks, run = in_turns([*bare.values(), again])
    print(f"| {files} unchanged files | seconds | of processors | a second run takes |\n| --- | --- | --- | --- |")
    for name, (clock, used) in zip(bare, walks, strict=True):
        print(
            f"| {name} | {clock:.2f} | {used:.2f} | {run[0] / clock:.2f} times as long, "
            f"{run[1] / used:.2f} of processors |"
        )
    print(f"| a second run | {run[0]:.2f} | {run[1]:.2f} | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    second_run(parser.parse_args().files)


if __name__ == "__main__":
    main()
