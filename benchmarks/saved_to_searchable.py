"""How long it takes until a file that was saved is found, beyond the time in which nothing may happen to it.

    python -m benchmarks.saved_to_searchable --files 30

A folder is watched with the bundled model and the real events of the system. Files (notes and small pictures in turn)
are saved one by one, each when the one before was found; a file is found when a search for its words, or for what it
shows, has answered with it. Then `synesthete watch` is told to end while it indexes, and timed.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.realistic_library import scene
from engine import SearchEngine, search_engine
from engine.settings import IndexSettings, Settings
from indexer.keep_up import WatchEvent

_SECONDS_BETWEEN = 0.5


def watched(scratch: Path, files: int) -> list[float]:
    """Seconds from each save to its being found, less the time to settle."""
    folder = scratch / "files"
    folder.mkdir()
    (folder / "first.txt").write_text("There from the beginning.")
    settings = Settings(index=IndexSettings(priority="normal"))
    engine, stop, heard = SearchEngine.open(scratch / "data", settings), threading.Event(), threading.Condition()
    indexed: set[str] = set()

    def on_event(event: WatchEvent) -> None:
        with heard:
            indexed.add("ready" if event.what == "ready" else str(event.path))
            heard.notify_all()

    def until(what: str) -> None:
        with heard:
            heard.wait_for(lambda: what in indexed)

    watching = threading.Thread(target=lambda: engine.watch(folder, stop=stop, on_event=on_event))
    watching.start()
    until("ready")
    found = []
    for number in range(files):
        path = folder / (f"note{number}.txt" if number % 2 else f"picture{number}.jpg")
        words = f"the {number}th note"
        picture = scene(640, 480, number)
        began = time.perf_counter()
        if number % 2:
            path.write_text(f"This is {words}, saved by an editor.")
        else:
            picture.save(path)
        until(str(path))
        asked = {"words": words} if number % 2 else {"like": [path]}
        hits = engine.search(**asked, limit=5, include_self=True).hits  # type: ignore[arg-type]
        assert str(path) in [hit.path for hit in hits], path
        found.append(time.perf_counter() - began - settings.watch.settle_seconds)
        time.sleep(_SECONDS_BETWEEN)
    stop.set()
    watching.join()
    engine.close()
    return found


def seconds_to_end(scratch: Path) -> float:
    """From SIGTERM, sent while files are indexed, to the end of the process."""
    folder = scratch / "many"
    folder.mkdir()
    for number in range(200):
        scene(320, 240, number).save(folder / f"picture{number}.jpg")
    command = [sys.executable, "-m", "engine.cli", "--data", str(scratch / "end"), "watch", "--json", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "indexed":
            break
    began = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait() == 0
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--kept-seconds", type=float, help="How long an idle decoder is kept; 0: it is not.")
    arguments = parser.parse_args()
    if arguments.kept_seconds is not None:
        search_engine.SECONDS_DECODERS_ARE_KEPT = arguments.kept_seconds
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name).resolve()
        found = watched(scratch, arguments.files)
        middle, late, latest = np.percentile(found, [50, 95, 100])
        print(f"{len(found)} files, found so many seconds after the time to settle:")
        print(f"median {middle:.2f}, p95 {late:.2f}, most {latest:.2f}")
        print(f"SIGTERM while it indexes: ended after {seconds_to_end(scratch):.2f} s")


if __name__ == "__main__":
    main()
