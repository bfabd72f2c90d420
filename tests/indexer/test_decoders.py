"""Decoding processes that are kept between runs."""

import math
import threading
import time
from pathlib import Path

import psutil
import pytest

from indexer.control import Control
from indexer.decoders import Decoders
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractionLimits, MediaFormat
from indexer.pipeline import IndexSummary, PipelineOptions, index, index_parts
from indexer.plan import Scope
from storage.library import Library
from tests.indexer.simple_embedder import SimpleEmbedder


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("A note.\n\n" * 2000)
    return path


def running() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "indexer.extract.worker" in child.cmdline()]


def decoder() -> psutil.Process:
    (process,) = running()
    return process


def read(worker: ExtractionWorker, path: Path) -> int:
    return sum(1 for _ in worker.open(path).pieces)


def test_one_that_is_kept_serves_the_next_and_ends_when_it_is_idle(note: Path) -> None:
    with Decoders(MediaFormat(), ExtractionLimits(), idle_seconds=0.5) as decoders:
        with decoders.lent() as worker:
            assert read(worker, note) > 1
        first = decoder()
        with decoders.lent() as worker:
            time.sleep(1)  # lent, it is not idle
            assert read(worker, note) > 1 and decoder() == first
        first.wait(30)


def test_one_that_was_interrupted_is_not_kept(note: Path) -> None:
    with Decoders(MediaFormat(), ExtractionLimits(), idle_seconds=60) as decoders:
        with decoders.lent() as worker:
            read(worker, note)
            worker.interrupt()
            assert not worker.is_at_rest
        with decoders.lent() as worker:
            assert read(worker, note) > 1


def test_a_run_that_is_ended_leaves_only_decoders_that_serve_the_next(tmp_path: Path) -> None:
    files, library, embedder = tmp_path / "files", Library(tmp_path / "data"), SimpleEmbedder()
    files.mkdir()
    index(library, embedder, [files], PipelineOptions())
    with Decoders(embedder.media, ExtractionLimits(), idle_seconds=60) as decoders:

        def run(stop: threading.Event) -> IndexSummary:
            scopes, options = [Scope(str(files), str(files))], PipelineOptions(workers=2, batch=1)
            control = Control(stop=stop.is_set)
            return index_parts(library, embedder, scopes, options, lambda progress: stop.set(), control, decoders)

        for number in range(12):
            (files / f"note{number}.txt").write_text(f"Note number {number}.")
        for _ in range(6):
            assert run(threading.Event()).failed == ()


def test_nothing_is_left_by_default_or_when_a_file_was_left_half_read(note: Path) -> None:
    with Decoders(MediaFormat(), ExtractionLimits()) as decoders, decoders.lent() as worker:
        read(worker, note)
    assert not running()
    with Decoders(MediaFormat(), ExtractionLimits(), idle_seconds=60) as decoders:
        with decoders.lent() as worker:
            next(worker.open(note).pieces)
        assert not running()
        with decoders.lent() as worker:
            read(worker, note)
        assert decoder().is_running()
    assert not running()


def test_one_that_was_warmed_up_serves_the_first_and_no_more_are_kept_than_are_wanted(note: Path) -> None:
    with Decoders(MediaFormat(), ExtractionLimits(), idle_seconds=math.inf, most_idle=1) as decoders:
        decoders.warm_up()
        first = decoder()
        with decoders.lent() as one, decoders.lent() as other:
            assert read(one, note) == read(other, note) > 1
            assert first in running() and len(running()) == 2
        assert len(running()) == 1
    assert not running()
