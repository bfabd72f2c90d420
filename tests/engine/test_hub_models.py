"""Models of a hub as a user has them: huggingface_hub itself, against a server here that behaves like a hub."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.model.hub import HubName, may_run_code, parse_name
from engine.model.known_models import KNOWN_MODELS
from engine.user_settings import with_setting
from tests.conftest import ROOT
from tests.engine.model.hub_server import COMMIT, Hub, hub_server
from tests.engine.model.tiny_hub import save_qwen3_vl
from tests.forked import run_forked


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_qwen3_vl(tmp_path_factory.mktemp("tiny"))


def untold() -> dict[str, str]:
    """The environment without what it says of hubs and of this program."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SYNESTHETE_", "HF_"))}


@dataclass
class User:
    """A home with nothing in it yet, a cache of a hub's models that is empty, and a hub."""

    home: Path
    cache: Path
    hub: Hub

    @property
    def environment(self) -> dict[str, str]:
        return untold() | {
            "XDG_CONFIG_HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home),
            "HF_HOME": str(self.cache),
            "HF_ENDPOINT": self.hub.address,
            "HF_HUB_DOWNLOAD_TIMEOUT": "5",
            "HF_HUB_DISABLE_XET": "1",
            "PYTHONPATH": str(ROOT),
            "SYNESTHETE_INDEX__PRIORITY": "normal",
        }

    def run(self, *arguments: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
        """``more``: variables of the environment besides."""
        told = ["--data", str(self.home / "data"), *map(str, arguments)]
        # Most of the time of these tests was the import of sentence-transformers, in every process that has a model.
        preloaded = () if more else ("sentence_transformers",)
        return run_forked(told, self.environment | more, preloaded=preloaded)

    def fails(self, *arguments: str | Path, **more: str) -> str:
        """The one line that the program says when it cannot do what it is told."""
        done = self.run(*arguments, **more)
        assert done.returncode in (30, 31, 33), (done.returncode, done.stdout, done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.startswith("synesthete: ")]
        assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
        return lines[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Path]]:
    """One address and one cache for all tests: huggingface_hub reads both when it is imported, which is done once."""
    with hub_server(Hub({})) as hub:
        yield hub, tmp_path_factory.mktemp("served") / "hf"


@pytest.fixture
def user(tiny: Path, served: tuple[Hub, Path], tmp_path: Path) -> User:
    copy = tmp_path / "model"
    shutil.copytree(tiny, copy)
    (copy / "pytorch_model.bin").write_bytes(b"a pickle")
    hub, cache = served
    hub.begin({"org/tiny": copy})
    shutil.rmtree(cache, ignore_errors=True)
    return User(tmp_path / "home", cache, hub)


