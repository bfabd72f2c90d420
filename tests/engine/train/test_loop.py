"""The loop: resuming after a kill, several processes, the schedule, what it refuses."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.fuse.task_vectors import TensorFolder
from engine.model.checkpoint import open_checkpoint
from engine.model.fused_model import PieceFeatures
from engine.train.loop import embedder, groups_of_like_length, learning_rate, make_optimizer, train
from engine.train.recipe import StageSettings
from engine.train.stages import open_run, train_joint, train_specialist
from tests.engine.train.conftest import World
from tests.engine.train.tiny import STAGE, tiny_recipe

ROOT = Path(__file__).parents[3]
LONG = {**STAGE, "steps": 60, "save_every": 1, "anchor": 1.0}
PROGRAM = """
import sys
from pathlib import Path
import torch
from engine.train.stages import open_run, train_joint
from tests.engine.train.tiny import tiny_recipe
torch.set_num_threads(1)
base, manifest, out, settings = sys.argv[1:]
train_joint(open_run(tiny_recipe(Path(base), Path(manifest), Path(out), joint=eval(settings)), seed=0))
"""


def start(world: World, out: Path, settings: dict, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, str(world.base), str(world.manifest), str(out), repr(settings)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", **environment})


def same_weights(one: Path, other: Path) -> bool:
    first, second = TensorFolder(one), TensorFolder(other)
    return all(torch.equal(first.read(name), second.read(name)) for name in first.files)


def losses(out: Path) -> list[float]:
    lines = (out / "seed-0" / "joint.work" / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def close_weights(one: Path, other: Path) -> None:
    first, second = TensorFolder(one), TensorFolder(other)
    for name in first.files:
        if not name.endswith(
            "key.bias"
        ):  # softmax takes no notice of it: its gradient is rounding, and Adam scales that
            torch.testing.assert_close(first.read(name), second.read(name), atol=5e-4, rtol=1e-3)


def test_a_killed_run_goes_on_to_the_same_weights(world: World, tmp_path: Path) -> None:
    undisturbed = train_joint(open_run(tiny_recipe(world.base, world.manifest, tmp_path / "a", joint=LONG), seed=0))
    process = start(world, tmp_path / "b", LONG)
    work = tmp_path / "b" / "seed-0" / "joint.work"
    deadline = time.monotonic() + 60
    while not (work / "state.safetensors").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "b" / "seed-0" / "joint").exists(), "it was too fast to be killed"
    done = len((work / "log.jsonl").read_text().splitlines())
    assert 1 <= done < 60
    resumed = train_joint(open_run(tiny_recipe(world.base, world.manifest, tmp_path / "b", joint=LONG), seed=0))
    assert same_weights(undisturbed, resumed)
    steps = [json.loads(line)["step"] for line in (work / "log.jsonl").read_text().splitlines()]
    assert steps == list(range(60))


def test_two_processes_do_what_one_does(world: World, tmp_path: Path) -> None:
    settings = {**STAGE, "steps": 4, "anchor": 1.0}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    processes = [
        start(world, tmp_path / "two", settings, RANK=rank, LOCAL_RANK=rank, **together) for rank in ("0", "1")
    ]
    one = train_joint(open_run(tiny_recipe(world.base, world.manifest, tmp_path / "one", joint=settings), seed=0))
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    close_weights(one, tmp_path / "two" / "seed-0" / "joint")


def test_a_state_of_another_run_is_refused(world: World, tmp_path: Path) -> None:
    run = open_run(tiny_recipe(world.base, world.manifest, tmp_path), seed=0)
    out = train_specialist(run, "audio")
    out.rename(tmp_path / "elsewhere")
    work = out.with_name("audio.work")
    changed = {"audio": {"lr": 1e-4}, "image": {}, "document": {}}
    with pytest.raises(ModelError, match="other settings, data or weights"):
        train_specialist(
            open_run(tiny_recipe(world.base, world.manifest, tmp_path, specialists=changed), seed=0), "audio"
        )
    state = work / "state.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"cannot read the state of training"):
        train_specialist(run, "audio")


def test_smaller_chunks_do_not_change_the_run(world: World, tmp_path: Path) -> None:
    for chunk in (16, 3):
        settings = {**STAGE, "steps": 4, "chunk": chunk}
        train_joint(open_run(tiny_recipe(world.base, world.manifest, tmp_path / str(chunk), joint=settings), seed=0))
    assert losses(tmp_path / "3") == pytest.approx(losses(tmp_path / "16"), rel=1e-4)
    close_weights(*(tmp_path / str(chunk) / "seed-0" / "joint" for chunk in (16, 3)))


def test_nothing_to_train_and_a_training_that_breaks_down(world: World, tmp_path: Path) -> None:
    run = open_run(tiny_recipe(world.base, world.manifest, tmp_path), seed=0)
    model = open_checkpoint(world.base).load()
    settings = StageSettings(**STAGE)
    with pytest.raises(ModelError, match="no parameter"):
        train(model, run.data, settings, lambda name: False, tmp_path / "none", 0, ("audio",))
    with torch.no_grad():
        model.audio_projector.second.bias.fill_(float("nan"))
    with pytest.raises(ModelError, match="broke down at step 0"):
        train(model, run.data, settings, lambda name: "projector" in name, tmp_path / "nan", 0, ("audio",))


@settings(deadline=None)  # the first call warms torch up
@given(st.lists(st.integers(0, 300), min_size=1, max_size=30))
def test_groups_hold_every_piece_once_and_only_like_lengths(lengths: list[int]) -> None:
    pieces = [PieceFeatures("text", tokens=torch.zeros(length)) for length in lengths]
    groups = groups_of_like_length(pieces)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    for group in groups:
        own = [lengths[place] for place in group]
        assert max(own) <= 2 * min(own) + 8


def test_grouping_keeps_the_order(world: World) -> None:
    model = open_checkpoint(world.base).load()
    pieces = [PieceFeatures("text", tokens=torch.arange(3, 3 + length)) for length in (28, 1, 14, 2, 27)]
    with torch.inference_mode():
        together = embedder(model, torch.device("cpu"))(pieces)
        alone = torch.cat([model.embed_features([piece]) for piece in pieces])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)


def test_the_learning_rate_rises_and_falls() -> None:
    settings = StageSettings(steps=100, warmup=0.1)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == rates[10] == 1.0
    assert all(before > after for before, after in pairwise(rates[10:]))
    assert 0 < rates[99] < 0.001


def test_projectors_may_learn_at_another_rate() -> None:
    parameters = {"backbone.a": torch.zeros(2, 2), "backbone.b": torch.zeros(2), "audio_projector.a": torch.zeros(2, 2)}
    groups = make_optimizer(parameters, StageSettings(steps=1, lr=0.1, projector_lr=0.5)).param_groups
    assert [(len(group["params"]), group["peak"]) for group in groups] == [(1, 0.1), (1, 0.1), (1, 0.5)]
    assert {group["peak"] for group in make_optimizer(parameters, StageSettings(steps=1, lr=0.1)).param_groups} == {0.1}
