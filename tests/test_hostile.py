"""Hostile files among good ones: every good one is indexed, every bad one has its reason, nothing hangs or is left."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractionLimits
from indexer.pipeline import PipelineOptions, Progress, index
from storage.check import check
from storage.library import Library
from tests import hostile_files
from tests.conftest import ROOT
from tests.indexer.extract.making import MEDIA
from tests.indexer.simple_embedder import SimpleEmbedder
from tests.sample_formats import write_samples

LIMITS = ExtractionLimits(seconds=5, memory_megabytes=700, pages=50, frames=2000, media_hours=1, text_megabytes=2)


def judge(library: Library, folder: Path, limits: ExtractionLimits) -> dict[str, str]:
    """Index ``folder`` with files vanishing meanwhile; what holds of any run is asserted. Returns the reasons."""
    vanishing = [folder / "samples" / f"vanishing-{number}.txt" for number in range(6)]
    for path in vanishing:
        path.write_text(f"A file that will not stay: {path.name}.")

    def vanish(progress: Progress) -> None:
        if vanishing:
            vanishing.pop().unlink()

    before = set(psutil.Process().children(recursive=True))
    index(library, SimpleEmbedder(), [folder], PipelineOptions(limits=limits), vanish)
    assert set(psutil.Process().children(recursive=True)) <= before
    assert check(library) == []
    held = set(library.catalog.sources_under(str(folder)))
    reasons = {path: each.reason for path, each in library.catalog.failures_under(str(folder)).items()}
    good = {str(path) for path in (folder / "samples").iterdir()}
    assert good <= held, [(path, reasons.get(path)) for path in good - held]
    assert all(reason.strip() and "\n" not in reason and len(reason) < 300 for reason in reasons.values())
    for sub in ("truncated", "random", "bombs"):
        every = {str(path) for path in (folder / sub).iterdir()}
        assert every <= held | set(reasons), every - held - set(reasons)
    return reasons


def test_every_good_file_is_indexed_and_every_bad_one_has_a_reason(tmp_path: Path) -> None:
    hostile_files.build(tmp_path / "files", cuts=1)
    library = Library(tmp_path / "data")
    reasons = judge(library, tmp_path / "files", LIMITS)
    assert any(len(path) > 3990 for path in library.catalog.sources_under(str(tmp_path)))
    short = {os.path.relpath(path, tmp_path / "files"): reason for path, reason in reasons.items()}
    noise = {name for name in short if name.startswith("random/")}
    assert len(noise) >= len(list((tmp_path / "files" / "random").iterdir())) - 12
    for name, said in {
        "random/heic-empty.heic": "empty",
        "random/svg-noise.svg": "damaged",
        "random/apng-headed.apng": "damaged",
        "bombs/pixels.png": "too large: 60000 x 60000",
        "bombs/laughs.svg": "damaged",
        "bombs/a-hundred-hours.wav": "truncated",
        "not-files/pipe.txt": "not a regular file",
        "not-files/socket.jpg": "not a regular file",
        "not-files/folder.pdf": "folder",
        "not-files/.synesthete-ignore": "not a regular file",
        "names/caf\\xe9.txt": "UTF-8",
    }.items():
        assert said in short[name], (name, short[name])
    assert not {"bombs/pages.pdf", "names/--help.txt", "names/line\nbreak.txt"} & set(short)
    assert not any(name.startswith(("not-files/loop", "not-files/self", "not-files/device")) for name in short)


@pytest.mark.soak
def test_the_whole_corpus(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hostile_files", str(tmp_path / "files"), "--cuts", "120"]
    subprocess.run(command, cwd=ROOT, check=True)
    judge(Library(tmp_path / "data"), tmp_path / "files", ExtractionLimits(seconds=60, memory_megabytes=1024))


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=12)


@pytest.mark.soak
def test_changed_bytes_end_in_pieces_or_a_reason(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    samples = {extension: path.read_bytes() for extension, path in write_samples(folder / "samples").items()}
    with ExtractionWorker(MEDIA, ExtractionLimits(seconds=20, memory_megabytes=1024)) as worker:

        @given(st.sampled_from(sorted(samples)), CHANGES, st.floats(0.05, 1))
        @settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
        def fuzz(extension: str, changes: list[tuple[float, bytes]], kept: float) -> None:
            data = bytearray(samples[extension])
            for place, new in changes:
                at = int(place * len(data))
                data[at : at + len(new)] = new
            path = folder / f"changed.{extension}"
            path.write_bytes(data[: max(1, int(kept * len(data)))] if kept < 0.5 else data)
            try:
                for piece in worker.open(path).pieces:
                    assert piece.text or piece.frames is not None or piece.sound is not None
            except ExtractionError as error:
                said = str(error)
                assert said and "\n" not in said and "crashed" not in said, (extension, said)

        fuzz()
