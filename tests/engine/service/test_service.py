"""A real service on the sample library, asked by real clients, friendly and otherwise."""

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import psutil
import pytest
from PIL import Image

from tests.conftest import Samples
from tests.forked import run_forked
from tests.service_process import ServiceProcess, environment, running

REFUSED = "there is no such file in the library"


@dataclass(frozen=True)
class Served:
    """The service, and ``extra``: an indexed folder of files that it must be careful with."""

    service: ServiceProcess
    library: Path
    queries: Path
    extra: Path
    outside: Path

    def search(self, **body: object) -> list[dict[str, object]]:
        answer = self.service.post("/v1/search", body)
        assert answer.status == 200, answer.body
        hits: list[dict[str, object]] = answer.json["hits"]
        return hits

    def command_line(self, *arguments: str | Path) -> list[dict[str, object]]:
        """What the program answers by itself, without the service."""
        done = self.service.run_alone("--data", self.service.data, "search", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        hits: list[dict[str, object]] = json.loads(done.stdout)["hits"]
        return hits


@pytest.fixture(scope="module")
def served(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(samples.program.data, folder / "data")  # other tests ask the original
    extra, outside = folder / "extra", folder / "outside"
    extra.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("A treasure lies buried under the old oak.")
    (extra / "page.html").write_text("<p>A quiet page \u2014 about gardening.</p><script>alert(1)</script>")
    (extra / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script/></svg>')
    (extra / "line\r\nx-injected: yes.txt").write_text("A file with a name that is no header.")
    (extra / "folder").mkdir()
    (extra / "folder" / "inside.txt").write_text("A file in a folder that will be another.")
    (extra / "swapped.txt").write_text("A file that will lead out of the library.")
    config = folder / "home" / "synesthete"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text("[service]\nupload_megabytes = 2.0\n")
    run_forked(["--data", str(folder / "data"), "index", str(extra)], environment(folder)).check_returncode()
    (extra / "swapped.txt").unlink()
    (extra / "swapped.txt").symlink_to(outside / "secret.txt")
    with running(folder / "data", folder) as service:
        yield Served(service, samples.library, samples.queries, extra, outside)


def places(hits: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple(hit[name] for name in ("path", "kind", "start", "end", "page", "snippet")) for hit in hits]


# --- the command line beside it


def test_json_is_json_on_a_terminal_that_is_not_utf_8(served: Served) -> None:
    narrow = replace(served.service, environment={**served.service.environment, "PYTHONIOENCODING": "ascii"})
    done = narrow.run("--data", served.service.data, "search", "a quiet page", "--under", served.extra, "--json")
    assert done.returncode == 0 and done.stdout.isascii(), done.stderr
    assert [hit for hit in json.loads(done.stdout)["hits"] if "\u2014" in str(hit["snippet"])]


# --- searching


def test_words_are_answered_as_on_the_command_line(served: Served) -> None:
    found = served.search(words=[{"text": "an acoustic guitar"}], kinds=["video", "audio"], limit=5)
    assert found and places(found) == places(
        served.command_line("an acoustic guitar", "--kind", "video,audio", "-n", "5")
    )


def test_an_upload_and_a_span_of_a_library_file_are_answered_as_on_the_command_line(served: Served) -> None:
    kept = served.service.upload("anything.jpg", (served.queries / "mushroom.jpg").read_bytes())
    assert kept.status == 200 and kept.json["kind"] == "image"
    film = sorted(served.library.glob("Videos/*"))[0]
    found = served.search(
        like=[{"upload": kept.json["upload"]}],
        not_like=[{"path": str(film), "start": 4, "end": 8, "weight": 0.5}],
        limit=6,
    )
    arguments = ["--like", served.queries / "mushroom.jpg", "--not-like", f"{film}@4-8^0.5", "-n", "6"]
    assert found and places(found) == places(served.command_line(*arguments))


def test_an_upload_is_decoded_by_a_process_that_waits_for_it(served: Served) -> None:
    def decoders() -> list[int]:
        children = psutil.Process(served.service.process.pid).children()
        return [child.pid for child in children if "indexer.extract.worker" in child.cmdline()]

    before = decoders()
    assert len(before) == 1
    for name in ("mushroom.jpg", "penguin.png"):
        kept = served.service.upload(name, (served.queries / name).read_bytes())
        assert served.search(like=[{"upload": kept.json["upload"]}], limit=3)
        assert decoders() == before


def test_a_hit_can_be_asked_with(served: Served) -> None:
    first = served.search(words=[{"text": "a bell"}], kinds=["audio"], limit=1)[0]
    again = served.search(like=[{"hit": first}], kinds=["audio"], include_self=True, limit=1)[0]
    assert again["path"] == first["path"]


def test_every_option_of_the_command_line_is_there(served: Served) -> None:
    film, sounds = sorted(served.library.glob("Videos/*.mp4"))[0], f"{served.library}/Sounds"
    pairs: list[tuple[dict[str, object], list[str | Path]]] = [
        ({"words": [{"text": "a bell"}, {"text": "a piano", "weight": 2}]}, ["a bell", "--and", "a piano^2"]),
        ({"words": [{"text": "music"}], "not_words": [{"text": "a drum"}]}, ["music", "--not", "a drum"]),
        ({"like": [{"path": str(film), "start": 4, "end": 8}]}, ["--like", f"{film}@4-8"]),
        ({"like": [{"path": f"{served.library}/Documents/field-guide.pdf", "page": 2}]},
         ["--like", f"{served.library}/Documents/field-guide.pdf#2"]),
        ({"words": [{"text": "sea"}], "like": [{"path": str(film)}], "include_self": True},
         ["sea", "--like", film, "--include-self"]),
        ({"words": [{"text": "sea"}], "not_like": [{"path": str(film)}]}, ["sea", "--not-like", film]),
        ({"words": [{"text": "music"}], "under": sounds}, ["music", "--under", sounds]),
        ({"words": [{"text": "music"}], "globs": ["*.mp3", "*.flac"]},
         ["music", "--glob", "*.mp3", "--glob", "*.flac"]),
        ({"words": [{"text": "music"}], "longer": 5, "shorter": 20}, ["music", "--longer", "5", "--shorter", "20"]),
        ({"words": [{"text": "music"}], "larger": 20000, "smaller": 90000},
         ["music", "--larger", "20KB", "--smaller", "90KB"]),
        ({"words": [{"text": "music"}], "after": "2020-01-01", "before": "2100-01-01"},
         ["music", "--after", "2020-01-01", "--before", "2100-01-01"]),
        ({"words": [{"text": 'harbour "lighthouse"'}], "moments": True}, ['harbour "lighthouse"', "--moments"]),
        ({"words": [{"text": "music"}], "each_kind": True}, ["music", "--each-kind"]),
        ({"words": [{"text": "guitar"}], "exact": True}, ["guitar", "--exact"]),
    ]  # fmt: skip
    for body, arguments in pairs:
        alone = served.service.run(
            "--data", served.service.data, "search", *arguments, "--json", "-n", "7", "--cutoff", "0.9"
        )
        assert alone.returncode == 0, alone.stderr
        answer = served.service.post("/v1/search", {**body, "limit": 7, "cutoff": 0.9}).json
        told = json.loads(alone.stdout)
        assert answer["hits"] and places(answer["hits"]) == places(told["hits"]), arguments
        assert answer["close"] == told["close"], arguments
    shown = served.service.run_alone("search", "--help").stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help", "--json"}
    tried = {str(word) for _, arguments in pairs for word in arguments if str(word).startswith("--")}
    assert options - tried == {"--kind", "--cutoff"}  # the one is asked elsewhere, the other always


def test_questions_without_sense_are_refused_in_one_line(served: Served) -> None:
    for body in ({}, {"words": [{"text": "x"}], "kinds": ["smell"]}, {"like": [{}]}, {"like": [{"upload": "../etc"}]}):
        answer = served.service.post("/v1/search", body)
        assert answer.status in (400, 422), body
        detail = answer.json["detail"]
        assert not isinstance(detail, str) or "\n" not in detail


# --- commands handed on


def test_a_command_gives_what_it_gives_without_the_service(served: Served) -> None:
    here = served.library / "Sounds"
    arguments = ["--data", str(served.service.data), "search", "--like", "recording-01.wav", "--under", ".", "-n", "4"]
    alone = served.service.run_alone(*arguments, cwd=here)
    through = served.service.run(*arguments, cwd=here)
    assert alone.returncode == 0 and "recording" in alone.stdout
    assert (through.stdout, through.stderr, through.returncode) == (alone.stdout, alone.stderr, alone.returncode)


def test_a_command_that_fails_says_the_same_with_the_same_code(served: Served) -> None:
    arguments = ["--data", str(served.service.data), "search", "--like", "missing.png"]
    alone, through = served.service.run_alone(*arguments), served.service.run(*arguments)
    assert alone.returncode not in (0, 1) and "missing.png" in alone.stderr
    assert (through.stdout, through.returncode) == (alone.stdout, alone.returncode)
    assert through.stderr.count("\n") == 1 and through.stderr.endswith("missing.png: no such file\n")


def test_a_wrong_option_is_explained_by_the_process_itself(served: Served) -> None:
    done = served.service.run("--data", served.service.data, "search", "x", "--colour", "red")
    assert done.returncode == 2 and "--colour" in done.stderr


def loaded_by(served: Served, data: Path) -> tuple[str, set[str]]:
    """What a search prints, and the modules that its process had loaded in the end."""
    program = (
        "import sys\nfrom engine.program import main\n"
        f"sys.argv = ['synesthete', '--data', {str(data)!r}, 'search', 'a black bird', '-n', '2']\n"
        "try: main()\nexcept SystemExit: pass\nprint('MODULES', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=dict(served.service.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    said, _, modules = done.stdout.partition("MODULES")
    return said, set(modules.split())


def test_a_command_that_is_handed_on_loads_nothing_heavy(served: Served) -> None:
    said, modules = loaded_by(served, served.service.data)
    assert str(served.library) in said
    assert not modules & {"torch", "engine.cli", "typer", "rich", "numpy", "pydantic", "sqlalchemy"}


def test_another_library_is_not_for_this_service(served: Served, tmp_path: Path) -> None:
    said, modules = loaded_by(served, tmp_path / "other")
    assert str(served.library) not in said and "engine.cli" in modules


def test_commands_are_taken_over_the_socket_alone(served: Served) -> None:
    body = {"arguments": ["search", "x"], "folder": "/", "environment": {}}
    assert served.service.post("/v1/command", body).status == 404
    assert served.service.post("/v1/command", body, over_socket=True).status == 409  # another's environment


def test_only_one_service_holds_a_library(served: Served) -> None:
    done = served.service.run("--data", served.service.data, "serve", "--port", "0")
    assert done.returncode == 32 and done.stderr.count("\n") == 1 and "already" in done.stderr
    assert served.service.sockets and served.service.get("/v1/status").status == 200


def test_a_port_that_is_taken_is_one_line(served: Served, tmp_path: Path) -> None:
    done = served.service.run("--data", tmp_path, "serve", "--port", str(served.service.port))
    assert done.returncode == 32 and done.stderr.count("\n") == 1 and "--port" in done.stderr


# --- who may ask


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "LOCALHOST:80"}, 200),
        ({"Host": "[::1]:7878"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "localhost@evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ],
)
def test_only_this_machine_and_this_page_may_ask(served: Served, headers: dict[str, str], status: int) -> None:
    answer = served.service.get("/v1/status", headers=headers)
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},  # a form's, which needs nobody's leave
        {"Origin": "null", "Content-Type": "application/json"},
        {"Origin": "https://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "rebound.example"},
        {"Host": "rebound.example", "Origin": "http://rebound.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_nothing_is_written_for_other_sites(served: Served, headers: dict[str, str]) -> None:
    version = served.service.get("/v1/status").json
    for path, body in (("/v1/index", b""), ("/v1/uploads?name=a.txt", b"words"), ("/v1/search", b'{"words": []}')):
        answer = served.service.request("POST", path, body=body, headers=headers)
        assert answer.status in (403, 421), path
        assert "access-control-allow-origin" not in answer.headers
    asked = {**headers, "Access-Control-Request-Method": "POST"}
    assert served.service.request("OPTIONS", "/v1/index", headers=asked).status in (403, 421)
    assert served.service.get("/v1/status").json == version


def test_a_link_on_another_page_may_lead_to_this_one(served: Served) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = served.service.get("/", headers=headers)
    assert answer.status == 200 and "frame-ancestors 'none'" in answer.headers["content-security-policy"]


# --- bytes of files


def test_media_are_given_whole_and_by_ranges(served: Served) -> None:
    film = sorted(served.library.glob("Videos/*.mp4"))[0]
    data = film.read_bytes()
    whole = served.service.get("/v1/media", path=film)
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, data, "video/mp4")
    part = served.service.get("/v1/media", path=film, headers={"Range": "bytes=100-299"})
    assert (part.status, part.body) == (206, data[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(data)}"
    assert served.service.get("/v1/media", path=film, headers={"Range": f"bytes={len(data)}-"}).status == 416


@pytest.mark.parametrize("where", ["/v1/media", "/v1/preview"])
def test_only_indexed_files_below_indexed_folders_are_given(served: Served, where: str) -> None:
    inside = served.library / "Pictures"
    (inside / "not-indexed.txt").write_text("not for others")
    refused = [
        "/etc/passwd",
        str(inside / "not-indexed.txt"),
        str(inside / "missing.txt"),
        str(inside),
        f"{served.library}/../outside/secret.txt",
        f"{next(inside.glob('*.png')).parent}/./{next(inside.glob('*.png')).name}",
        str(served.outside / "secret.txt"),
        str(served.extra / "swapped.txt"),  # an indexed name that leads out by now
        "relative.txt",
        "",
        "\0",
        "/\udcff",
        "%2e%2e/%2e%2e/etc/passwd",
    ]
    for path in refused:
        query = {"path": path.encode("utf-8", "surrogateescape")}
        answer = served.service.get(where, **query)
        assert (answer.status, answer.json["detail"]) == (400, REFUSED), path
    (inside / "not-indexed.txt").unlink()


def test_library_files_that_lead_out_cannot_be_asked_with_either(served: Served) -> None:
    for path in ("/etc/hostname", str(served.extra / "swapped.txt")):
        answer = served.service.post("/v1/search", {"like": [{"path": path}]})
        assert (answer.status, answer.json["detail"]) == (400, REFUSED)


def test_a_folder_that_leads_out_by_now_is_not_followed(served: Served) -> None:
    folder = served.extra / "folder"
    assert served.service.get("/v1/media", path=folder / "inside.txt").status == 200
    folder.rename(served.outside / "folder")
    folder.symlink_to(served.outside / "folder")
    try:
        for where in ("/v1/media", "/v1/preview", "/v1/text"):
            answer = served.service.get(where, path=folder / "inside.txt")
            assert (answer.status, answer.json["detail"]) == (400, REFUSED), where
    finally:
        folder.unlink()
        (served.outside / "folder").rename(folder)


@pytest.mark.parametrize("name", ["page.html", "drawing.svg"])
def test_what_a_browser_would_run_is_plain_text(served: Served, name: str) -> None:
    answer = served.service.get("/v1/media", path=served.extra / name)
    assert answer.status == 200 and b"script" in answer.body
    assert answer.headers["content-type"].startswith("text/plain")
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy


def test_names_do_not_become_headers(served: Served) -> None:
    (path,) = [path for path in served.extra.iterdir() if "injected" in path.name]
    answer = served.service.get("/v1/media", path=path)
    assert answer.status == 200 and b"no header" in answer.body and "x-injected" not in answer.headers
    answer = served.service.upload("a\r\nx-injected: yes.txt", b"words")
    assert "x-injected" not in answer.headers


def test_traversal_below_the_page_is_refused(served: Served) -> None:
    for path in ("/web/../app.py", "/web/..%2fapp.py", "/web/%2e%2e/app.py", "/web/nothing", "/v1/nothing"):
        assert served.service.get(path).status == 404


# --- uploads


def test_an_upload_that_is_too_large_is_refused(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.service.port, timeout=60)
    connection.putrequest("POST", "/v1/uploads?name=big.txt")
    connection.putheader("Content-Length", str(3_000_000))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and b"larger" in answer.read()
    connection.close()


def test_an_upload_of_untold_length_is_cut_off_when_it_is_too_large(served: Served) -> None:
    answer = served.service.upload("big.txt", (b"x" * 65536 for _ in range(46)))
    assert answer.status == 413 and "larger" in answer.json["detail"]
    assert served.service.upload("small.txt", (b"x" * 65536 for _ in range(2))).status == 200


def test_a_broken_upload_is_one_line(served: Served) -> None:
    whole = (served.queries / "bicycle.png").read_bytes()
    for name, data in (("half.png", whole[: len(whole) // 3]), ("none.mp4", b""), ("no.pdf", b"%PDF-1.7 nothing")):
        kept = served.service.upload(name, data)
        answer = served.service.post("/v1/search", {"like": [{"upload": kept.json["upload"]}]})
        assert answer.status == 400 and "\n" not in answer.json["detail"], name
        assert "Traceback" not in answer.json["detail"] and "/tmp" not in answer.json["detail"], answer.json
    assert served.service.upload("program.exe", b"MZ").status == 400


# --- previews, map, progress


def test_previews_show_pictures_pages_moments_and_sounds(served: Served) -> None:
    library = served.library
    wanted = [
        ({"path": sorted(library.glob("Pictures/*.jpg"))[0]}, "image/jpeg"),
        ({"path": library / "Documents/field-guide.pdf", "page": 2}, "image/jpeg"),
        ({"path": sorted(library.glob("Videos/*"))[0], "start": 4, "end": 8}, "image/jpeg"),
        ({"path": library / "Sounds/recording-01.wav"}, "image/png"),
    ]
    for query, kind in wanted:
        answer = served.service.get("/v1/preview", **query)
        assert (answer.status, answer.headers["content-type"]) == (200, kind), query
        picture = Image.open(io.BytesIO(answer.body))
        assert min(picture.size) >= 100
        low, high = picture.convert("RGBA").split()[3 if kind == "image/png" else 0].getextrema()
        assert high - low > 50, query  # something is to be seen
    other = served.service.get("/v1/preview", path=library / "Documents/field-guide.pdf", page=1)
    assert other.body != served.service.get("/v1/preview", **wanted[1][0]).body
    text = served.service.get("/v1/preview", path=served.extra / "page.html")
    assert text.status == 400 and "\n" not in text.json["detail"]


def test_text_is_given_of_texts_and_pages_of_the_library_alone(served: Served) -> None:
    def text(path: Path, **place: int) -> tuple[int, str]:
        answer = served.service.get("/v1/text", path=path, **place)
        return answer.status, answer.json["text" if answer.status == 200 else "detail"]

    assert text(served.extra / "page.html") == (200, "A quiet page \u2014 about gardening.")
    guide = served.library / "Documents/field-guide.pdf"
    (_, whole), (_, second) = text(guide), text(guide, page=2)
    assert "Mushrooms" in second and second in whole and len(second) < len(whole)
    for path in (sorted(served.library.glob("Pictures/*.jpg"))[0], sorted(served.library.glob("Videos/*"))[0]):
        assert text(path) == (400, "there is no text in it")
    assert text(served.outside / "secret.txt") == (400, REFUSED)


def test_the_map_holds_every_kind(served: Served) -> None:
    points = served.service.get("/v1/map").json
    assert {point["modality"] for point in points} == {"text", "image", "document", "audio", "video"}
    assert all(-1 <= point["x"] <= 1 and -1 <= point["y"] <= 1 for point in points)


def test_progress_is_told_while_the_library_is_looked_through(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.service.port, timeout=60)
    connection.request("GET", "/v1/progress")
    stream = connection.getresponse()
    assert stream.headers["content-type"].startswith("text/event-stream")

    def next_event() -> dict[str, object]:
        while (line := stream.readline().decode()) != "event: progress\n":
            assert line, "the stream has ended"
        state: dict[str, object] = json.loads(stream.readline().decode().removeprefix("data: "))
        return state

    before = next_event()
    assert before["running"] is False
    answer = served.service.request("POST", "/v1/index")
    assert (answer.status, answer.json) == (202, {"started": True})
    versions = []
    while True:
        state = next_event()
        versions.append(state["version"])
        if not state["running"]:
            break
    connection.close()
    assert state["problem"] is None and versions == sorted(versions)
    assert served.service.get("/v1/status").json["indexing"] is False


def test_the_interface_keeps_to_its_own_description(served: Served) -> None:
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    address = f"http://127.0.0.1:{served.service.port}"
    schema = schemathesis.openapi.from_url(f"{address}/v1/openapi.json")
    tried = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path == "/v1/progress":  # it never ends
            continue

        @given(case=operation.as_strategy())
        @settings(max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        def ask(case: schemathesis.Case) -> None:
            # A query may be well formed and still make no sense: 400.
            case.call_and_validate(base_url=address, excluded_checks=[positive_data_acceptance])

        ask()
        tried.add(operation.path)
    assert {"/v1/search", "/v1/uploads", "/v1/media", "/v1/preview", "/v1/map", "/v1/status", "/v1/index"} <= tried


# --- beginning and end


def test_a_token_is_needed_on_a_network_and_systemd_is_told_of_beginning_and_end(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tmp_path = tmp_path_factory.mktemp("s")  # the names of sockets must be short
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(60)
    variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    with running(tmp_path / "data", tmp_path, "--host", "0.0.0.0", **variables) as service:
        assert {listener.recv(100) for _ in range(2)} == {b"READY=1", b"WATCHDOG=1"}
        token = parse_qs(urlsplit(service.link).query)["token"][0]
        assert (service.data / "service_token").stat().st_mode & 0o077 == 0
        refused = service.get("/v1/status")
        assert refused.status == 401 and "token" in refused.json["detail"]
        assert service.get("/v1/status", headers={"Authorization": f"Bearer {token[:-1]}x"}).status == 401
        assert service.get("/v1/status", token=token).status == 401  # links lead to the page alone
        assert service.get("/", token="wrong").status == 401
        assert service.get("/v1/status", headers={"Authorization": f"Bearer {token}"}).status == 200
        opened = service.get("/", token=token)
        assert (opened.status, opened.headers["location"]) == (303, "/")
        cookie = opened.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        shown = {"Cookie": cookie.split(";")[0]}
        assert service.get("/v1/status", headers=shown).status == 200
        beside_others = {
            "Cookie": f'prefs={{"a":1}}; odd; a[1]=x; {shown["Cookie"]}'
        }  # browsers share them across ports
        assert service.get("/v1/status", headers=beside_others).status == 200
        assert service.get("/v1/status", headers=shown | {"Host": "evil.example"}).status == 421
        named = urlsplit(service.link).netloc  # an address that other machines can use
        assert (
            not named.startswith("0.0.0.0") and service.get("/v1/status", headers=shown | {"Host": named}).status == 200
        )

        (own,) = service.sockets
        assert own.stat().st_mode & 0o077 == 0
        hanging = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        hanging.request("GET", "/v1/progress", headers=shown)  # a client that never goes
        hanging.getresponse()
        asked_to_stop = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(5) == 0, f"after {time.monotonic() - asked_to_stop:.1f} s"
        assert not own.exists()
        told = b""
        while told != b"STOPPING=1":
            told = listener.recv(100)
    listener.close()


def test_a_service_ends_with_the_program_that_started_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("s")
    command = [sys.executable, "-m", "engine.program", "--data", str(folder / "data"), "serve", "--port", "0"]
    started = subprocess.Popen(
        [*command, "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(folder),
    )
    assert started.stdin is not None and started.stdout is not None
    try:
        assert b"http://" in started.stdout.readline()
        started.stdin.close()
        assert started.wait(15) == 0
    finally:
        started.kill()
        started.stdout.close()


def test_the_unit_is_shown_and_written(tmp_path: Path) -> None:
    def install(*options: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "engine.program", "--data", str(tmp_path / "my %data"), "install-service"]
        return subprocess.run([*command, *options], env=environment(tmp_path), capture_output=True, text=True)

    shown = install("--print")
    assert shown.returncode == 0
    assert "Type=notify" in shown.stdout and "WatchdogSec=" in shown.stdout and "IOWeight=20" in shown.stdout
    assert f'--data "{tmp_path}/my %%data" serve\n' in shown.stdout
    path = tmp_path / "home" / "systemd" / "user" / "synesthete.service"
    assert not path.exists()
    assert install().returncode == 0 and path.read_text() == shown.stdout
    if os.access("/usr/bin/systemd-analyze", os.X_OK):
        checked = subprocess.run(["/usr/bin/systemd-analyze", "--user", "verify", str(path)], capture_output=True)
        assert b"Unknown" not in checked.stderr, checked.stderr


def test_dates_at_the_ends_of_the_calendar_are_dates(served: Served) -> None:
    """A date that is being typed goes through the year 1."""
    for date, found in (("0001-01-01T00:00:00", False), ("9999-12-31T23:59:59.999999", True)):
        answer = served.service.post("/v1/search", {"words": [{"text": "bird"}], "before": date})
        assert answer.status == 200 and bool(answer.json["hits"]) == found


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another account")
def test_another_account_of_this_machine_has_to_show_the_token(served: Served) -> None:
    text = str(served.extra / "page.html")
    query = f"/v1/media?{urlencode({'path': text})}"
    assert served.service.request("GET", query).status == 200

    token = (served.service.data / "service_token").read_text()
    assert as_nobody(served.service.port, query, {}) == 401
    assert as_nobody(served.service.port, "/v1/status", {"Authorization": "Bearer wrong"}) == 401
    assert as_nobody(served.service.port, query, {"Authorization": f"Bearer {token}"}) == 200


def as_nobody(port: int, path: str, headers: dict[str, str]) -> int:
    """The status with which the service answers a process of an account that may do nothing."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path, headers=headers)
        os.write(writer, str(connection.getresponse().status).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        return int(answer.read())


def test_pictures_are_fetched_again_only_once_the_file_has_changed(served: Served) -> None:
    picture = served.extra / "changing.png"
    Image.new("RGB", (40, 20), "red").save(picture)
    run_forked(["--data", str(served.service.data), "index", str(served.extra)], served.service.environment)
    first = served.service.get("/v1/preview", path=str(picture))
    again = {"If-None-Match": first.headers["etag"]}
    assert first.status == 200 and "no-cache" in first.headers["cache-control"]
    assert served.service.get("/v1/preview", headers=again, path=str(picture)).status == 304
    Image.new("RGB", (20, 40), "blue").save(picture)
    changed = served.service.get("/v1/preview", headers=again, path=str(picture))
    assert changed.status == 200 and Image.open(io.BytesIO(changed.body)).height > 20


def test_a_file_is_given_under_its_own_name(served: Served) -> None:
    answer = served.service.get("/v1/media", path=str(sorted(served.library.glob("Sounds/*"))[0]))
    assert answer.headers["content-disposition"].startswith("inline; filename")
    assert sorted(served.library.glob("Sounds/*"))[0].name in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"words": [{"text": "a", "weight": NaN}]}',
        b'{"words": [{"text": "\\ud800"}]}',
        b'{"kinds": ["' + b'","' * 1000 + b'"]}',
        b'{"words": "a"}',
        b"{",
    ],
)
def test_what_is_no_question_is_told_in_one_short_line(served: Served, body: bytes) -> None:
    answer = served.service.request("POST", "/v1/search", body=body, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 422) and isinstance(answer.json["detail"], str)
    assert len(answer.json["detail"]) < 200 and "\n" not in answer.json["detail"]


def test_a_question_is_no_upload(served: Served) -> None:
    answer = served.service.request("POST", "/v1/search", headers={"Content-Length": "5000000"})
    assert answer.status == 413


def test_a_library_that_was_removed_and_made_anew_answers(
    served: Served, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("s")
    (folder / "notes").mkdir()
    (folder / "notes" / "first.txt").write_text("A note about the lighthouse.")
    index = ["--data", str(folder / "data"), "index", str(folder / "notes")]
    run_forked(index, environment(folder)).check_returncode()
    with running(folder / "data", folder) as service:
        assert service.get("/v1/status").json["sources"] == {"text": 1}
        shutil.rmtree(folder / "data")
        (folder / "notes" / "second.txt").write_text("A note about the harbour.")
        run_forked(index, environment(folder)).check_returncode()
        assert service.get("/v1/status").json["sources"] == {"text": 2}
        answer = service.post("/v1/search", {"words": [{"text": "the harbour"}]})
        assert answer.json["hits"][0]["path"] == str(folder / "notes" / "second.txt")
