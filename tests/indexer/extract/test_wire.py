import io
import json
import struct

import numpy as np
import pytest

from indexer.extract.melody import HIGHEST_CODE, VOICES
from indexer.extract.wire import (
    WireError,
    read_message,
    read_piece,
    read_segment,
    write_message,
    write_piece,
    write_segment,
)
from indexer.pieces import ExtractedPiece
from storage.records import TextSegment


def _through(piece: ExtractedPiece) -> ExtractedPiece:
    channel = io.BytesIO()
    write_piece(channel.write, piece)
    channel.seek(0)
    found = read_piece(channel.read, read_message(channel.read))
    assert channel.read() == b""
    return found


def test_pieces_arrive_as_they_were_sent() -> None:
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (2, 8, 9, 3), dtype=np.uint8)
    sound = random.standard_normal(100).astype(np.float32)
    melody = random.integers(0, HIGHEST_CODE + 1, (40, VOICES), dtype=np.uint8)
    found = _through(ExtractedPiece("video", "naïve 🦉\n", frames, sound, 0.1, 2.5, 3, melody))
    assert (found.modality, found.text, found.start, found.end, found.page) == ("video", "naïve 🦉\n", 0.1, 2.5, 3)
    assert found.frames is not None and found.frames.dtype == np.uint8 and np.array_equal(found.frames, frames)
    assert found.sound is not None and found.sound.dtype == np.float32 and np.array_equal(found.sound, sound)
    assert found.melody is not None and found.melody.dtype == np.uint8 and np.array_equal(found.melody, melody)
    assert _through(ExtractedPiece("text", text="")) == ExtractedPiece("text", text="")


def test_an_array_that_does_not_lie_in_one_piece_is_sent_whole() -> None:
    frames = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)[:, ::-1, ::2]
    found = _through(ExtractedPiece("image", frames=frames))
    assert np.array_equal(found.frames, frames)


@pytest.mark.parametrize(
    "message",
    [
        {"piece": {"modality": "text"}, "arrays": {"frames": [2**20, 2**20, 3]}},
        {"piece": {"modality": "text"}, "arrays": {"frames": [-1, 5]}},
        {"piece": {"modality": "text"}, "arrays": {"weights": [5]}},
        {"piece": {"modality": "text"}, "arrays": {"sound": "5"}},
        {"piece": {"modality": "text", "surprise": 1}, "arrays": {}},
        {"piece": {"modality": "text"}},
        {"piece": {"modality": "audio"}, "arrays": {"melody": []}},
        {"piece": {"modality": "audio"}, "arrays": {"melody": [0]}},
        {"piece": {"modality": "audio"}, "arrays": {"melody": [0, VOICES + 1]}},
        {"piece": {"modality": "audio", "melody": 5}, "arrays": {}},
        {"piece": {"modality": "smell"}, "arrays": {}},
        {"piece": {"modality": "text", "text": 5}, "arrays": {}},
        {"piece": {"modality": "text", "text": "", "start": float("nan")}, "arrays": {}},
        {"piece": {"modality": "text", "text": "", "end": "5"}, "arrays": {}},
        {"piece": {"modality": "text", "text": "", "page": 1.5}, "arrays": {}},
        {"piece": {"modality": "text", "text": "", "page": 10**30}, "arrays": {}},
    ],
)
def test_a_piece_that_makes_no_sense_is_refused(message: dict[str, object]) -> None:
    channel = io.BytesIO()
    write_message(channel.write, message)
    channel.seek(0)
    with pytest.raises(WireError):
        read_piece(channel.read, read_message(channel.read))


def test_a_melody_with_a_pitch_that_is_none_is_refused() -> None:
    with pytest.raises(WireError):
        _through(ExtractedPiece("audio", melody=np.full((2, VOICES), HIGHEST_CODE + 1, np.uint8)))


def test_words_with_half_a_character_arrive_without_it() -> None:
    assert _through(ExtractedPiece("text", text="naïve \ud800 \udcff")).text == "naïve ? ?"
    channel = io.BytesIO()
    write_segment(channel.write, TextSegment("naïve \ud800", "subtitle"))
    channel.seek(0)
    assert read_segment(read_message(channel.read)) == TextSegment("naïve ?", "subtitle")


@pytest.mark.parametrize("header", [b"not json", json.dumps([1]).encode(), b"\xff\xfe", b"[" * 200_000])
def test_a_header_that_makes_no_sense_is_refused(header: bytes) -> None:
    with pytest.raises(WireError):
        read_message(io.BytesIO(struct.pack(">I", len(header)) + header).read)
    with pytest.raises(WireError):
        read_message(io.BytesIO(struct.pack(">I", 2**32 - 1)).read)
