"""What is gained by decoding no more of a file than its pieces need, and whether the embeddings notice.

    python -m benchmarks.decode_less --cache FOLDER

Each row: a file decoded as `index` does and without one of the short cuts, on one core; the least cosine between the
embeddings of both. Times are seconds of the processor, the least of three.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import av
import numpy as np
import torch
import torchaudio.functional
from PIL import Image

from benchmarks.realistic_library import build
from engine.model.embedder import ModelEmbedder
from indexer.extract import frames
from indexer.extract.audio import windows
from indexer.extract.images import still
from indexer.extract.take_apart import take_apart
from indexer.pieces import ExtractedPiece, ExtractionLimits, MediaFormat


def photograph(path: Path, media: MediaFormat) -> list[ExtractedPiece]:
    """Decoded in full: Pillow scales while it decodes only if it is told to before."""
    with Image.open(path) as picture:
        picture.load()
        return list(still(picture, media).pieces)


def film(path: Path, media: MediaFormat, *, passed_over: Literal["NONKEY", "DEFAULT"]) -> list[ExtractedPiece]:
    before, frames.PASSED_OVER = frames.PASSED_OVER, passed_over
    try:
        pieces = take_apart(path, media, ExtractionLimits()).pieces
        return [piece for piece in pieces if piece.modality == "video"]
    finally:
        frames.PASSED_OVER = before


def sound(path: Path, media: MediaFormat) -> list[ExtractedPiece]:
    """Decoded as it is, then mixed down and resampled as a whole."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.rate
        packed = [frame.to_ndarray().reshape(-1, 2) for frame in container.decode(stream)]
    both = torch.from_numpy(np.concatenate(packed).astype(np.float32).T / 32768)
    mono = torchaudio.functional.resample(both.mean(dim=0), rate, media.sample_rate).clamp(-1, 1)
    return [ExtractedPiece("audio", sound=window) for _, window in windows(iter([mono.numpy()]), media)]


def seconds(decode: Callable[[], list[ExtractedPiece]]) -> tuple[float, list[ExtractedPiece]]:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        pieces = decode()
        best = min(best, time.process_time() - began)
    return best, pieces


def stereo(path: Path) -> Path:
    """A minute of the same sound in stereo at 48 kHz."""
    target = path.with_name("stereo.flac")
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = container.add_stream("flac", rate=48_000, layout="stereo")
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=48_000, frame_size=4096)
        for frame in [*source.decode(audio=0), None]:
            for each in resampler.resample(frame):
                container.mux(stream.encode(each))
        container.mux(stream.encode(None))
    return target


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
    song = stereo(next(path for path in (library / "sounds").iterdir() if path.suffix == ".flac"))

    def usual(path: Path) -> list[ExtractedPiece]:
        pieces = list(take_apart(path, media, ExtractionLimits()).pieces)
        return [piece for piece in pieces if piece.modality == "video"] or pieces

    rows: list[tuple[str, Callable[[], list[ExtractedPiece]], Callable[[], list[ExtractedPiece]]]] = [
        ("JPEG of 12 megapixels decoded at an eighth", lambda: usual(picture), lambda: photograph(picture, media)),
        (
            "1080p film: pictures no other one needs are passed over",
            lambda: usual(clip),
            lambda: film(clip, media, passed_over="DEFAULT"),
        ),
        (
            "the same: key pictures alone (films of more than 150,000 megapixels)",
            lambda: film(clip, media, passed_over="NONKEY"),
            lambda: film(clip, media, passed_over="DEFAULT"),
        ),
        ("sound mixed down and resampled by the decoder", lambda: usual(song), lambda: sound(song, media)),
    ]
    print("| short cut | with, s | without, s | gain | least cosine |\n| --- | --- | --- | --- | --- |")
    for name, with_it, without_it in rows:
        (fast, some), (slow, all_of_it) = seconds(with_it), seconds(without_it)
        same = min(len(some), len(all_of_it), 6)
        cosines = (embedder.embed(some[:same]) * embedder.embed(all_of_it[:same])).sum(axis=1)
        counts = "" if len(some) == len(all_of_it) else f" ({len(some)} and {len(all_of_it)} pieces)"
        print(f"| {name} | {fast:.3f} | {slow:.3f} | {slow / fast:.1f} | {cosines.min():.4f}{counts} |", flush=True)


if __name__ == "__main__":
    main()
