"""Many clients at once, slow ones, and ones that go away: the service answers the others."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from tests.conftest import Samples
from tests.hostile_files import png_bomb, silence
from tests.service_process import ServiceProcess, running

CLIENTS, SECONDS = 50, 3.0


@pytest.fixture(scope="module")
def service(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("load")
    shutil.copytree(samples.program.data, folder / "data")  # other tests ask the original
    with running(folder / "data", folder) as running_service:
        yield running_service


def ask_until(end: float, service: ServiceProcess, number: int, statuses: list[int], film: Path) -> None:
    """A client with a connection of its own that searches, looks at the library and reads a film by turns."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    while not statuses or time.monotonic() < end:
        words = json.dumps({"words": [{"text": f"a bird number {number} of {len(statuses)}"}], "limit": 5})
        asked = (
            ("POST", "/v1/search", words, {"content-type": "application/json"}),
            ("GET", "/v1/status", None, {}),
            ("GET", f"/v1/media?path={film}", None, {"Range": "bytes=1000-1999"}),
        )[len(statuses) % 3]
        connection.request(asked[0], asked[1], asked[2], asked[3])
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()


def test_fifty_clients_are_answered_without_an_error(service: ServiceProcess, samples: Samples) -> None:
    film = sorted(samples.library.glob("Videos/*.mp4"))[0]
    heard: list[list[int]] = [[] for _ in range(CLIENTS)]
    end = time.monotonic() + SECONDS
    clients = [
        threading.Thread(target=ask_until, args=(end, service, number, statuses, film))
        for number, statuses in enumerate(heard)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert all(heard) and {status for statuses in heard for status in statuses} <= {200, 206}


def test_slow_clients_do_not_stop_others(service: ServiceProcess, samples: Samples) -> None:
    film = max(samples.library.glob("Videos/*"), key=lambda path: path.stat().st_size)
    slow: list[socket.socket] = []

    def begin(text: str) -> None:
        connection = socket.create_connection(("127.0.0.1", service.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(text.replace("\n", "\r\n").encode())
        slow.append(connection)

    for _ in range(60):  # more than there are threads
        begin("POST /v1/search HTTP/1.1\nHost: localhost\nContent-Length: 1000\nContent-Type: application/json\n\n{")
        begin("POST /v1/uploads?name=a.txt HTTP/1.1\nHost: localhost\nContent-Length: 1000\n\nx")
        begin(f"GET /v1/media?path={film} HTTP/1.1\nHost: localhost\n\n")  # and it never reads the answer
        begin("GET /v1/status HTTP/1.1\nHost: loc")
    answer = service.post("/v1/search", {"words": [{"text": "a bell"}]})
    assert answer.status == 200 and answer.json["hits"]
    assert service.get("/v1/media", path=film).body == film.read_bytes()
    for connection in slow:
        connection.close()
    assert service.get("/v1/status").status == 200


def test_hostile_uploads_are_decoded_elsewhere_within_limits(service: ServiceProcess, tmp_path: Path) -> None:
    silence(tmp_path / "long.wav", hours=20)
    uploads = {
        "huge.png": png_bomb(60_000, 60_000),
        "long.wav": (tmp_path / "long.wav").open("rb").read(2_000_000),
        "noise.mp4": b"\0\0\0\x20ftypisom" + bytes(range(256)) * 4000,
        "noise.pdf": b"%PDF-1.7\n" + b"1 0 obj <</Length 99999999>> stream\n" + bytes(range(256)) * 400,
    }
    process = psutil.Process(service.process.pid)
    before = process.memory_info().rss
    workers: set[int] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.02):
            workers.update(child.pid for child in process.children(recursive=True))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for name, data in uploads.items():
            kept = service.upload(name, data)
            assert kept.status == 200, name
            answer = service.post("/v1/search", {"like": [{"upload": kept.json["upload"]}]})
            assert answer.status in (200, 400), (name, answer.body)  # a cut file may still show something
            assert answer.status == 200 or "\n" not in answer.json["detail"], name
    finally:
        stop.set()
        looking.join()
    assert workers and service.process.poll() is None
    assert process.memory_info().rss - before < 150e6  # a picture of 60,000 x 60,000 would take 10 GB
