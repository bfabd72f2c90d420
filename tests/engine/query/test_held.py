"""Files that are asked with and that the library holds: they are not read again, and find the same."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pptx
import psutil
import pytest

from engine import SearchEngine
from engine.model.spaces import Asking
from engine.query.embed_query import PartVector, embed_query
from engine.query.held import content_of, same_source, source_at
from engine.query.query import LikeFile, Query
from indexer.decoders import Decoders
from indexer.fingerprint import content_hash
from indexer.pieces import ExtractionLimits
from storage.catalog import Catalog
from tests.conftest import Samples

FILES = (
    "Pictures/IMG_2041.jpg", "Sounds/recording-12.mp3", "Documents/scan_1987.pdf", "Notes/soup.md",
    "Videos/VID_0007.mp4",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(samples: Samples) -> Iterator[SearchEngine]:
    with SearchEngine.open(samples.program.data) as engine:
        yield engine


def decoders() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "indexer.extract.worker" in child.cmdline()]


def parts(engine: SearchEngine, like: LikeFile, catalog: Catalog) -> list[PartVector]:
    model = engine._embedder_of(engine.catalog)
    with Decoders(model.media, ExtractionLimits()) as own:
        found = embed_query(Query((like,)), Asking(model), own, catalog)
    return [part for reading in found for part in reading]


def readings(engine: SearchEngine, like: LikeFile, catalog: Catalog) -> list[tuple[str, list[float]]]:
    return [(part.modality, part.vector.tolist()) for part in parts(engine, like, catalog)]


@pytest.fixture
def empty(tmp_path: Path) -> Catalog:
    (tmp_path / "empty").mkdir()
    return Catalog(tmp_path / "empty")


@pytest.mark.parametrize("name", FILES)
def test_what_is_held_of_a_file_is_what_reading_it_gives(
    engine: SearchEngine, samples: Samples, empty: Catalog, name: str
) -> None:
    like = LikeFile(samples.library / name)
    held, read = readings(engine, like, engine.catalog), readings(engine, like, empty)
    assert [kind for kind, _ in held] == [kind for kind, _ in read] != []
    for (_, one), (_, other) in zip(held, read, strict=True):
        assert 1 - np.dot(one, other) < 1e-5


def test_a_page_is_the_one_that_reading_gives(engine: SearchEngine, samples: Samples, empty: Catalog) -> None:
    guide = samples.library / "Documents" / "field-guide.pdf"
    pages = [readings(engine, LikeFile(guide, page=page), engine.catalog)[0][1] for page in (1, 2)]
    assert np.dot(*pages) < 0.999
    assert 1 - np.dot(pages[1], readings(engine, LikeFile(guide, page=2), empty)[0][1]) < 1e-5
    with pytest.raises(Exception, match="there is no page 99"):
        engine.search(like=[f"{guide}#99"])


def test_a_slide_of_several_passages_is_asked_with_whole(engine: SearchEngine, tmp_path: Path, empty: Catalog) -> None:
    slides, files = pptx.Presentation(), tmp_path / "files"
    files.mkdir()
    for text in ("A first slide about lighthouses. ", "Rhubarb and gooseberries in a garden. ", "The end. "):
        box = slides.slides.add_slide(slides.slide_layouts[6]).shapes.add_textbox(0, 0, 9_000_000, 9_000_000)
        box.text_frame.text = text * 40 + "A harbour at night. " * 60
    slides.save(str(files / "talk.pptx"))
    with SearchEngine.open(tmp_path / "data") as other:
        other._models = engine._models  # loaded once
        other.index(files)
        assert len([piece for piece in other.catalog.pieces_of([1]) if piece.page == 2]) > 1
        like = LikeFile(files / "talk.pptx", page=2)
        ((_, held),), ((_, read),) = readings(other, like, other.catalog), readings(other, like, empty)
        assert 1 - np.dot(held, read) < 1e-5


def test_what_is_written_on_a_page_is_known_held_or_not(engine: SearchEngine, samples: Samples, empty: Catalog) -> None:
    like = LikeFile(samples.library / "Documents" / "field-guide.pdf", page=2)
    (held,), (read,) = parts(engine, like, engine.catalog), parts(engine, like, empty)
    assert held.text == read.text and "mushroom" in held.text
    (scan,) = parts(engine, LikeFile(samples.library / "Documents" / "scan_1987.pdf"), engine.catalog)
    assert scan.text == ""


def test_a_file_of_the_library_and_a_copy_of_it_start_no_decoder(
    engine: SearchEngine, samples: Samples, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.jpg"
    shutil.copyfile(samples.library / FILES[0], copy)
    before = decoders()
    with SearchEngine.open(samples.program.data) as other:
        other._models = engine._models  # loaded once
        answers = [other.search(like=[path]).hits for path in (samples.library / FILES[0], copy)]
        assert answers[0] == answers[1] and FILES[0] not in str(answers[0]) and decoders() == before
        for name in ("mushroom.jpg", "penguin.png"):
            assert other.search(like=[samples.queries / name]).hits
            (kept,) = set(decoders()) - set(before)  # the same one for both
    assert not kept.is_running()


def test_what_has_changed_is_read_again(engine: SearchEngine, samples: Samples, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    path = files / "picture.jpg"
    shutil.copyfile(samples.library / FILES[0], path)
    with SearchEngine.open(tmp_path / "data") as other:
        other._models = engine._models
        other.index(files)
        catalog = other.catalog
        held = source_at(path, catalog)
        assert held is not None and same_source(path, catalog) == held
        assert content_of(path, catalog) == content_hash(path)
        os.utime(path, ns=(1, 1))  # the bytes are the same
        assert source_at(path, catalog) is None and same_source(path, catalog) == held
        shutil.copyfile(samples.queries / "mushroom.jpg", path)
        assert same_source(path, catalog) is None and content_of(path, catalog) == content_hash(path)
        path.rename(files / "picture.txt")
        shutil.copyfile(samples.library / FILES[0], files / "picture.txt")  # read as a text it would be another thing
        assert same_source(files / "picture.txt", catalog) is None
        assert same_source(files / "gone.jpg", catalog) is None
