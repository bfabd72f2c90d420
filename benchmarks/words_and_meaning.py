"""What words as they stand add to meaning: known-item search in real texts, by meaning, by words, and by both.

    python -m benchmarks.words_and_meaning [--texts 500] [--questions 200] [--json FILE]

The texts are documentation that every installation has: docstrings of Python's own library, without their first line.
The first line is asked for, and the rest of the same docstring is the one right text.
"""

import argparse
import ast
import json
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.model.embedder import ModelEmbedder
from engine.query.calibrate import Background
from engine.query.embed_query import PartVector
from engine.query.exact import exact_search
from engine.query.hits import Hit
from engine.query.look_up import look_up
from engine.query.query import Query, Words
from engine.query.search import search
from indexer.pieces import ExtractedPiece
from storage.library import Library
from storage.records import MODALITIES, FileState, Piece, Source

_SHORTEST, _LONGEST, _DEEP = 300, 2_000, 100
_NO_WORDS = "."


@dataclass(frozen=True)
class Documented:
    """The first line of a docstring, and the rest."""

    line: str
    text: str


def documented(folder: Path) -> Iterator[Documented]:
    """The docstrings of a folder of Python modules that are neither short nor long; no first line comes twice."""
    seen = set()
    for path in sorted(folder.rglob("*.py")):
        if "site-packages" in path.parts or "test" in path.parts or "idlelib" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                line, _, text = (ast.get_docstring(node) or "").partition("\n")
                if _SHORTEST <= len(text) <= _LONGEST and len(line.split()) >= 3 and line not in seen:
                    seen.add(line)
                    yield Documented(line, text.strip())


def filled(folder: Path, texts: Sequence[str], embedder: ModelEmbedder) -> Library:
    """A library of one file a text, named by its number."""
    library = Library(folder)
    with library.writer_lock():
        library.catalog.bind_model(embedder.fingerprint, embedder.dimension)
        for number, text in enumerate(texts):
            vector = embedder.embed([ExtractedPiece("text", text=text)])[0].astype(np.float16)
            source = Source(f"/{number}", "text", FileState(1, 1), b"%d" % number)
            library.catalog.put_source(source, [Piece("text", vector, text=text)])
    library.refresh()
    return library


def ranks(library: Library, questions: Sequence[tuple[int, str]], embedder: ModelEmbedder) -> dict[str, list[int]]:
    """By way of asking, the rank of the right text for each question, 0 where it is not among the first hundred."""
    priors = {(a, b): Background(*embedder.background(a, b)) for a in MODALITIES for b in MODALITIES}
    found: dict[str, list[int]] = {"meaning": [], "exact": [], "both": []}
    for right, line in questions:
        part = PartVector("text", embedder.embed([ExtractedPiece("text", text=line)])[0], 1.0)

        def ask(words: str, part: PartVector = part) -> list[Hit]:
            query = Query((Words(words),), limit=_DEEP)
            looked_up = look_up(library.catalog, query)
            return search(library, query, looked_up, [(part,)], np.empty(0, dtype=np.int64), priors, 0.9)

        exact = Query((Words(line),), exact=True, limit=_DEEP)
        answers = {"meaning": ask(_NO_WORDS), "exact": exact_search(library.catalog, exact), "both": ask(line)}
        for way, hits in answers.items():
            found[way].append(next((n for n, hit in enumerate(hits, 1) if hit.path == f"/{right}"), 0))
    return found


def scores(found: Sequence[int]) -> dict[str, float]:
    """Recall@1, recall@10 and the mean reciprocal rank."""
    rank = np.array(found)
    here = rank > 0
    return {
        "recall@1": float((rank == 1).mean()),
        "recall@10": float((here & (rank <= 10)).mean()),
        "mrr": float(np.where(here, 1 / np.maximum(rank, 1), 0).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    told = parser.parse_args()
    every = list(documented(Path(sysconfig.get_paths()["stdlib"])))
    order = np.random.default_rng(0).permutation(len(every))[: told.texts].tolist()
    chosen = [every[number] for number in order]
    embedder = ModelEmbedder.load("bundled", threads=1)
    with tempfile.TemporaryDirectory() as folder:
        library = filled(Path(folder), [each.text for each in chosen], embedder)
        found = ranks(library, [(n, each.line) for n, each in enumerate(chosen[: told.questions])], embedder)
        library.close()
    figures = {way: scores(rank) for way, rank in found.items()}
    for way, row in figures.items():
        print(f"{way:10}" + "  ".join(f"{label} {value:.3f}" for label, value in row.items()))
    if told.json is not None:
        told.json.write_text(
            json.dumps({"texts": len(chosen), "questions": told.questions, **figures}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
