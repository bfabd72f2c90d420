"""A library embedded anew: the old answers until the new ones are complete, then a switch in one step."""

import shutil
from pathlib import Path

import pytest

from indexer.pipeline import IndexSummary, PipelineOptions, Progress, index
from indexer.reembed import reembed, reembedding
from storage import generations
from storage.check import check
from storage.library import Library
from storage.records import PieceFilter
from tests.indexer.simple_embedder import SimpleEmbedder
from tests.indexer.test_keep_up import UNPRIVILEGED
from tests.indexer.test_pipeline import folder, pieces  # noqa: F401
from tests.indexer.test_plan import run_program

OLD, NEW, THIRD = (SimpleEmbedder(dimension, name) for dimension, name in ((32, "old"), (24, "new"), (32, "third")))


@pytest.fixture
def data(tmp_path: Path, folder: Path) -> Path:  # noqa: F811
    library = Library(tmp_path / "data")
    index(library, OLD, [folder], PipelineOptions(model_name="old model"))
    library.close()
    return tmp_path / "data"


def change(data: Path, embedder: SimpleEmbedder, *paths: Path, stop_after: int = 1000) -> IndexSummary | None:
    library = Library(data)

    def stop(progress: Progress) -> None:
        if progress.done == stop_after:
            raise KeyboardInterrupt

    try:
        return reembed(library, embedder, paths, PipelineOptions(batch=1, model_name="new model"), stop)
    except KeyboardInterrupt:
        return None
    finally:
        library.close()


def model_of(data: Path) -> tuple[str, int] | None:
    library = Library(data)
    try:
        assert check(library) == []
        return library.catalog.model()
    finally:
        library.close()


def files_in(data: Path) -> set[str]:
    return {path.name for path in data.iterdir()} - {"catalog.sqlite-wal", "catalog.sqlite-shm"}


def test_the_new_model_answers_when_all_is_embedded_and_the_old_files_are_gone(
    data: Path,
    folder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    before = Library(data)
    summary = change(data, NEW)
    assert summary is not None and summary.model_changed and (summary.indexed, summary.failed) == (8, ())
    assert not before.is_current()
    assert model_of(data) == ("new-24", 24)
    assert files_in(data) == {"generation-2", "writer.lock"}
    library, direct = Library(data), Library(tmp_path / "direct")
    assert library.catalog.model_name() == "new model"
    index(direct, NEW, [folder], PipelineOptions())
    assert pieces(library) == pieces(direct)
    # What somebody still holds of the old one is not taken for something in the new one.
    old_ids = before.catalog.matching_pieces(PieceFilter())["text"]
    assert library.catalog.locate(old_ids) == {}


def test_until_then_the_old_one_answers_and_the_next_run_goes_on(data: Path) -> None:
    assert change(data, NEW, stop_after=3) is None
    library = Library(data)
    assert library.catalog.model() == ("old-32", 32) and len(pieces(library)) == 8 and check(library) == []
    state = reembedding(library)
    assert state is not None and (state.fingerprint, state.done, state.total) == ("new-24", 3, 8)
    library.close()
    summary = change(data, NEW)
    assert summary is not None and (summary.indexed, summary.unchanged) == (5, 3)
    assert model_of(data) == ("new-24", 24)
    library = Library(data)
    assert reembedding(library) is None


def test_a_third_model_starts_anew(data: Path) -> None:
    change(data, NEW, stop_after=3)
    summary = change(data, THIRD)
    assert summary is not None and summary.indexed == 8
    assert model_of(data) == ("third-32", 32)


def test_one_change_after_another(data: Path) -> None:
    change(data, NEW)
    change(data, THIRD)
    assert model_of(data) == ("third-32", 32)
    assert files_in(data) == {"generation-3", "writer.lock"}


def test_more_paths_may_come_in_with_the_change(data: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "note.txt").write_text("One more note.")
    summary = change(data, NEW, tmp_path / "more")
    assert summary is not None and summary.indexed == 9
    library = Library(data)
    assert set(library.catalog.roots()) == {str(tmp_path / "more"), str(tmp_path / "files")}


def test_a_root_that_is_not_mounted_keeps_the_old_answers_until_it_is_back(
    data: Path,
    folder: Path,  # noqa: F811
) -> None:
    away = folder.with_name("away")
    folder.rename(away)
    summary = change(data, NEW)
    assert summary is not None and not summary.model_changed
    (failure,) = summary.failed
    assert failure.path == str(folder) and "8 files" in failure.reason and "forget" in failure.reason
    assert model_of(data) == ("old-32", 32)
    away.rename(folder)
    summary = change(data, NEW)
    assert summary is not None and summary.model_changed and summary.indexed == 8


CLOSED = """
import sys
from pathlib import Path
from indexer.pipeline import PipelineOptions
from indexer.reembed import reembed
from storage.library import Library
from tests.indexer.test_reembed import NEW
data, folder = map(Path, sys.argv[1:])
folder.parent.chmod(0)
try:
    summary = reembed(Library(data), NEW, [], PipelineOptions(), lambda progress: None)
finally:
    folder.parent.chmod(0o700)
assert not summary.model_changed and "8 files" in summary.failed[0].reason, summary
"""


def test_so_does_one_in_a_folder_that_is_closed(data: Path, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "above").mkdir()
    library = Library(data)
    library.catalog.forget(str(folder))
    moved = folder.rename(tmp_path / "above" / "files")
    index(library, OLD, [moved], PipelineOptions())
    library.close()
    run_program(CLOSED, data, moved, within=UNPRIVILEGED)
    assert model_of(data) == ("old-32", 32)


def test_what_is_forgotten_or_deleted_during_the_change_does_not_come_back(
    data: Path,
    folder: Path,  # noqa: F811
) -> None:
    other = folder.with_name("other")
    shutil.copytree(folder / "sub", other)
    library = Library(data)
    index(library, OLD, [other], PipelineOptions())
    library.close()
    change(data, NEW, stop_after=10)
    (folder / "picture1.png").unlink()
    library = Library(data)
    library.catalog.forget(str(other))
    library.close()
    change(data, NEW)
    library = Library(data)
    assert set(library.catalog.roots()) == {str(folder)}
    assert {Path(path).parent for path in pieces(library)} == {folder, folder / "sub"} and len(pieces(library)) == 7


def test_a_single_file_that_is_gone_does_not_hold_up_the_change(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "single.txt"
    file.write_text("A single file.")
    library = Library(data)
    index(library, OLD, [file], PipelineOptions())
    library.close()
    file.unlink()
    summary = change(data, NEW)
    assert summary is not None and summary.model_changed
    library = Library(data)
    assert str(file) not in library.catalog.roots()


def test_a_next_generation_that_cannot_be_read_is_started_anew(data: Path) -> None:
    change(data, NEW, stop_after=3)
    (generations.unfinished(data) / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
    for name in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
        (generations.unfinished(data) / name).unlink(missing_ok=True)
    summary = change(data, NEW)
    assert summary is not None and summary.indexed == 8