def test_download_use_index_search_and_change_the_model(user: User, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in ("crow.png", "bicycle.png"):
        shutil.copy(ROOT / "tests" / "samples" / "pictures" / name, files)
    (files / "sea.txt").write_text("the red sea")
    shutil.copy(ROOT / "tests" / "samples" / "speech" / "harbour.ogg", files)
    assert user.run("index", files).returncode == 0
    done = user.run("model", "use", "hub:org/tiny")
    assert done.returncode == 0 and "`synesthete model download org/tiny`" in done.stderr
    assert user.fails("index", files).endswith("`synesthete model download org/tiny` fetches it")
    assert user.run("model", "download", "org/tiny").returncode == 0
    assert not any("pytorch_model" in path for _, path, _ in user.hub.requests)  # pickles stay where they are
    user.hub.requests.clear()
    done = user.run("index", files)
    assert done.returncode == 0, done.stderr
    assert "the new embeddings answer from now on" in done.stdout
    told = user.run("search", "a voice").stdout
    mine, _, apart = told.partition("audio, by the bundled model: an order of its own")
    assert "harbour.ogg" in apart and "harbour.ogg" not in mine and "sea.txt" in mine
    numbers = [int(found) for found in re.findall(r"^ *(\d+) \d\.\d\d ", told, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    described = user.run("model", "info").stdout
    assert COMMIT in described and "hub:org/tiny" in described
    assert user.hub.requests == []  # what is here is used without a word to the hub


def test_a_download_that_is_cut_off_goes_on(user: User) -> None:
    """huggingface_hub takes 10 MiB at a time: a line that breaks in the third is taken up again at its beginning."""
    content = os.urandom(25 * 2**20)
    (user.hub.models["org/tiny"] / "more.safetensors").write_bytes(content)
    user.hub.cut["more.safetensors"] = 22 * 2**20
    done = user.run("model", "download", "org/tiny")
    assert done.returncode == 0, done.stderr
    asked = [wanted for method, path, wanted in user.hub.requests if method == "GET" and "more.safe" in path]
    assert asked == [None, f"bytes={20 * 2**20}-"]
    (held,) = user.cache.rglob("snapshots/*/more.safetensors")
    assert held.read_bytes() == content


def test_files_that_are_whole_are_not_fetched_again(user: User) -> None:
    user.hub.cut["model.safetensors"] = 1000
    user.hub.broken_after_cut = True
    assert "what is here already stays" in user.fails("model", "download", "org/tiny")
    user.hub.broken_after_cut = False
    user.hub.requests.clear()
    assert user.run("model", "download", "org/tiny").returncode == 0
    fetched = [path for method, path, _ in user.hub.requests if method == "GET" and "/resolve/" in path]
    assert any(path.endswith("model.safetensors") for path in fetched)
    assert not any(path.endswith("modules.json") for path in fetched)


def test_what_goes_wrong_at_a_hub_is_one_line(user: User) -> None:
    assert "org/none does not exist on the hub, or is private" in user.fails("model", "download", "org/none")
    assert "there is no revision v9" in user.fails("model", "download", "org/tiny@v9")
    assert "is no name of a model" in user.fails("model", "download", "tiny")
    user.hub.gated.add("org/tiny")
    assert "asks for its terms to be accepted" in user.fails("model", "download", "org/tiny")
    user.hub.gated.clear()
    user.hub.fail = 503
    assert "the hub failed (503)" in user.fails("model", "download", "org/tiny")
    user.hub.fail = 0
    nowhere = user.fails("model", "download", "org/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert "the hub cannot be reached; check the network" in nowhere
    assert "HF_HUB_OFFLINE forbids it" in user.fails("model", "download", "org/tiny", HF_HUB_OFFLINE="1")
    user.hub.sizes["model.safetensors"] = 10**15
    assert "needs 1000000.00 GB more" in user.fails("model", "download", "org/tiny")
    assert not list(user.cache.rglob("*.safetensors"))


@pytest.mark.skipif(os.geteuid() != 0 and not shutil.which("prlimit"), reason="needs a way to limit a file's size")
def test_a_disk_that_fills_up_in_between_is_one_line(user: User) -> None:
    """A limit on the size of files stands for the full disk: the write fails half way."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "from engine.cli import main\n"
        "sys.argv = ['synesthete', 'model', 'download', 'org/tiny']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=user.environment, timeout=120
    )
    assert done.returncode == 33 and "Traceback" not in done.stderr, done.stderr
    assert "make room, or set HF_HOME to another disk" in done.stderr
    assert user.run("model", "download", "org/tiny").returncode == 0


def test_a_model_of_which_a_part_is_missing_is_not_used(user: User) -> None:
    assert user.run("model", "download", "org/tiny").returncode == 0
    (held,) = user.cache.rglob("snapshots/*/model.safetensors")
    held.unlink()
    assert user.run("model", "use", "org/tiny").returncode == 0
    told = user.fails("search", "sea")
    assert "was not downloaded to its end (model.safetensors is missing)" in told


def test_settings_are_changed_in_one_line(user: User) -> None:
    file = user.home / "synesthete" / "settings.toml"
    file.parent.mkdir(parents=True)
    before = "# mine\n[model]\nthreads = 1  # few\n\n[search]\nresults = 3\n"
    file.write_text(before)
    assert user.run("model", "use", "bundled").returncode == 0
    assert file.read_text() == before.replace("[model]\n", '[model]\nname = "bundled"\n')
    file.write_text("[model\n")
    assert "settings.toml" in user.fails("model", "use", "bundled") and file.read_text() == "[model\n"


@pytest.mark.parametrize("before", ["", "[model]\nname = 'x'\n", "[index]\nworkers = 3\n[ model ]\n# name = 1\n"])
def test_a_setting_finds_its_place(before: str) -> None:
    import tomllib

    after = with_setting(before, "model", "name", 'hub:a/b "c"')
    assert tomllib.loads(after) == {**tomllib.loads(before), "model": {"name": 'hub:a/b "c"'}}


def test_terms_that_are_not_free_must_be_accepted(user: User) -> None:
    told = user.fails("model", "use", "jinaai/jina-embeddings-v5-omni-small")
    assert "CC BY-NC 4.0, for non-commercial use only" in told and "--accept-licence" in told
    assert "research only" in user.fails("model", "use", "hub:Haon-Chen/e5-omni-3B")
    assert not (user.home / "synesthete" / "settings.toml").exists()
    assert user.run("model", "use", "Haon-Chen/e5-omni-3B", "--accept-licence").returncode == 0
    assert "there is no such folder" in user.fails("model", "use", "./nothing")
    shown = user.run("model", "list").stdout
    assert all(model.name in shown and model.licence in shown for model in KNOWN_MODELS)


def test_code_is_trusted_only_by_name_and_commit(tmp_path: Path) -> None:
    name, folder = HubName("org/tiny"), tmp_path / COMMIT
    assert may_run_code(name, folder, f"org/tiny@{COMMIT}")
    assert not may_run_code(name, folder, "") and not may_run_code(None, folder, f"org/tiny@{COMMIT}")
    assert not may_run_code(name, folder, f"org/other@{COMMIT}")
    assert not may_run_code(name, folder, "org/tiny@" + COMMIT[::-1])
    for setting in ("org/tiny", "org/tiny@main"):
        with pytest.raises(Exception, match="must name the commit"):
            may_run_code(name, folder, setting)


def test_code_of_another_repository_is_not_trusted_along(user: User) -> None:
    """Naming a model and its commit says nothing of a repository to which its files refer."""
    described = user.hub.models["org/tiny"] / "config.json"
    config = json.loads(described.read_text())
    described.write_text(json.dumps({**config, "auto_map": {"AutoModel": "org/other--modeling.Model"}}))
    assert user.run("model", "download", "org/tiny").returncode == 0
    (user.home / "data").mkdir(parents=True)
    trusted = {"SYNESTHETE_MODEL__REMOTE_CODE": f"org/tiny@{COMMIT}", "SYNESTHETE_MODEL__NAME": "hub:org/tiny"}
    told = user.fails("index", user.home / "data", **trusted)
    assert "takes code from org/other, which [model] remote_code does not name" in told


@pytest.mark.parametrize("name", ["hub:a", "a/b/c", "a/b@", "", "hub:../b c", "a/b@x y"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Exception, match="is no name of a model on a hub"):
        parse_name(name)
