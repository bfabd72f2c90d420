"""The program as a user runs it: its JSON field by field, its exit codes, its one-line errors."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import Program, Samples
from tests.sample_library import ITEMS

HIT_FIELDS = ["path", "kind", "score", "relevance", "start", "end", "page", "snippet", "moments"]


def test_the_summary_of_the_first_run(samples: Samples) -> None:
    summary = samples.summary
    assert list(summary) == ["indexed", "unchanged", "failed", "pieces", "took_s"]
    assert summary["indexed"] == len({item.path for item in ITEMS})
    assert (summary["unchanged"], summary["failed"]) == (0, [])
    assert set(summary["pieces"]) == {"text", "image", "video", "audio", "document"}


def test_indexing_twice_changes_nothing_and_says_so(samples: Samples) -> None:
    again = samples.program.json("index", samples.library)
    assert (again["indexed"], again["unchanged"], again["pieces"]) == (0, samples.summary["indexed"], {})
    said = samples.program.run("index", samples.library)
    assert said.returncode == 0 and said.stdout.startswith("nothing has changed")


def test_search_json_field_by_field(samples: Samples) -> None:
    answer = samples.program.json("search", "a", "crow", "-n", "40")
    assert list(answer) == ["took_ms", "close", "hits"] and answer["took_ms"] > 0
    assert len(answer["hits"]) == 40
    relevance = [hit["relevance"] for hit in answer["hits"]]
    assert relevance == sorted(relevance, reverse=True) and all(0 <= value <= 1 for value in relevance)
    for hit in answer["hits"]:
        assert list(hit) == HIT_FIELDS
        assert Path(hit["path"]).is_absolute() and Path(hit["path"]).is_file()
        assert -1 <= hit["score"] <= 1
        timed = hit["kind"] in ("audio", "video")
        assert (hit["start"] is not None) == (hit["end"] is not None) == bool(hit["moments"]) == timed
        assert (hit["page"] is not None) == (hit["kind"] == "document")
        assert hit["kind"] != "text" or hit["snippet"]
        for moment in hit["moments"]:
            assert list(moment) == ["start", "end", "score"] and moment["start"] < moment["end"]
    assert {hit["kind"] for hit in answer["hits"]} == {"text", "image", "video", "audio", "document"}


def test_search_filters(samples: Samples) -> None:
    program, library = samples.program, samples.library
    kinds = program.json("search", "bird", "--kind", "image,text", "-n", "100")["hits"]
    assert {hit["kind"] for hit in kinds} == {"image", "text"}
    assert program.json("search", "bird", "--kind", "image", "--kind", "text", "-n", "100")["hits"] == kinds
    below = program.json("search", "bird", "--under", library / "Pictures" / "2018", "-n", "100")["hits"]
    assert {Path(hit["path"]).parent.name for hit in below} == {"2018"}
    assert program.json("search", "bird", "--after", "2100-01-01")["hits"] == []
    assert len(program.json("search", "bird", "--before", "2100-01-01", "-n", "7")["hits"]) == 7


def test_search_by_file_keeps_away_from_what_is_not_wanted(samples: Samples) -> None:
    program, queries = samples.program, samples.queries
    like = ["search", "--like", queries / "bicycle.png", "--kind", "image", "-n", "100"]
    plain = {hit["path"]: hit["score"] for hit in program.json(*like)["hits"]}
    against = {hit["path"]: hit["score"] for hit in program.json(*like, "--not", "a bicycle")["hits"]}
    bicycle = next(path for path in plain if path.endswith("IMG_2050.png"))
    assert against[bicycle] < plain[bicycle]
    also = program.json(*like, "--not-like", samples.library / "Pictures" / "IMG_2050.png")["hits"]
    assert next(hit["score"] for hit in also if hit["path"] == bicycle) < plain[bicycle]


def test_status_forget_and_check(samples: Samples, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(samples.program.data, data)
    program = Program(data, tmp_path / "home")
    status = program.json("status")
    fields = "data model sources pieces roots failed incomplete disk_bytes index paused reembedding"
    assert list(status) == fields.split()
    assert sum(status["sources"].values()) == samples.summary["indexed"]
    assert status["pieces"] == samples.summary["pieces"]
    assert [root["path"] for root in status["roots"]] == [str(samples.library)]
    assert "files" in program.run("status").stdout
    pictures = status["sources"]["image"]
    assert program.json("forget", samples.library / "Pictures") == {"forgotten": pictures}
    after = program.json("search", "bird", "-n", "100")["hits"]
    assert after and not [hit for hit in after if hit["kind"] == "image"]
    assert "image" not in program.json("status")["sources"]
    assert program.json("check") == {"findings": []}
    assert program.run("check").stdout == "the library is sound\n"


def test_check_finds_damage_and_ends_with_its_exit_code(samples: Samples, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(samples.program.data, data)
    catalog = data / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as connection:
        (embedding,) = connection.execute("SELECT embedding FROM piece ORDER BY id LIMIT 1 OFFSET 20").fetchone()
    content = catalog.read_bytes()
    assert content.count(embedding[:100]) == 1
    catalog.write_bytes(content.replace(embedding[:100], b"\xff" * 100))
    done = Program(data, tmp_path / "home").run("check")
    assert done.returncode == 13 and "Traceback" not in done.stdout + done.stderr


def test_rebuild_gives_the_same_answers(samples: Samples, tmp_path: Path) -> None:
    program = Program(tmp_path / "data", tmp_path / "home")
    notes = samples.library / "Notes"
    first = program.json("index", notes)
    before = program.json("search", "soup")["hits"]
    again = program.json("rebuild")
    assert (again["indexed"], again["pieces"]) == (first["indexed"], first["pieces"])
    assert [hit["path"] for hit in program.json("search", "soup")["hits"]] == [hit["path"] for hit in before]
    before = program.json("search", "soup")["hits"]
    assert program.run("rebuild", "--vectors").returncode == 0
    assert program.json("rebuild", "--vectors") == {"pieces": program.json("status")["pieces"]}
    assert program.json("search", "soup")["hits"] == before


def test_the_version_is_that_of_the_distribution(program: Program) -> None:
    done = program.run("--version")
    assert (done.returncode, done.stdout) == (0, f"synesthete {version('synesthete')}\n")


def test_a_search_in_an_empty_library_says_how_to_fill_it(program: Program) -> None:
    done = program.run("search", "anything")
    assert (done.returncode, done.stdout) == (0, "") and "synesthete index" in done.stderr
    assert program.json("search", "anything")["hits"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["search"], 2, "nothing to look for"),
        (["search", "  "], 2, "nothing to look for"),
        (["search", "x", "--kind", "sounds"], 2, "'sounds' is no kind"),
        (["search", "x", "--after", "yesterday"], 2, "'yesterday' is no date"),
        (["search", "x", "-n", "0"], 2, "0 results"),
        (["search", "--like", "nowhere.png"], 2, "nowhere.png: "),
        (["search", "--like", "a.mp3@9-3"], 2, "ends before it starts"),
        (["search", "x", "--colour", "red"], 2, "No such option"),
        (["index"], 2, "PATH"),
        (["--settings", "nowhere.toml", "status"], 31, "nowhere.toml: the settings cannot be read"),
    ],
)
def test_wrong_usage_is_one_clear_line(program: Program, arguments: list[str], code: int, said: str) -> None:
    done = program.run(*arguments)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["forget", ""],
        ["index", ".", ""],
        ["watch", ""],
        ["serve", "--watch", ""],
        ["duplicates", ""],
        ["--data", "", "status"],
        ["--settings", "", "status"],
        ["model", "fuse", "--recipe", ""],
    ],
)
def test_a_path_without_a_name_is_not_the_current_folder(
    program: Program, tmp_path: Path, arguments: list[str]
) -> None:
    """So says a shell whose variable is not set."""
    done = program.run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr == "synesthete: a path is empty; the current folder is called .\n"
    assert not (tmp_path / "catalog.sqlite").exists()


BAD_NAME = "latin\udce9.png"


@pytest.mark.parametrize(
    "arguments",
    [
        ["index", BAD_NAME],
        ["forget", BAD_NAME],
        ["duplicates", BAD_NAME],
        ["duplicates", "--under", BAD_NAME],
        ["search", "--like", BAD_NAME],
        ["search", "x", "--not-like", f"{BAD_NAME}^2"],
        ["search", "x", "--under", BAD_NAME],
        ["search", "x", "--glob", BAD_NAME],
    ],
)
def test_a_name_that_is_no_text_is_one_line(program: Program, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / BAD_NAME).write_bytes(b"x")
    done = program.run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stdout == ""
    assert "latin\\xe9.png" in done.stderr and "not valid UTF-8" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["index", "~nosuchuser/x"],
        ["--data", "~nosuchuser/x", "status"],
        ["search", "--like", "~nosuchuser/x.jpg"],
        ["search", "x", "--under", "~nosuchuser/x"],
        ["search", "x", "--glob", "~nosuchuser/*.jpg"],
        ["search", "--like", "n" * 300],
        ["search", "x", "--under", "n" * 300],
    ],
)
def test_a_path_that_leads_nowhere_is_one_line(program: Program, tmp_path: Path, arguments: list[str]) -> None:
    done = program.run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stdout == "", done.stderr


def test_a_wrong_setting_is_one_line_naming_the_file(program: Program, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("[index]\nworkers = 'all'\n")
    done = program.run("--settings", mine, "status")
    assert done.returncode == 31 and done.stderr.count("\n") == 1 and str(mine) in done.stderr


def test_when_no_path_exists_the_exit_code_says_so(program: Program, tmp_path: Path) -> None:
    done = program.run("index", tmp_path / "nowhere")
    assert done.returncode == 20 and "nowhere: no such file or folder" in done.stderr
    assert program.run("index", tmp_path / "nowhere", tmp_path).returncode == 0


def test_a_model_that_is_not_there_is_one_line(program: Program, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(f"[model]\nname = '{tmp_path}/no-model'\n")
    done = program.run("--settings", mine, "search", "x")
    assert done.returncode == 30 and done.stderr.count("\n") == 1 and "no-model" in done.stderr


def test_model_info_shows_the_card(program: Program) -> None:
    info = program.json("model", "info")
    assert info["dimension"] == 384 and len(info["fingerprint"]) >= 16
    assert "Licence" in program.run("model", "info").stdout or "licence" in info["card"].lower()


def test_another_process_at_work_is_named(program: Program, tmp_path: Path) -> None:
    program.run("status")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from storage.lock import WriterLock\n"
            "with WriterLock(pathlib.Path(sys.argv[1])): print(flush=True); sys.stdin.read()",
            str(program.data),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert holder.stdout
    holder.stdout.readline()
    done = program.run("index", tmp_path)
    holder.communicate()
    assert done.returncode == 11 and f"process {holder.pid}" in done.stderr


def test_output_cut_short_by_another_program_is_no_error(samples: Samples) -> None:
    command = f"{sys.executable} -m engine.cli --data {samples.program.data} search bird -n 50 | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=Path(__file__).parents[2], env=os.environ
    )
    assert len(done.stdout.splitlines()) == 1 and "Traceback" not in done.stderr


def test_json_is_one_line_of_valid_json(samples: Samples) -> None:
    done = samples.program.run("search", "crow", "--json")
    assert done.stdout.count("\n") == 1 and json.loads(done.stdout)


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(samples: Samples, tmp_path: Path) -> None:
    program = Program(tmp_path / "data", tmp_path / "home")
    folders = [samples.library / "Pictures", samples.library / "Sounds"]
    command = [sys.executable, "-m", "engine.cli", "--data", str(program.data), "index", *map(str, folders)]
    running = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=program.environment,
        # A shell that starts the tests in the background has them ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    catalog = program.data / "catalog.sqlite"

    def committed() -> int:
        if not catalog.exists():
            return 0
        connection = sqlite3.connect(catalog)
        try:
            return int(connection.execute("SELECT count(*) FROM source").fetchone()[0])
        except sqlite3.OperationalError:  # not yet made
            return 0
        finally:
            connection.close()

    while committed() < 5 and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "stopped" in said and "Traceback" not in said
    kept = committed()
    total = len({item.path for item in ITEMS if item.path.startswith(("Pictures/", "Sounds/"))})
    assert 5 <= kept < total
    again = program.json("index", *folders)
    assert (again["indexed"], again["unchanged"]) == (total - kept, kept)
