"""What a text query costs beside its two unavoidable parts: embedding the words, and FAISS going through the vectors.

    python -m benchmarks.search [--pieces 100000] [--data FOLDER] [--rounds 200] [--json FILE]

A real library (SQLite catalog, vector index) of synthetic pieces: files whose pieces lie close to each other, in
clusters, five modalities, films of many moments; texts of sixty words as frequent as words are (Zipf), those of the
questions among them. The model is the bundled one, loaded before the clock runs. Each round takes a query never asked
before and times, in turns, the bare parts one after the other (``embed`` of the words, and one search for ten
neighbours in one FAISS index of all the same vectors, stored the same way) and ``SearchEngine.search`` for the same
words, so that each finds the processor's caches as the other left them. The model and FAISS have one thread each, which
is all that FAISS has for one query; a search has several queries for it, one a modality, and asks them in several
threads. Beside the time that passed, which alone is what a user waits for, stand the processor time of the thread that
asks and that of all threads. With ``--data`` the library is kept there, and used again when it is there already.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.model.embedder import ModelEmbedder
from engine.search_engine import SearchEngine
from engine.settings import ModelSettings, Settings
from indexer.pieces import ExtractedPiece
from storage.library import Library
from storage.records import FileState, Modality, Piece, Source

# Of a hundred pieces, how many are of each modality, and how many of them one file holds.
SHARES: dict[Modality, tuple[int, int]] = {
    "text": (30, 3), "image": (30, 1), "video": (15, 30), "audio": (10, 10), "document": (15, 15),
}  # fmt: skip
CLUSTERS = 200
NEIGHBOURS = 10
SUBJECTS = (
    "harbour",
    "lighthouse",
    "market",
    "violin",
    "storm",
    "garden",
    "bicycle",
    "bakery",
    "glacier",
    "owl",
    "train",
)
SCENES = ("at night", "in the rain", "seen from above", "with two children", "on an old wall", "before the concert")
WORDS, WORDS_A_TEXT = 20_000, 60

Result = TypeVar("Result")


@dataclass(frozen=True)
class Timing:
    """Milliseconds: the median, what one query in twenty takes longer than, and medians of processor time: of the
    thread that asks, and of all threads."""

    p50: float
    p95: float
    asking: float
    processor: float

    @classmethod
    def of(cls, took: Sequence["Took"]) -> "Timing":
        passed, asking, processor = 1000 * np.array([(each.passed, each.asking, each.processor) for each in took]).T
        values = (*np.percentile(passed, [50, 95]), np.median(asking), np.median(processor))
        return cls(*(round(float(value), 2) for value in values))


@dataclass(frozen=True)
class Took:
    """Seconds that passed, and those of the processor: in the thread that asks, and in all threads."""

    passed: float
    asking: float
    processor: float

    def __add__(self, other: "Took") -> "Took":
        return Took(self.passed + other.passed, self.asking + other.asking, self.processor + other.processor)


def clustered(
    count: int, dimension: int, random: np.random.Generator, of_a_file: int = 1
) -> Iterator[NDArray[np.float32]]:
    """Unit vectors, file by file, shape (of_a_file, dimension): files lie around clusters, pieces around files."""
    centres = random.normal(size=(CLUSTERS, dimension))
    for start in range(0, count, of_a_file):
        file = centres[random.integers(CLUSTERS)] + 0.8 * random.normal(size=dimension)
        pieces = file + 0.5 * random.normal(size=(min(of_a_file, count - start), dimension))
        yield (pieces / np.linalg.norm(pieces, axis=1, keepdims=True)).astype(np.float32)


def vocabulary() -> tuple[list[str], NDArray[np.float64]]:
    """Words and how often they occur: those of scenes in hundreds of texts and more, subjects in dozens to hundreds."""
    words = [f"word{number}" for number in range(WORDS)]
    scenes = dict.fromkeys(word for scene in SCENES for word in scene.split())
    for known, first, last in ((scenes, 30, 300), (SUBJECTS, 300, 5_000)):
        for rank, word in zip(np.geomspace(first, last, len(known)).astype(int).tolist(), known, strict=True):
            words[rank] = word
    shares = 1 / (np.arange(WORDS) + 2.7)  # Zipf's law in Mandelbrot's form
    return words, shares / shares.sum()


def fill(library: Library, pieces: int, fingerprint: str, dimension: int, seed: int = 0) -> None:
    """Commit ``pieces`` synthetic pieces into an empty library, file by file as the indexer does, and index them."""
    random = np.random.default_rng(seed)
    words, shares = vocabulary()

    def text() -> str:
        return " ".join(words[number] for number in random.choice(WORDS, WORDS_A_TEXT, p=shares))

    with library.writer_lock():
        library.catalog.bind_model(fingerprint, dimension)
        for modality, (share, of_a_file) in SHARES.items():
            for number, vectors in enumerate(clustered(pieces * share // 100, dimension, random, of_a_file)):
                texts = [text() if modality in ("text", "document") else None for _ in vectors]
                library.catalog.put_source(*_file(modality, number, vectors, texts))
        library.refresh()
        library.save_snapshot()


def _file(
    modality: Modality, number: int, vectors: NDArray[np.float32], texts: Sequence[str | None]
) -> tuple[Source, list[Piece]]:
    timed = modality in ("video", "audio")
    pieces = [
        Piece(
            modality,
            vector.astype(np.float16),
            text=text,
            start=5.0 * place if timed else None,
            end=5.0 * place + 5 if timed else None,
            page=place + 1 if modality == "document" else None,
        )
        for place, (vector, text) in enumerate(zip(vectors, texts, strict=True))
    ]
    name = f"/library/{modality}/{number % 97:02}/{number:06}.{modality}"
    duration = 5.0 * len(pieces) if timed else None
    content = f"{modality} {number}".encode()
    return Source(name, modality, FileState(1000 + number, number), content, duration), pieces


def bare_index(library: Library, dimension: int) -> faiss.Index:
    """One FAISS index of every vector of the library, stored as the library stores them."""
    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for _, vectors in library.samples(10**9).values():
        index.add(vectors)
    return index


def questions(count: int, seed: int = 1) -> list[str]:
    """Queries of a few words, all different."""
    random = np.random.default_rng(seed)
    return [
        f"{random.choice(SUBJECTS)} and {random.choice(SUBJECTS)} {random.choice(SCENES)} {number}"
        for number in range(count)
    ]


def timed(work: Callable[[], Result]) -> tuple[Took, Result]:
    """What ``work`` took, and its result."""
    clocks = (time.perf_counter, time.thread_time, time.process_time)
    began = [clock() for clock in clocks]
    result = work()
    return Took(*(clock() - start for clock, start in zip(clocks, began, strict=True))), result


def compare(engine: SearchEngine, embedder: ModelEmbedder, bare: faiss.Index, rounds: int) -> dict[str, Timing]:
    """Times of a query in full and of its bare parts, measured in turns; the first tenth of the rounds warms up."""
    took: dict[str, list[Took]] = {"search": [], "embed": [], "faiss": [], "bare": []}
    for number, words in enumerate(questions(rounds + rounds // 10)):
        piece = ExtractedPiece("text", text=words)
        alone, query = timed(partial(embedder.embed, [piece]))
        through, _ = timed(partial(bare.search, query, NEIGHBOURS))
        whole, _ = timed(partial(engine.search, words))
        if number >= rounds // 10:
            for name, value in zip(took, (whole, alone, through, alone + through), strict=True):
                took[name].append(value)
    return {name: Timing.of(values) for name, values in took.items()}


def measure(folder: Path, pieces: int, rounds: int) -> dict[str, Timing]:
    """Build the library in ``folder`` unless one is there, and compare."""
    faiss.omp_set_num_threads(1)
    settings = Settings(model=ModelSettings(threads=1))
    embedder = ModelEmbedder.load("bundled", threads=1)
    library = Library(folder)
    if library.catalog.model() is None:
        fill(library, pieces, embedder.fingerprint, embedder.dimension)
    library.refresh()
    bare = bare_index(library, embedder.dimension)
    library.close()
    with SearchEngine.open(folder, settings) as engine:
        engine.warm_up()
        return compare(engine, embedder, bare, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pieces", type=int, default=100_000)
    parser.add_argument("--data", type=Path, help="where the library is or is to be kept")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        timings = measure(arguments.data or Path(temporary), arguments.pieces, arguments.rounds)
    columns = [each.name for each in fields(Timing)]
    print(f"{'ms a query':34}" + "".join(f"{column:>11}" for column in columns))
    for name, label in (
        ("search", "search, from words to hits"),
        ("embed", "embedding the words alone"),
        ("faiss", "FAISS alone"),
        ("bare", "the two together"),
    ):
        print(f"{label:34}" + "".join(f"{value:11.2f}" for value in asdict(timings[name]).values()))
    ratios = {of: value / getattr(timings["bare"], of) for of, value in asdict(timings["search"]).items()}
    print(f"{'ratio (at most 1.25 is asked for)':34}" + "".join(f"{value:11.2f}" for value in ratios.values()))
    if arguments.json is not None:
        figures = {"pieces": arguments.pieces, "ms": {name: asdict(each) for name, each in timings.items()}}
        arguments.json.write_text(json.dumps(figures | {"ratio": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
