"""Real processes that change a library and are killed on the way, and what must hold of it whenever that happens.

``python -m tests.crash`` imports what the jobs need once and forks a process for each of them, so that hundreds can be
started and killed in a minute; every job is a process of its own, with decoding processes of its own.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.pipeline import PipelineOptions, Progress, index
from indexer.reembed import reembed
from storage import transcripts, words
from storage.check import check, repair
from storage.library import Library
from storage.records import MODALITIES, PieceFilter, TextSegment, Transcript
from storage.vectors import IndexPolicy
from tests.indexer.simple_embedder import SimpleEmbedder

ROOT = Path(__file__).parents[1]
OLD, NEW = SimpleEmbedder(32, "old"), SimpleEmbedder(24, "new")
OPTIONS = PipelineOptions(workers=1, batch=4)
POLICY = IndexPolicy(exact_up_to=20)  # so that a small library has a snapshot with parts to be torn
WORDS = ("boat", "soup", "owl", "lighthouse", "river", "stone", "bread", "window", "letter", "garden")
"""What the texts of the test are made of."""

State = dict[str, Any]


def index_job(data: Path, files: Path) -> None:
    """Index, with a snapshot after every fifth file, as a service that keeps up with changes would write them."""
    library = Library(data, policy=POLICY)

    def save(progress: Progress) -> None:
        if progress.done % 5 == 0:
            library.refresh()
            library.save_snapshot()

    index(library, OLD, [files], OPTIONS, save)


def change_job(data: Path, files: Path) -> None:
    library = Library(data, policy=POLICY)
    if library.catalog.model() == (OLD.fingerprint, OLD.dimension):
        reembed(library, NEW, [files], OPTIONS, lambda progress: None)
    else:
        index(library, NEW, [files], OPTIONS)


def forget_job(data: Path, files: Path) -> None:
    """Large deletions, and the space given back."""
    library = Library(data, policy=POLICY)
    with library.writer_lock():
        for name in ("a", "b", "c"):
            library.refresh()
            library.catalog.forget(str(files / name))
            library.refresh()
            library.save_snapshot()


def repair_job(data: Path, files: Path) -> None:
    repair(data)
    index(Library(data, policy=POLICY), OLD, [files], OPTIONS)


JOBS: Mapping[str, Callable[[Path, Path], None]] = {
    "index": index_job,
    "change": change_job,
    "forget": forget_job,
    "repair": repair_job,
}


@dataclass(frozen=True)
class Ended:
    """How a job ended: killed, or by itself after so many seconds."""

    killed: bool
    seconds: float


class Processes:
    """Starts jobs and kills them after a time. A context manager."""

    def __enter__(self) -> "Processes":
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.crash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._server.communicate()

    def run(self, job: str, data: Path, files: Path, kill_after: float | None = None) -> Ended:
        """Run ``job`` in a process of its own, to its end or for ``kill_after`` seconds; an error in it is an error."""
        assert self._server.stdin and self._server.stdout
        print(json.dumps([job, str(data), str(files), kill_after]), file=self._server.stdin, flush=True)
        status, seconds = json.loads(self._server.stdout.readline())
        assert status in (0, -signal.SIGKILL), f"{job} ended with {status}"
        return Ended(status != 0, seconds)


def _serve() -> None:
    for line in sys.stdin:
        job, data, files, kill_after = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)
            try:
                JOBS[job](Path(data), Path(files))
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        status = _wait(child, None if kill_after is None else started + kill_after)
        print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - started]), flush=True)


def _wait(child: int, until: float | None) -> int:
    while until is not None and time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.0005)
    if until is not None:
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def state(data: Path) -> State:
    """What the library in ``data`` holds, without the numbers that depend on the order of things.

    Under each path its pieces, under ``name`` and ``words`` before it its name and its transcripts, under ``found``
    before a word the texts in which the index of words finds it.
    """
    library = Library(data, policy=POLICY)
    try:
        held: State = {"model": library.catalog.model()}
        with library.catalog.reading() as connection:
            for key, query in _STATE.items():
                for path, *rest in connection.exec_driver_sql(query):
                    held.setdefault(f"{key}{path}", []).append(tuple(rest))
            for word in WORDS:
                matches = words.find(connection, words.all_of([word]), PieceFilter())
                held[f"found {word}"] = sorted((match.path, match.origin, match.text) for match in matches)
        return held | {
            f"failed {path}": failure.reason for path, failure in library.catalog.failures_under("/").items()
        }
    finally:
        library.close()


_STATE = {
    "": """SELECT path, kind, hex(content_hash), modality, start, end, page, text, hex(embedding)
        FROM source JOIN piece ON source.id = source_id ORDER BY path, piece.id""",
    "name ": """SELECT path, text, start, end, page FROM source JOIN segment ON source.id = source_id
        WHERE origin = 'name' ORDER BY path, segment.id""",
    "words ": """SELECT path, transcript.origin, made_from, problem, text, start, end, page
        FROM source JOIN transcript ON source.id = transcript.source_id
        LEFT JOIN segment ON source.id = segment.source_id AND segment.origin = transcript.origin
        ORDER BY path, transcript.origin, segment.id""",
}


def recognise(data: Path, path: Path, *texts: str) -> None:
    """Commit words that a recogniser, turned on in an earlier run, has found in the file at ``path``."""
    library = Library(data)
    try:
        held = library.catalog.sources_under(str(path))[str(path)]
        segments = tuple(TextSegment(text, "recognised") for text in texts)
        with library.catalog.writing() as connection:
            transcripts.put(connection, held.id, Transcript("recognised", "a recogniser", segments))
    finally:
        library.close()


def assert_sound(data: Path) -> None:
    """`check` is clean; every piece committed is found under its own number, by its own vector, once; so are words."""
    library = Library(data, policy=POLICY)
    try:
        findings = check(library)
        assert findings == [], findings
        library.refresh()
        with library.catalog.reading() as connection:
            rows = connection.exec_driver_sql("SELECT id, modality, embedding FROM piece ORDER BY id").all()
            for word in WORDS:
                matches = [match.text for match in words.find(connection, words.all_of([word]), PieceFilter())]
                texts = connection.exec_driver_sql("SELECT text FROM words_text").scalars()
                assert sorted(matches) == sorted(text for text in texts if word in text.casefold().split())
        for modality in MODALITIES:
            ids = [row[0] for row in rows if row[1] == modality]
            if not ids:
                continue
            vectors = np.stack([np.frombuffer(row[2], "<f2").astype(np.float32) for row in rows if row[1] == modality])
            found, scores = library.search(modality, vectors[0], len(ids) + 10)
            order = np.argsort(found)
            assert found[order].tolist() == ids
            assert np.allclose(scores[order], vectors @ vectors[0], atol=2e-3)
    finally:
        library.close()


def kill_at_random(
    processes: Processes,
    job: str,
    prepared: Path,
    files: Path,
    kills: int,
    rng: random.Random,
    hold: Callable[[Path], None] = assert_sound,
) -> int:
    """Start ``job`` on copies of ``prepared`` again and again and kill it at random moments; returns how often.

    After each kill ``hold`` must hold, and whatever the sequence of kills, the end must be as that of an undisturbed
    run.
    """
    work = prepared.with_name(f"{prepared.name}-work")

    def fresh() -> None:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(prepared, work)

    fresh()
    whole = processes.run(job, work, files)
    expected = state(work)
    assert_sound(work)
    done = 0
    fresh()
    while done < kills:
        if processes.run(job, work, files, rng.uniform(0, whole.seconds)).killed:
            done += 1
            hold(work)
        else:
            assert state(work) == expected
            assert_sound(work)
            fresh()
    processes.run(job, work, files)
    assert state(work) == expected
    assert_sound(work)
    return done


if __name__ == "__main__":
    _serve()
