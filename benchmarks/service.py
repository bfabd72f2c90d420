"""How long a search takes: as a whole process without and with a service, over HTTP, with many clients, while indexing.

    python -m benchmarks.service --data DATA [--seconds 60] [--parts process,http,load,indexing] [--priority idle]

DATA: the data folder of an indexed library, which is copied and not changed. Times are wall-clock, in ms; the bare
baseline of a process is an interpreter that starts and ends. The table stands in docs/service.md.
"""

import argparse
import itertools
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import psutil

ROOT = Path(__file__).parents[1]
WORDS = (
    "a lighthouse by the sea",
    "an acoustic guitar",
    "a bird on a branch",
    "a telephone that rings",
    "music in a room",
    "the night sky",
    "a single stroke on a bell",
    "a street with a bus",
    "bread and cake",
    "waves on a beach",
)
CLIENTS, SLOW = 50, 10
NEW_FILES = 900
PRIORITY = "SYNESTHETE_INDEX__PRIORITY"
PAUSE_SECONDS = 0.1


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--parts", default="process,http,load,indexing")
    options.add_argument("--priority", default="idle", help="how far indexing steps back: idle, low or normal")
    asked = options.parse_args()
    os.environ[PRIORITY] = asked.priority
    for part in asked.parts.split(","):
        with tempfile.TemporaryDirectory(prefix="sb") as folder:  # the names of sockets must be short
            shutil.copytree(asked.data, Path(folder) / "data")
            {"process": processes, "http": http, "load": load, "indexing": indexing}[part](Path(folder), asked.seconds)


# --- parts


def processes(folder: Path, seconds: float) -> None:
    """``synesthete search`` from its start to its end, and the interpreter alone."""
    search = [sys.executable, "-m", "engine.program", "--data", str(folder / "data"), "search"]
    told = environment(folder)
    bare = times(lambda number: run([sys.executable, "-c", "pass"], told), 30)
    cold = times(lambda number: run([*search, WORDS[number]], told), 5)
    with service(folder) as (_, process):
        run([*search, WORDS[0]], told)
        before = cpu_of(process)
        warm = times(lambda number: run([*search, WORDS[number % len(WORDS)]], told), 40)
        used = [(after - begun) / 40 * 1000 for begun, after in zip(before, cpu_of(process), strict=True)]
    show("an interpreter that does nothing", bare)
    show("`synesthete search`, no service", cold)
    show("`synesthete search`, with a service", warm)
    print(f"time on a core for each: {used[0]:.0f} ms in its own process, {used[1]:.0f} ms in the service")
    print(f"with a service / bare interpreter: {statistics.median(warm) / statistics.median(bare):.1f}")


def http(folder: Path, seconds: float) -> None:
    """One client that asks one thing after another over one connection."""
    with service(folder) as (port, _):
        client = HTTPConnection("127.0.0.1", port, timeout=60)
        found = json.loads(ask(client, search_for("an acoustic guitar", ["image"])))["hits"][0]
        hit = found["path"]
        for name, request in (
            ("search, words", lambda number: search_for(f"{WORDS[number % 10]} {number}")),
            ("search, exact words", lambda number: search_for(WORDS[number % 10], exact=True)),
            ("search, more like an answer", lambda number: search_for(None, like=[{"hit": found}])),
            ("search, like a picture of the library", lambda number: search_for(None, like=[{"path": hit}])),
            ("status", lambda number: ("GET", "/v1/status", None)),
            ("preview, made before", lambda number: ("GET", f"/v1/preview?path={quote(hit)}", None)),
            ("a range of a file", lambda number: ("GET", f"/v1/media?path={quote(hit)}", None)),
        ):
            ask(client, request(0))
            show(f"HTTP {name}", times(lambda number, request=request: ask(client, request(number)), 100))  # type: ignore[misc]
        made = folder / "made"
        made.mkdir()
        make_files(made, 60, kinds=(1,))
        pictures = [path.read_bytes() for path in made.iterdir()]

        def drop(number: int) -> bytes:
            kept = json.loads(ask(client, ("POST", "/v1/uploads?name=a.jpg", pictures[number])))
            return ask(client, search_for(None, like=[{"upload": kept["upload"]}]))

        show("HTTP a new picture of 2 megapixels sent, and search like it", times(drop, 60))


