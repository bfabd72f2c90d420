"""How long the bundled model takes for one piece, and what batches and cores bring for texts.

    python -m benchmarks.model_speed

Times are of one machine at one moment; compare the ratios. The bare baseline of texts is the backbone alone, on word
pieces that are already cut and padded.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from engine.model.embedder import ModelEmbedder
from indexer.pieces import ExtractedPiece

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "near", "an", "old", "stone", "bridge"]
REPEATS = 15


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some runs, after one to warm up."""
    work()
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def texts(count: int) -> list[ExtractedPiece]:
    """Texts of about a dozen words."""
    return [
        ExtractedPiece("text", text=" ".join(WORDS[(number + i) % 14] for i in range(12))) for number in range(count)
    ]


def main() -> None:
    random = np.random.default_rng(0)
    picture = ExtractedPiece("image", frames=random.integers(0, 255, (1, 224, 224, 3), dtype=np.uint8))
    moment = ExtractedPiece("video", frames=random.integers(0, 255, (4, 224, 224, 3), dtype=np.uint8))
    page = ExtractedPiece("document", text=" ".join(WORDS * 10), frames=picture.frames)
    sound = ExtractedPiece("audio", sound=random.uniform(-0.5, 0.5, 5 * 44_100).astype(np.float32))
    cores = torch.get_num_threads()
    embedder = ModelEmbedder.load("bundled", threads=1)
    print(f"one core, a piece at a time, ms (median of {REPEATS})")
    for name, piece, parts in (
        ("text of 12 words", texts(1)[0], 1),
        ("picture, 224 pixels", picture, 1),
        ("moment of 4 frames", moment, 1),
        ("page of 140 words", page, 1),
        ("sound, for each second", sound, 5),
    ):
        print(f"  {name:24}{milliseconds(lambda piece=piece: embedder.embed([piece])) / parts:8.1f}")
    batch = texts(256)
    prepared = [embedder.prepare(piece) for piece in batch]
    longest = max(len(piece.tokens) for piece in prepared if piece.tokens is not None)
    ids = torch.stack([torch.nn.functional.pad(piece.tokens, (0, longest - len(piece.tokens))) for piece in prepared])
    backbone = embedder.checkpoint.load().backbone
    words = backbone.get_input_embeddings()

    def bare() -> None:
        with torch.inference_mode():
            backbone(inputs_embeds=words(ids), attention_mask=(ids > 0).long())

    print("256 texts in one call, ms for each, and as a multiple of the bare backbone")
    for threads in sorted({1, cores}):
        embedder = ModelEmbedder.load("bundled", threads=threads)
        own, alone = milliseconds(partial(embedder.embed, batch)) / 256, milliseconds(bare) / 256
        print(f"  {threads} threads {own:18.2f}{own / alone:8.2f}")


if __name__ == "__main__":
    main()
