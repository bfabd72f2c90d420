"""When a file was made, as it says itself: read in the worker, through the pipeline, into the catalog."""

from datetime import UTC, datetime
from pathlib import Path

import av
import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from indexer.extract.recorded import moment
from indexer.extract.sandbox import ExtractionWorker
from indexer.extract.take_apart import take_apart
from indexer.pipeline import PipelineOptions, index
from storage.library import Library
from tests.indexer.simple_embedder import SimpleEmbedder

from .making import LIMITS, MEDIA, tone, write_sound, write_video

NOON = datetime(2020, 1, 31, 12, tzinfo=UTC).timestamp()
LOCAL_NOON = datetime(2020, 1, 31, 12).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020:01:31 12:00:00", LOCAL_NOON),
        ("2020:01:31 14:00:00+02:00", NOON),
        ("2020-01-31T12:00:00.000000Z", NOON),
        ("2020-01-31T04:00:00-0800", NOON),
        ("D:20200131130000+01'00'", NOON),
        ("D:20200131120000Z", NOON),
        ("20200131120000", LOCAL_NOON),
        ("2020-01-31", datetime(2020, 1, 31).timestamp()),
        ("1958-06-01 10:00:00", datetime(1958, 6, 1, 10).timestamp()),
    ],
)
def test_dates_as_files_write_them(text: str, expected: float) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "1904-01-01T00:00:00Z",
        "1970-01-01",
        "2020",
        "2020-13-40",
        "soon",
    ],
)
def test_what_is_no_date_says_nothing(text: str) -> None:
    assert moment(text) is None


@given(st.text(max_size=40) | st.text("0123456789:-+ TZD'", max_size=30))
def test_no_text_is_an_error(text: str) -> None:
    assert moment(text) is None or isinstance(moment(text), float)


def recorded(path: Path) -> float | None:
    return take_apart(path, MEDIA, LIMITS).recorded


def photograph(path: Path, **tags: str) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"  # without any such tag, some formats are written without EXIF data
    for name, value in tags.items():
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    Image.new("RGB", (40, 30), "red").save(path, exif=exif)
    return path


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_a_photograph_says_when_it_was_taken(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    assert recorded(photograph(path, DateTimeOriginal="2020:01:31 12:00:00")) == LOCAL_NOON
    assert recorded(photograph(path, DateTimeOriginal="2020:01:31 14:00:00", OffsetTimeOriginal="+02:00")) == NOON
    assert recorded(photograph(path, DateTimeDigitized="2020:01:31 12:00:00")) == LOCAL_NOON
    assert recorded(photograph(path, DateTimeOriginal="0000:00:00 00:00:00")) is None
    assert recorded(photograph(path)) is None


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # Pillow's, about the damage
def test_damaged_exif_costs_the_date_and_not_the_picture(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg", DateTimeOriginal="2020:01:31 12:00:00")
    data = path.read_bytes()
    start = data.index(b"Exif\0\0")
    for at in range(start + 6, start + 60, 3):
        path.write_bytes(data[:at] + b"\xff\xff\xff" + data[at + 3 :])
        extraction = take_apart(path, MEDIA, LIMITS)
        assert len(list(extraction.pieces)) == 1


def _tagged(path: Path, source: Path, **tags: str) -> Path:
    """A copy of a recording with these tags on the container."""
    with av.open(str(source)) as read, av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as written:
        written.metadata.update({name.replace("__", "."): value for name, value in tags.items()})
        tracks = {stream.index: written.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = tracks[packet.stream.index]
                written.mux(packet)
    return path


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv"])
def test_a_film_says_when_it_was_recorded(tmp_path: Path, extension: str) -> None:
    plain = write_video(tmp_path / f"plain.{extension}", seconds=1.0, cuts=())
    assert recorded(plain) is None
    film = _tagged(tmp_path / f"a.{extension}", plain, creation_time="2020-01-31T12:00:00.000000Z")
    assert recorded(film) == NOON


def test_a_telephone_s_own_time_goes_before_the_container_s(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mov", seconds=1.0, cuts=())
    tags = {"com__apple__quicktime__creationdate": "2020-01-31T14:00:00+0200", "creation_time": "2021-05-05T00:00:00Z"}
    assert recorded(_tagged(tmp_path / "a.mov", plain, **tags)) == NOON


def test_a_year_of_publication_is_no_time_of_recording(tmp_path: Path) -> None:
    plain = write_sound(tmp_path / "plain.flac", tone(1, 48_000), "flac")
    assert recorded(_tagged(tmp_path / "a.flac", plain, date="1999-01-01")) is None
    assert recorded(_tagged(tmp_path / "b.flac", plain, creation_time="2020-01-31T12:00:00Z")) == NOON


def test_a_document_says_when_it_was_written(tmp_path: Path) -> None:
    for name, metadata, expected in (("a", {"creationDate": "D:20200131130000+01'00'"}, NOON), ("b", {}, None)):
        with pymupdf.open() as document:
            document.new_page().insert_text((72, 72), "hello")
            document.set_metadata(metadata)
            document.save(tmp_path / f"{name}.pdf")
        assert recorded(tmp_path / f"{name}.pdf") == expected


def test_the_date_reaches_the_catalog_and_goes_with_a_renamed_and_a_copied_file(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    path = photograph(folder / "a.jpg", DateTimeOriginal="2020:01:31 12:00:00")
    with ExtractionWorker(MEDIA, LIMITS) as worker:
        extraction = worker.open(path)
        assert extraction.recorded == LOCAL_NOON and len(list(extraction.pieces)) == 1
    library, embedder = Library(tmp_path / "data"), SimpleEmbedder()

    def dates() -> dict[str, int | None]:
        index(library, embedder, [folder], PipelineOptions(workers=1))
        held = library.catalog.sources_under(str(folder))
        return {Path(name).name: held[name].source.recorded_ns for name in held}

    when = int(LOCAL_NOON * 1e9)
    assert dates() == {"a.jpg": when}
    (folder / "copy.jpg").write_bytes(path.read_bytes())
    path.rename(folder / "b.jpg")
    assert dates() == {"b.jpg": when, "copy.jpg": when}
    photograph(folder / "b.jpg")
    assert dates() == {"b.jpg": None, "copy.jpg": when}
    library.close()
