import itertools
import math
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import ExtractionError
from indexer.extract.audio import windows
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat

from .making import MEDIA, cut_short, pieces_of, tone, write_sound

ENCODINGS = [
    ("a.wav", "pcm_s16le", 44_100, "mono"),
    ("b.wav", "pcm_f32le", 96_000, "stereo"),
    ("c.flac", "flac", 44_100, "stereo"),
    ("d.mp3", "libmp3lame", 44_100, "stereo"),
    ("e.ogg", "vorbis", 44_100, "stereo"),
    ("f.oga", "libopus", 48_000, "mono"),
    ("g.opus", "libopus", 48_000, "stereo"),
    ("h.m4a", "aac", 44_100, "mono"),
    ("i.aac", "aac", 44_100, "mono"),
    ("j.aiff", "pcm_s16be", 22_050, "mono"),
    ("k.aif", "pcm_s16be", 8_000, "mono"),
]


def _write(path: Path, codec: str, rate: int, layout: str, seconds: float) -> Path:
    container = {".oga": "ogg", ".opus": "ogg", ".aac": "adts", ".aif": "aiff", ".m4a": "mp4"}.get(path.suffix)
    return write_sound(path, tone(seconds, rate), codec, rate, layout, container)


def _wav(path: Path, samples: np.ndarray) -> Path:
    return write_sound(path, samples, "pcm_s16le", MEDIA.sample_rate)


def _spans(pieces: list[ExtractedPiece]) -> list[tuple[float, float]]:
    return [(piece.start or 0.0, piece.end or 0.0) for piece in pieces]


def _loudest_hertz(sound: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax() * MEDIA.sample_rate / len(sound))


