"""The sample library is what its tables say: complete, readable, small, and the same on every run."""

import csv
import hashlib
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from storage.records import MODALITIES
from tests.sample_library import DEMO_QUERIES, IMAGES, ITEMS, QUERIES, ROTATED_IMAGE, THEMES, Item, build, build_queries
from tests.sample_media import SAMPLES, open_document, picture

FORMATS = (
    *(".txt", ".md", ".html", ".py", ".csv", ".pdf", ".epub"),
    *(".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff"),
    *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"),
    *(".mp4", ".mkv", ".webm", ".mov", ".avi"),
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("queries")
    build_queries(folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files(folder).items()}


def sound_of(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 44_100)
        parts = [ready.to_ndarray()[0] for frame in container.decode(audio=0) for ready in resampler.resample(frame)]
    return np.concatenate(parts)


def test_every_file_is_listed_and_every_format_present(library: Path) -> None:
    assert set(files(library)) == {item.path for item in ITEMS}
    assert {Path(name).suffix for name in files(library)} == set(FORMATS)


def test_small_enough_to_ship_and_index(library: Path) -> None:
    assert sum(len(content) for content in files(library).values()) < 10_000_000
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 6_000_000


def test_the_same_bytes_on_every_run(library: Path, questions: Path, tmp_path: Path) -> None:
    before = digests(library), digests(questions)
    build(tmp_path / "library")
    build_queries(tmp_path / "queries")
    assert (digests(tmp_path / "library"), digests(tmp_path / "queries")) == before


def test_enough_sources_of_each_modality_that_a_high_rank_is_no_luck() -> None:
    sources = {kind: len({(item.path, item.page) for item in ITEMS if item.kind == kind}) for kind in MODALITIES}
    assert all(count >= 10 for count in sources.values()), sources
    assert len(THEMES) >= 10


def test_every_pair_of_modalities_is_asked_once_and_has_its_answer(library: Path, questions: Path) -> None:
    assert sorted((query.asks, query.answers) for query in QUERIES) == sorted(
        (asks, answers) for asks in MODALITIES for answers in MODALITIES
    )
    for query in QUERIES:
        assert (query.words is None) != (query.file is None)
        assert (query.words is None) == (query.asks != "text")
        assert query.target in ITEMS
        assert (library / query.target.path).is_file()
        rivals = [item for item in ITEMS if item.kind == query.answers and item.theme == query.target.theme]
        assert rivals == [query.target]
    asked = {query.file for query in QUERIES if query.file}
    assert asked == set(files(questions))
    assert {demo.file for demo in DEMO_QUERIES if demo.file} <= asked
    assert len(DEMO_QUERIES) == 6


def test_no_question_is_in_the_library(library: Path, questions: Path) -> None:
    assert not set(digests(library).values()) & set(digests(questions).values())


@pytest.mark.parametrize("path", sorted({item.path for item in ITEMS if item.kind == "image"}))
def test_pictures_open(library: Path, path: str) -> None:
    with Image.open(library / path) as image:
        image.load()
        assert np.asarray(image.convert("RGB")).std() > 10


def test_the_rotated_picture_is_upright_only_when_its_orientation_is_followed(library: Path) -> None:
    with Image.open(library / ROTATED_IMAGE) as stored:
        assert stored.getexif()[0x0112] == 6
        assert stored.width > stored.height
        upright = ImageOps.exif_transpose(stored).convert("L")
    _, name, tint = IMAGES[ROTATED_IMAGE]
    original = picture(name, tint).convert("L")
    assert upright.size == original.size
    assert np.corrcoef(np.asarray(upright).ravel(), np.asarray(original).ravel())[0, 1] > 0.9


@pytest.mark.parametrize("item", [item for item in ITEMS if item.kind == "audio"], ids=lambda item: item.path)
def test_sounds_open_and_are_heard(library: Path, item: Item) -> None:
    sound = sound_of(library / item.path)
    assert 2 < len(sound) / 44_100 < 31
    assert 0.3 < np.abs(sound).max() <= 1.0
    if item.start is not None and item.end is not None:
        first, last = round(item.start * 44_100), round(item.end * 44_100)
        elsewhere = np.concatenate([sound[:first], sound[last:]])
        assert sound[first:last].std() > 3 * elsewhere.std()


@pytest.mark.parametrize("path", sorted({item.path for item in ITEMS if item.kind == "video"}))
def test_videos_open_with_cuts_where_the_tables_say(library: Path, path: str) -> None:
    with av.open(str(library / path)) as container:
        frames = [(frame.time, frame.to_ndarray(format="gray").astype(int)) for frame in container.decode(video=0)]
    scenes = [item for item in ITEMS if item.path == path]
    assert frames[-1][0] == pytest.approx(scenes[-1].end, abs=0.3)
    changes = [(np.abs(b - a).mean(), time) for (_, a), (time, b) in pairwise(frames)]
    cuts = sorted(time for _, time in sorted(changes)[-(len(scenes) - 1) :])
    assert cuts == pytest.approx([scene.start for scene in scenes[1:]], abs=0.15)
    # The file has a soundtrack, and one that ends with the pictures at the latest.
    assert len(sound_of(library / path)) / 44_100 <= frames[-1][0] + 0.5


@pytest.mark.parametrize("path", sorted({item.path for item in ITEMS if item.kind == "document"}))
def test_documents_have_a_page_for_every_item(library: Path, path: str) -> None:
    with open_document(library / path) as document:
        texts = [page.get_text() for page in document]
        pictures = [bool(page.get_images()) for page in document] if path.endswith("pdf") else []
    assert len(texts) == len([item for item in ITEMS if item.path == path])
    if path.endswith("scan_1987.pdf"):
        assert texts == [""]
        assert pictures == [True]
    else:
        assert all(len(text) > 150 for text in texts)


def test_one_page_of_prose_has_a_picture(library: Path) -> None:
    with open_document(library / "Documents/field-guide.pdf") as document:
        assert [bool(page.get_images()) for page in document] == [False, True, False, False, False]


def test_origin_and_licence_of_every_original_are_written_down() -> None:
    with (SAMPLES / "SOURCES.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert set(rows[0]) == {"file", "package", "origin", "title", "licence"}
    shipped = {str(path.relative_to(SAMPLES)) for name in ("pictures", "sounds") for path in (SAMPLES / name).iterdir()}
    assert {row["file"] for row in rows} == shipped
    assert len(rows) == len(shipped)
    assert {row["licence"] for row in rows} == {"public domain", "CC0-1.0"}
    assert all(row["package"] and row["origin"] and row["title"] for row in rows)
