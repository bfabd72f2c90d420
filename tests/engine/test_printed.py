"""Text as it may be printed, on whatever terminal."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.printed import has_all_characters, json_line, printed
from tests.conftest import Program


def test_nothing_that_is_printed_has_power_over_a_terminal() -> None:
    assert printed("Zürich \u202f見る 👩‍🚀 [b].txt") == "Zürich \u202f見る 👩‍🚀 [b].txt"
    assert printed("a\x1b[2Jb\nc\x9bd") == "a\\x1b[2Jb\\nc\\x9bd"
    assert printed("gpj.\u202eexe") == "gpj.\\u202eexe"
    assert printed("latin\udce9 \ud800") == "latin\\xe9 \\ud800"


def test_json_is_json_on_an_output_that_lacks_characters() -> None:
    narrow, wide = (io.TextIOWrapper(io.BytesIO(), encoding=name) for name in ("latin-1", "UTF8"))
    assert has_all_characters(wide) and has_all_characters(io.StringIO()) and not has_all_characters(narrow)
    assert json_line({"a": "見é"}, wide) == '{"a": "見é"}'
    assert json.loads(json_line({"a": "見é"}, narrow).encode("latin-1")) == {"a": "見é"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_the_program_prints_on_a_terminal_that_is_not_utf_8(program: Program, encoding: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> bytes:
        command = [sys.executable, "-m", "engine.program", "--data", str(tmp_path / "Zürich 見"), *arguments]
        environment = program.environment | {"PYTHONIOENCODING": encoding, "XDG_RUNTIME_DIR": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, env=environment)
        assert done.returncode == 0 and done.stderr == b"", done.stderr
        return done.stdout

    assert b"\\u898b" in run("status")
    assert json.loads(run("status", "--json").decode(encoding))["data"] == os.fspath(tmp_path / "Zürich 見")