@pytest.mark.parametrize(("name", "codec", "rate", "layout"), ENCODINGS, ids=[each[0] for each in ENCODINGS])
def test_every_format_is_read(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    pieces = pieces_of(_write(tmp_path / name, codec, rate, layout, 13.0))
    assert [piece.modality for piece in pieces] == ["audio", "audio"]
    assert _spans(pieces)[0] == (0.0, 10.0)
    assert _spans(pieces)[1] == (5.0, pytest.approx(13.0, abs=0.1))
    for piece in pieces:
        assert piece.sound is not None and piece.sound.dtype == np.float32 and piece.sound.ndim == 1
        assert len(piece.sound) == pytest.approx(MEDIA.sample_rate * (piece.end - piece.start), abs=20)
        assert _loudest_hertz(piece.sound) == pytest.approx(440, abs=1)
        assert 0.3 < np.abs(piece.sound).max() <= 1.0


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6)])
def test_loud_channels_are_mixed_down_without_being_cut_off(tmp_path: Path, layout: str, channels: int) -> None:
    rate = MEDIA.sample_rate
    loud = np.tile(0.9 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate).astype(np.float32), (channels, 1))
    with av.open(str(tmp_path / "loud.wav"), "w") as file:
        stream = file.add_stream("pcm_f32le", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(loud.T.reshape(1, -1).copy(), "flt", layout)
        frame.sample_rate = rate
        file.mux([*stream.encode(frame), *stream.encode(None)])
    (piece,) = pieces_of(tmp_path / "loud.wav")
    assert piece.sound is not None and np.abs(piece.sound).max() == pytest.approx(0.9, abs=0.02)


@given(
    samples=st.integers(1, 400),
    chunk=st.integers(1, 90),
    window=st.integers(4, 30),
    share=st.sampled_from([0.25, 0.5, 1.0]),
)
def test_windows_cover_every_sample(samples: int, chunk: int, window: int, share: float) -> None:
    hop = max(1, round(window * share))
    media = MediaFormat(sample_rate=1, window_seconds=window, hop_seconds=hop)
    sound = np.arange(samples, dtype=np.float32)
    found = list(windows((sound[at : at + chunk] for at in range(0, samples, chunk)), media))
    for number, (offset, part) in enumerate(found):
        assert offset == number * hop
        assert np.array_equal(part, sound[offset : offset + len(part)])
    assert all(len(part) == window for _, part in found[:-1])
    offset, last = found[-1]
    assert offset + len(last) == samples
    assert len(last) < window + (hop + 1) // 2 and (len(found) == 1 or len(last) >= window - hop / 2)


def test_a_short_sound_is_one_window(tmp_path: Path) -> None:
    assert _spans(pieces_of(_wav(tmp_path / "a.wav", tone(3.25, MEDIA.sample_rate)))) == [(0.0, 3.25)]


def test_silent_windows_are_left_out_but_a_sound_is_never_without_a_piece(tmp_path: Path) -> None:
    rate = MEDIA.sample_rate
    silence = np.zeros((1, 20 * rate), np.int16)
    path = _wav(tmp_path / "a.wav", np.concatenate([silence, tone(5, rate)], axis=1))
    assert _spans(pieces_of(path)) == [(15.0, 25.0)]
    assert _spans(pieces_of(_wav(tmp_path / "b.wav", silence))) == [(0.0, 10.0)]
    faint = tone(4, rate, amplitude=0.002)
    assert _spans(pieces_of(_wav(tmp_path / "c.wav", np.concatenate([silence, faint], axis=1)))) == [(15.0, 24.0)]


@pytest.mark.parametrize(("name", "codec", "rate", "layout"), ENCODINGS, ids=[each[0] for each in ENCODINGS])
def test_a_span_is_cut_out_where_it_was_asked_for(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    notes = [tone(3, rate, hertz) for hertz in (300, 600, 1200, 2400)]
    container = {".oga": "ogg", ".opus": "ogg", ".aac": "adts", ".aif": "aiff", ".m4a": "mp4"}.get(Path(name).suffix)
    path = write_sound(tmp_path / name, np.concatenate(notes, axis=1), codec, rate, layout, container)
    (piece,) = pieces_of(path, (6.0, 9.0))
    assert (piece.start, piece.end) == (6.0, 9.0)
    assert piece.sound is not None and len(piece.sound) == 3 * MEDIA.sample_rate
    edges = math.ceil(0.1 * MEDIA.sample_rate)
    for part in np.split(piece.sound[edges:-edges], [MEDIA.sample_rate]):
        assert _loudest_hertz(part) == pytest.approx(1200, abs=3)


def test_spans_have_windows_of_their_own_and_end_with_the_file(tmp_path: Path) -> None:
    path = _wav(tmp_path / "a.wav", tone(30, MEDIA.sample_rate))
    assert _spans(pieces_of(path, (7.5, 24.5))) == [(7.5, 17.5), (12.5, 24.5)]
    assert _spans(pieces_of(path, (26.0, 99.0))) == [(26.0, 30.0)]
    for span in [(30.0, 31.0), (45.0, 50.0)]:
        with pytest.raises(ExtractionError, match=r"only 30\.0 s long"):
            pieces_of(path, span)
    for span in [(5.0, 5.0), (5.0, 4.0), (-1.0, 4.0)]:
        with pytest.raises(ExtractionError, match="the span must"):
            pieces_of(path, span)
    for name in ("b.mp3", "c.aac"):  # formats that only guess how long they are
        codec, container = ("libmp3lame", None) if name == "b.mp3" else ("aac", "adts")
        path = write_sound(tmp_path / name, tone(4, 48_000), codec, container=container)
        with pytest.raises(ExtractionError, match=r"only 4\.\d s long"):
            pieces_of(path, (20.0, 25.0))


def test_a_span_of_a_picture_makes_no_sense(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(ExtractionError, match="a span of seconds needs"):
        pieces_of(tmp_path / "a.txt", (0.0, 1.0))


def test_a_very_long_sound_is_cut_off(tmp_path: Path) -> None:
    path = _wav(tmp_path / "a.wav", tone(60, MEDIA.sample_rate))
    pieces = pieces_of(path, limits=ExtractionLimits(media_hours=20 / 3600))
    assert _spans(pieces)[-1] == (10.0, 20.0)


@pytest.mark.parametrize(("name", "share"), list(itertools.product(["a.wav", "c.flac", "h.m4a", "j.aiff"], [0.3, 0.7])))
def test_a_truncated_sound_is_refused(tmp_path: Path, name: str, share: float) -> None:
    codec, rate, layout = next(each[1:] for each in ENCODINGS if each[0] == name)
    whole = _write(tmp_path / f"whole{Path(name).suffix}", codec, rate, layout, 10.0)
    with pytest.raises(ExtractionError, match=r"^(truncated: .* of .* are there|damaged or cut off)"):
        pieces_of(cut_short(whole, tmp_path / name, share))


def test_a_sound_damaged_in_its_middle_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.flac", "flac", 44_100, "mono", 20.0)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = np.random.default_rng(0).bytes(third)
    path.write_bytes(data)
    with pytest.raises(ExtractionError, match=r"^damaged"):
        pieces_of(path)


def test_bytes_named_like_a_sound_are_refused(tmp_path: Path) -> None:
    for name in ("a.wav", "a.mp3", "a.flac", "a.ogg", "a.mp4", "a.mkv"):
        (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(20_000))
        with pytest.raises(ExtractionError, match=r"^damaged"):
            pieces_of(tmp_path / name)


def test_a_playlist_in_disguise_opens_nothing(tmp_path: Path) -> None:
    sound = _wav(tmp_path / "secret.wav", tone(1, MEDIA.sample_rate))
    list_of_one = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{sound}\n#EXT-X-ENDLIST\n"
    for name, content in [("a.mp4", list_of_one), ("b.mp3", f"ffconcat version 1.0\nfile '{sound}'\n")]:
        (tmp_path / name).write_bytes(content.encode() + b"\x01")  # not quite text
        with pytest.raises(ExtractionError, match=r"^damaged"):
            pieces_of(tmp_path / name)