def load(folder: Path, seconds: float) -> None:
    """50 clients that search without a pause, and 10 that hold their connections up."""
    with service(folder) as (port, process):
        slow = hold_up(port)
        crowd(port, 30)  # what is kept from then on is no growth
        before = process.memory_info().rss
        took, errors = crowd(port, seconds)
        after = process.memory_info().rss
        for connection in slow:
            connection.close()
        show(f"{CLIENTS} clients for {seconds:.0f} s, each search", took)
        print(f"{len(took)} searches, {len(took) / seconds:.0f} a second, {errors} errors")
        print(f"memory {before / 1e6:.0f} MB, after it {after / 1e6:.0f} MB")


def indexing(folder: Path, seconds: float) -> None:
    """One client that searches now and then, while the watcher has nothing to do and while it takes files in.

    It waits between its searches, or it would itself hold up what it is to be held up by.
    """
    new, made = folder / "new", folder / "made"
    new.mkdir()
    made.mkdir()
    with service(folder, "--watch", str(new)) as (port, process):
        client = HTTPConnection("127.0.0.1", port, timeout=60)

        def done() -> int:
            watch = json.loads(ask(client, ("GET", "/v1/status", None)))["watch"]
            return int(watch["done"]) if watch["ready"] else -1

        def search(number: int) -> bytes:
            return ask(client, search_for(f"{WORDS[number % 10]} {number}"))

        make_files(made, NEW_FILES)
        while done() < 0:
            time.sleep(0.1)
        times(search, 20)
        idle = times(search, 200, PAUSE_SECONDS)
        for file in made.iterdir():
            file.rename(new / file.name)
        ended = time.perf_counter() + 120 + seconds
        while done() < 1 and time.perf_counter() < ended:
            time.sleep(0.05)
        busy: list[float] = []
        began, first, used = time.perf_counter(), done(), sum(process.cpu_times()[:2])
        while done() < NEW_FILES and time.perf_counter() < min(ended, began + seconds):
            busy += times(search, 10, PAUSE_SECONDS)
        took, taken = time.perf_counter() - began, done() - first
        if not busy:
            raise SystemExit("nothing was taken in: other processes leave the watcher no time")
        show("HTTP search, now and then, idle", idle)
        show("HTTP search, now and then, while indexing", busy)
        print(f"while indexing / idle: median {statistics.median(busy) / statistics.median(idle):.2f}, "
              f"p95 {p95(busy) / p95(idle):.2f}")  # fmt: skip
        cores = (sum(process.cpu_times()[:2]) - used) / took
        print(f"{taken} files taken in, in {took:.0f} s; the service used {cores:.2f} cores meanwhile")


# --- what they are made of

Request = tuple[str, str, bytes | None]


def search_for(words: str | None, kinds: Sequence[str] = (), **more: object) -> Request:
    """A search as the page asks it."""
    body = {"words": [{"text": words}] if words else [], "kinds": list(kinds), "limit": 24, **more}
    return "POST", "/v1/search", json.dumps(body).encode()


def ask(client: HTTPConnection, request: Request) -> bytes:
    """The body of the answer. Raises RuntimeError for an answer that is none."""
    method, path, body = request
    client.request(method, path, body, {"content-type": "application/json"} if body else {})
    answer = client.getresponse()
    told = answer.read()
    if answer.status not in (200, 206):
        raise RuntimeError(f"{answer.status}: {told[:200]!r}")
    return told


