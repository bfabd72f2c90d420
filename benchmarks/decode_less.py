"""What is gained by decoding no more of a file than its pieces need, and whether the embeddings notice.

    python -m benchmarks.decode_less --cache FOLDER

Each row: a file decoded as `index` does and without one of the short cuts, on one core; the least cosine between the
embeddings of both. Times are seconds of the processor, the least of three. What is gained by taking sound as a stream
is memory above all: the most that arrays of samples held at once is printed below the table.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Literal

import av
import numpy as np
import torch
from PIL import Image
from scipy.signal import resample_poly

from benchmarks.realistic_library import build
from engine.model.embedder import ModelEmbedder
from indexer.extract import frames
from indexer.extract.audio import windows
from indexer.extract.images import still
from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat

_RATE, _MINUTES = 48_000, 5

Pieces = Iterator[ExtractedPiece]


def usual(path: Path, media: MediaFormat) -> Pieces:
    return take_apart(path, media, ExtractionLimits()).pieces


def photograph(path: Path, media: MediaFormat) -> Pieces:
    """Decoded in full: Pillow scales while it decodes only if it is told to before."""
    with Image.open(path) as picture:
        picture.load()
        yield from still(picture, media).pieces


def film(path: Path, media: MediaFormat, passed_over: Literal["NONREF", "NONKEY", "DEFAULT"]) -> Pieces:
    """The moments, which come before the sound."""
    before, frames.PASSED_OVER = frames.PASSED_OVER, passed_over
    try:
        yield from takewhile(lambda piece: piece.modality == "video", usual(path, media))
    finally:
        frames.PASSED_OVER = before


def sound(path: Path, media: MediaFormat) -> Pieces:
    """Decoded as it is, all of it, then mixed down and resampled as a whole."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.rate
        both = np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)
    up, down = Fraction(media.sample_rate, rate).as_integer_ratio()
    mono = resample_poly(both.mean(axis=0), up, down).clip(-1, 1).astype(np.float32)
    for _, window in windows(iter([mono]), media):
        yield ExtractedPiece("audio", sound=window)


def seconds(decode: Callable[[], Pieces]) -> tuple[float, list[ExtractedPiece]]:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        pieces = list(decode())
        best = min(best, time.process_time() - began)
    return best, pieces


def megabytes_held(decode: Callable[[], Pieces]) -> float:
    """The most that Python's objects and arrays hold at once while the pieces come and go."""
    tracemalloc.start()
    for _ in decode():
        pass
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return most


def song(path: Path) -> Path:
    """Minutes of stereo at 48 kHz, as MP3: two voices that slide past each other, and noise."""
    if not path.exists():
        times = np.arange(_RATE * 60 * _MINUTES) / _RATE
        voices = [0.4 * np.sin(2 * np.pi * pitch * times * (1 + times / 3600)) for pitch in (440, 331)]
        both = np.stack(voices) + np.random.default_rng(0).normal(0, 0.02, (2, len(times)))
        frame = av.AudioFrame.from_ndarray(both.astype(np.float32), "fltp", "stereo")
        frame.sample_rate = _RATE
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libmp3lame", rate=_RATE, layout="stereo")
            resampler = av.AudioResampler(stream.format, "stereo", _RATE, frame_size=1152)
            for each in [*resampler.resample(frame), *resampler.resample(None), None]:
                container.mux(stream.encode(each))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="Where generated files are kept.")
    cache: Path = parser.parse_args().cache
    library = cache / "library-0.02"
    if not library.exists():
        build(library, 0.02, cache)
    torch.set_num_threads(1)
    embedder = ModelEmbedder.load("bundled", threads=1)
    media = embedder.media
    picture, clip = library / "pictures" / "IMG_00000.jpg", library / "videos" / "VID_0000.mp4"
    record = song(cache / "song.mp3")
    stream, whole = (lambda: usual(record, media)), (lambda: sound(record, media))
    every: Callable[[], Pieces] = lambda: film(clip, media, "DEFAULT")  # noqa: E731
    rows: list[tuple[str, Callable[[], Pieces], Callable[[], Pieces]]] = [
        (
            "JPEG of 12 megapixels decoded at an eighth of its size",
            lambda: usual(picture, media),
            lambda: photograph(picture, media),
        ),
        (
            "1080p film of 30 s: pictures no other one needs are passed over",
            lambda: film(clip, media, frames.PASSED_OVER),
            every,
        ),
        ("the same, key pictures alone", lambda: film(clip, media, "NONKEY"), every),
        (f"MP3 of {_MINUTES} minutes: mixed down and resampled by the decoder", stream, whole),
    ]
    print("| short cut | with, s | without, s | gain | least cosine |\n| --- | --- | --- | --- | --- |")
    for name, with_it, without_it in rows:
        (fast, some), (slow, all_of_it) = seconds(with_it), seconds(without_it)
        same = min(len(some), len(all_of_it), 6)
        cosines = (embedder.embed(some[:same]) * embedder.embed(all_of_it[:same])).sum(axis=1)
        counts = "" if len(some) == len(all_of_it) else f" ({len(some)} and {len(all_of_it)} pieces)"
        print(f"| {name} | {fast:.3f} | {slow:.3f} | {slow / fast:.1f} | {cosines.min():.4f}{counts} |", flush=True)
    held = [megabytes_held(decode) for decode in (stream, whole)]
    print(f"\nsamples of the MP3 held at most: {held[0]:.0f} MB as a stream, {held[1]:.0f} MB as a whole")


if __name__ == "__main__":
    main()
