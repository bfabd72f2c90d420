from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from indexer.errors import ExtractionError
from indexer.extract.take_apart import take_apart

from .making import LIMITS, MEDIA, pieces_of, scenery, tone, write_sound, write_video


def test_a_video_gives_its_moments_and_then_its_soundtrack(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros((1, 48_000 * 2), np.int16), tone(4, 48_000)], axis=1)
    path = write_video(tmp_path / "a.mp4", sound=("aac", sound))
    extraction = take_apart(path, MEDIA, LIMITS)
    assert extraction.kind == "video" and extraction.duration == pytest.approx(6.0, abs=0.1)
    pieces = list(extraction.pieces)
    assert [piece.modality for piece in pieces] == ["video", "video", "video", "audio"]
    heard = pieces[-1]
    assert heard.start == 0.0 and heard.end == pytest.approx(6.0, abs=0.1) and heard.sound is not None
    rate = MEDIA.sample_rate
    assert np.abs(heard.sound[: round(1.9 * rate)]).max() < 0.01 < 0.4 < np.abs(heard.sound[3 * rate :]).max()


def test_a_silent_soundtrack_gives_no_pieces(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", sound=("libopus", np.zeros((1, 48_000 * 6), np.int16)))
    assert {piece.modality for piece in pieces_of(path)} == {"video"}


def test_a_video_file_without_pictures_is_a_sound(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp4", tone(3, 48_000), "aac")
    assert take_apart(path, MEDIA, LIMITS).kind == "audio"
    assert [piece.modality for piece in pieces_of(path)] == ["audio"]


def test_the_picture_on_a_cover_is_no_video(tmp_path: Path) -> None:
    plain = write_sound(tmp_path / "plain.mp3", tone(3, 48_000), "libmp3lame")
    path = tmp_path / "a.mp3"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        track = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 160, 120, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(scenery(1)[0], format="rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        target.mux([*cover.encode(frame.reformat(format="yuvj420p")), *cover.encode(None)])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = track
                target.mux(packet)
    with av.open(str(path)) as written:
        assert len(written.streams.video) == 1
    assert take_apart(path, MEDIA, LIMITS).kind == "audio"
    assert [piece.modality for piece in pieces_of(path)] == ["audio"]


def test_a_sound_file_with_pictures_is_a_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "b.mp4", sound=("aac", tone(6, 48_000))).rename(tmp_path / "a.m4a")
    assert take_apart(path, MEDIA, LIMITS).kind == "video"


def test_a_span_of_a_video_covers_both(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", sound=("aac", tone(6, 48_000)))
    pieces = pieces_of(path, (2.5, 5.5))
    assert [piece.modality for piece in pieces] == ["video", "video", "audio"]
    assert pieces[0].start == 2.5 and pieces[0].end == pytest.approx(4.0, abs=0.3)
    assert [(piece.start, piece.end) for piece in pieces[1:]] == [(pieces[0].end, 5.5), (2.5, 5.5)]
    with pytest.raises(ExtractionError, match=r"only 6\.\d s long"):
        pieces_of(path, (7.0, 8.0))