def crowd(port: int, seconds: float) -> tuple[list[float], int]:
    """How long each search of CLIENTS clients took (ms), and how many failed."""
    took: list[list[float]] = [[] for _ in range(CLIENTS)]
    errors = [0] * CLIENTS
    end = time.perf_counter() + seconds

    def run_client(number: int) -> None:
        client = HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() < end:
            began = time.perf_counter()
            try:
                ask(client, search_for(f"{WORDS[number % 10]} {number} {len(took[number])}"))
            except Exception:  # whatever it is, it is one
                errors[number] += 1
                client.close()
            took[number].append((time.perf_counter() - began) * 1000)

    clients = [threading.Thread(target=run_client, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return [each for one in took for each in one], sum(errors)


def hold_up(port: int) -> list[socket.socket]:
    """Clients that begin a request and never end it."""
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(SLOW)]
    for connection in slow:
        connection.sendall(b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    return slow


def make_files(folder: Path, count: int, kinds: Sequence[int] = (0, 1, 2)) -> None:
    """Texts of a few pages (0), pictures of two megapixels (1), sounds of half a minute (2) by turns, no two alike."""
    import av
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(7)
    # As rare as words of a question are among others: a text of nothing else would be work for the index of words.
    words = [word for line in WORDS for word in line.split()] + [f"word{number}" for number in range(5_000)]
    for number, kind in zip(range(count), itertools.cycle(kinds), strict=False):
        if kind == 0:
            text = "\n\n".join(" ".join(random.choice(words, 150).tolist()) for _ in range(10))
            (folder / f"note-{number}.txt").write_text(text)
        elif kind == 1:
            pixels = random.integers(0, 255, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((1600, 1200)).save(folder / f"picture-{number}.jpg")
        else:
            time_of = np.arange(30 * 44_100) / 44_100
            wave = np.sin(2 * np.pi * random.uniform(100, 2000) * time_of) * random.uniform(0.2, 0.8)
            with av.open(str(folder / f"sound-{number}.wav"), "w") as container:
                stream = container.add_stream("pcm_s16le", rate=44_100, layout="mono")
                frame = av.AudioFrame.from_ndarray((wave * 32_000).astype(np.int16)[None], "s16", "mono")
                frame.sample_rate = 44_100
                container.mux(stream.encode(frame))
                container.mux(stream.encode(None))


@contextmanager
def service(folder: Path, *options: str) -> Iterator[tuple[int, psutil.Process]]:
    """A service on the library in ``folder``: its port and its process."""
    command = [sys.executable, "-m", "engine.program", "--data", str(folder / "data"), "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(folder)) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rstrip().rstrip("/").rpartition(":")[2])
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def environment(folder: Path) -> dict[str, str]:
    """A home and a runtime directory of its own."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNESTHETE_") or name == PRIORITY}
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder / "home"))
    return kept | homes | {"XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}


def cpu_of(process: psutil.Process) -> tuple[float, float]:
    """Seconds of a core that this program's children have used up to their ends, and that ``process`` has used."""
    ended, serving = resource.getrusage(resource.RUSAGE_CHILDREN), process.cpu_times()
    return ended.ru_utime + ended.ru_stime, serving.user + serving.system


def run(command: Sequence[str], told: dict[str, str]) -> None:
    """Run it to its end, as a shell would."""
    subprocess.run(command, env=told, stdout=subprocess.DEVNULL, check=True)


def times(act: Callable[[int], object], count: int, pause: float = 0.0) -> list[float]:
    """How long each of ``count`` times took, in ms, with so many seconds before each."""
    found = []
    for number in range(count):
        time.sleep(pause)
        began = time.perf_counter()
        act(number)
        found.append((time.perf_counter() - began) * 1000)
    return found


def p95(took: Sequence[float]) -> float:
    return statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


def show(name: str, took: Sequence[float]) -> None:
    """A line of the table."""
    print(f"| {name} | {statistics.median(took):.3g} | {p95(took):.3g} | {min(took):.3g} | {len(took)} |", flush=True)


if __name__ == "__main__":
    main()
