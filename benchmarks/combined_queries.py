"""How should the parts of a query be combined? Rules compared on queries of two parts whose right answers are known.

    python -m benchmarks.combined_queries --manifest FILE [--split test] [--vectors CACHE.npz]
    python -m benchmarks.combined_queries --library DATA

With a manifest (the pair format of ``engine/train/pairs.py``): a label is a phrase that describes several of the held
out pieces, and two labels that share some pieces but not most make queries: both labels, and one without the other.
Each part is put in words, or as a piece that bears this label and not the other. Right are the pieces that bear both
labels, or the first and not the second. A piece that was asked with is taken out of the pool.

With a library that has indexed the sample library of the tests (``python -m tests.sample_library FOLDER`` writes it):
the name of a theme together with an item on it asks for each item on it of another kind.

Half of the label pairs, drawn by a seed, tune (the weight of what is not wanted); the figures are of the other half.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.model.embedder import ModelEmbedder
from engine.query.calibrate import Background, background
from engine.train.pairs import Pair, read_pairs
from engine.train.reading import piece_reader
from indexer.pieces import ExtractedPiece
from storage.library import Library
from storage.records import MODALITIES, Modality
from tests.sample_library import ITEMS, THEMES

Vectors = NDArray[np.float32]
Scores = NDArray[np.float64]

SAMPLE = 512
FEWEST, MOST = 4, 120
"""Pieces that a label must describe to be asked with."""

EVEN = 37
"""Among so many pieces, one that stands two deviations above the background is as likely meant as not."""

WEIGHTS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Part:
    """A part of a query: its vector, what it was made from, its sign."""

    vector: Vectors
    modality: Modality
    sign: int = 1


@dataclass(frozen=True)
class Question:
    """Two parts, the positions of the right pieces, of those that bear what is not wanted, and of those left out."""

    parts: tuple[Part, Part]
    right: frozenset[int]
    unwanted: frozenset[int]
    left_out: frozenset[int]


@dataclass(frozen=True)
class Pool:
    """Pieces of one modality, and what is expected of the cosines with them, by modality of the part."""

    modality: Modality
    vectors: Vectors
    priors: Mapping[Modality, Background]

    def cosines_and_standings(self, question: Question) -> tuple[list[Scores], list[Scores]]:
        sample = self.vectors[
            np.unique(np.linspace(0, len(self.vectors) - 1, min(SAMPLE, len(self.vectors))).astype(int))
        ]
        cosines, standings = [], []
        for part in question.parts:
            scale = background(self.priors[part.modality], sample @ part.vector)
            cosines.append((self.vectors @ part.vector).astype(np.float64))
            standings.append((cosines[-1] - scale.mean) / scale.deviation)
        return cosines, standings


Rule = Callable[[Sequence[Scores], Sequence[Scores], Sequence[float]], Scores]
"""From the parts' cosines, their standings (deviations above the background) and signed weights to one score each."""


def _sum_of_embeddings(cosines: Sequence[Scores], standings: Sequence[Scores], weights: Sequence[float]) -> Scores:
    total: Scores = np.sum([weight * each for weight, each in zip(weights, cosines, strict=True)], axis=0)
    return total


def _sum_of_calibrated(cosines: Sequence[Scores], standings: Sequence[Scores], weights: Sequence[float]) -> Scores:
    total: Scores = np.sum([weight * each for weight, each in zip(weights, standings, strict=True)], axis=0)
    return total


def _minimum(cosines: Sequence[Scores], standings: Sequence[Scores], weights: Sequence[float]) -> Scores:
    """The weakest part decides; of what is not wanted, how far it stays below an even chance."""
    least: Scores = np.min([np.sign(w) * (each - 2) for w, each in zip(weights, standings, strict=True)], axis=0)
    return least


def _product(cosines: Sequence[Scores], standings: Sequence[Scores], weights: Sequence[float]) -> Scores:
    """Relevances as if they were chances, independent of each other."""
    even = Background(0.0, 1.0)
    chances = [np.vectorize(even.relevance)(each, EVEN) for each in standings]
    logs = [np.log((each if w > 0 else 1 - each) + 1e-12) for w, each in zip(weights, chances, strict=True)]
    total: Scores = np.sum(logs, axis=0)
    return total


def _first_part(cosines: Sequence[Scores], standings: Sequence[Scores], weights: Sequence[float]) -> Scores:
    return standings[0]


RULES: dict[str, Rule] = {
    "first part alone": _first_part,
    "sum of embeddings": _sum_of_embeddings,
    "sum of calibrated scores": _sum_of_calibrated,
    "minimum of calibrated scores": _minimum,
    "product of relevances": _product,
}


@dataclass(frozen=True)
class Measure:
    """Means over questions: average precision, reciprocal rank of the first right piece, the share of the right pieces
    (of ten, if there are more) among the first ten, and the share of unwanted pieces among the first ten."""

    precision: float
    reciprocal_rank: float
    recall: float
    unwanted: float
    questions: int


def measure(pool: Pool, questions: Sequence[Question], rule: Rule, against: float) -> Measure:
    """Ask every question by ``rule``; what is not wanted weighs ``against``."""
    rows = []
    for question in questions:
        cosines, standings = pool.cosines_and_standings(question)
        scores = rule(cosines, standings, [1.0 if part.sign > 0 else -against for part in question.parts])
        order = [each for each in np.argsort(-scores, kind="stable").tolist() if each not in question.left_out]
        places = np.flatnonzero([each in question.right for each in order]) + 1
        rows.append(
            (
                float(np.mean(np.arange(1, len(places) + 1) / places)),
                1 / float(places[0]),
                float((places <= 10).sum()) / min(10, len(places)),
                sum(each in question.unwanted for each in order[:10]) / 10,
            )
        )
    precision, reciprocal_rank, recall, unwanted = np.mean(rows, axis=0).tolist()
    return Measure(precision, reciprocal_rank, recall, unwanted, len(rows))


# --- questions from a manifest


def _labels(pair: Pair) -> frozenset[str]:
    """The phrases that describe a piece: its captions, taken apart at commas, where they are short."""
    phrases = (" ".join(phrase.lower().split()) for text in pair.texts for phrase in text.split(","))
    return frozenset(phrase for phrase in phrases if len(phrase) > 2 and len(phrase.split()) <= 3)


def _bearers(pairs: Sequence[Pair]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for position, pair in enumerate(pairs):
        for label in _labels(pair):
            found[label].add(position)
    return {label: frozenset(found[label]) for label in sorted(found) if FEWEST <= len(found[label]) <= MOST}


def label_pairs(bearers: Mapping[str, frozenset[int]]) -> list[tuple[str, str]]:
    """Labels that two pieces or more bear together, while each has at least two more of its own."""
    return [
        (first, second)
        for first, second in combinations(bearers, 2)
        if len(both := bearers[first] & bearers[second]) >= 2
        and min(len(bearers[first]), len(bearers[second])) > len(both) + 1
    ]


def questions_of(
    pairs: Sequence[tuple[str, str]],
    forms: tuple[str, str],
    second_sign: int,
    bearers: Mapping[str, frozenset[int]],
    pool: Pool,
    words: Mapping[str, Vectors],
    seed: int,
) -> Iterator[Question]:
    """A question for each pair of labels in either order; ``forms`` says how each part is put: "words" or "file"."""
    random = Random(seed)
    for pair in pairs:
        for wanted, other in (pair, pair[::-1]):
            parts, asked_with = [], set()
            for label, rest, form, sign in ((wanted, other, forms[0], 1), (other, wanted, forms[1], second_sign)):
                if form == "words":
                    parts.append(Part(words[label], "text", sign))
                else:
                    example = random.choice(sorted(bearers[label] - bearers[rest]))
                    asked_with.add(example)
                    parts.append(Part(pool.vectors[example], pool.modality, sign))
            first, second = bearers[wanted], bearers[other]
            right = (first & second if second_sign > 0 else first - second) - asked_with
            if right:
                unwanted = frozenset() if second_sign > 0 else second
                yield Question((parts[0], parts[1]), right, unwanted, frozenset(asked_with))


def _embedded(embedder: ModelEmbedder, pairs: Sequence[Pair], cache: Path | None) -> Vectors:
    """The vectors of the pieces; kept in ``cache`` (and taken from it when it is of the same model and length)."""
    if cache is not None and cache.exists():
        held = np.load(cache)
        if str(held["model"]) == embedder.fingerprint and len(held["vectors"]) == len(pairs):
            kept: Vectors = held["vectors"]
            return kept
    with piece_reader(embedder.media) as read:
        vectors = np.concatenate([embedder.embed([read(pair)]) for pair in pairs])
    if cache is not None:
        np.savez(cache, vectors=vectors, model=embedder.fingerprint)
    return vectors


def on_manifest(manifest: Path, split: str, cache: Path | None, seed: int) -> dict[str, object]:
    """The table for the most frequent modality of ``split`` that is not text."""
    embedder = ModelEmbedder.load("bundled", threads=1)
    held_out = [pair for pair in read_pairs(manifest) if pair.split == split and pair.modality != "text"]
    modality = max(MODALITIES, key=lambda each: sum(pair.modality == each for pair in held_out))
    pairs = [pair for pair in held_out if pair.modality == modality]
    pool = Pool(modality, _embedded(embedder, pairs, cache), _priors(embedder, modality))
    bearers = _bearers(pairs)
    words = dict(zip(bearers, embedder.embed([ExtractedPiece("text", text=each) for each in bearers]), strict=True))
    asked = label_pairs(bearers)
    Random(seed).shuffle(asked)
    tuning, reported = asked[: len(asked) // 2], asked[len(asked) // 2 :]

    def questions(labels: Sequence[tuple[str, str]], forms: tuple[str, str], sign: int) -> list[Question]:
        return list(questions_of(labels, forms, sign, bearers, pool, words, seed))

    both = [("words", "words"), ("words", "file"), ("file", "file")]
    every = [*both, ("file", "words")]
    return {
        "pool": f"{len(pairs)} {modality} pieces, {len(bearers)} labels, {len(asked)} pairs of labels",
        "tuning: weight of what is not wanted": {
            " not ".join(forms): {
                weight: measure(pool, questions(tuning, forms, -1), _sum_of_calibrated, weight)
                for weight in (0.0, *WEIGHTS)
            }
            for forms in every
        },
        "both": {
            " and ".join(forms): {
                name: measure(pool, questions(reported, forms, 1), rule, 1.0) for name, rule in RULES.items()
            }
            for forms in both
        },
        "one without the other": {
            " not ".join(forms): {
                name: measure(pool, questions(reported, forms, -1), rule, 0.5) for name, rule in RULES.items()
            }
            for forms in every
        },
    }


# --- questions from the sample library


def on_library(data: Path) -> dict[str, object]:
    """The table for themes of the sample library, over all kinds of items that can be asked with and for."""
    embedder = ModelEmbedder.load("bundled", threads=1)
    library = Library(data)
    library.refresh()
    positions: dict[Modality, dict[int, int]] = {}
    pools: dict[Modality, Pool] = {}
    for modality, ids in library.indexed_ids().items():
        held = library.catalog.embeddings(ids)
        pools[modality] = Pool(modality, np.stack([held[i][1] for i in ids.tolist()]), _priors(embedder, modality))
        positions[modality] = {number: place for place, number in enumerate(ids.tolist())}
    pieces = _item_pieces(library)
    questions: dict[Modality, list[Question]] = defaultdict(list)
    for theme in THEMES:
        words = Part(embedder.embed([ExtractedPiece("text", text=theme)])[0], "text")
        on_theme = [number for number, item in enumerate(ITEMS) if item.theme == theme]
        for example in on_theme:
            kind = ITEMS[example].kind
            own = [positions[kind][number] for number in pieces[example] if number in positions[kind]]
            mean = pools[kind].vectors[own].mean(axis=0)
            for target in on_theme:
                wanted = ITEMS[target].kind
                if wanted != kind:
                    right = frozenset(positions[wanted][n] for n in pieces[target] if n in positions[wanted])
                    part = Part(mean / np.linalg.norm(mean), kind)
                    questions[wanted].append(Question((words, part), right, frozenset(), frozenset()))
    rows: dict[str, dict[str, Measure]] = {}
    for name, rule in RULES.items():
        rows[name] = {kind: measure(pools[kind], questions[kind], rule, 1.0) for kind in questions}
        rows[name]["all"] = _overall(list(rows[name].values()))
    return {"theme and an item, by kind of what is asked for": rows}


def _overall(measures: Sequence[Measure]) -> Measure:
    total = sum(each.questions for each in measures)
    fields = [(each.precision, each.reciprocal_rank, each.recall, each.unwanted) for each in measures]
    shares = [each.questions / total for each in measures]
    precision, reciprocal_rank, recall, unwanted = np.average(fields, axis=0, weights=shares).tolist()
    return Measure(precision, reciprocal_rank, recall, unwanted, total)


def _item_pieces(library: Library) -> dict[int, list[int]]:
    """The numbers of the pieces of each item: those on its page, or that share half of their time with it."""
    by_path = {path: held.id for path, held in library.catalog.sources_under("/").items()}
    found: dict[int, list[int]] = {}
    for number, item in enumerate(ITEMS):
        (source,) = [held for path, held in by_path.items() if path.endswith("/" + item.path)]
        kept = []
        for piece in library.catalog.pieces_of([source]):
            if item.page is not None and piece.page != item.page:
                continue
            if item.start is not None and item.end is not None and piece.start is not None and piece.end is not None:
                shared = min(piece.end, item.end) - max(piece.start, item.start)
                if shared < (piece.end - piece.start) / 2:
                    continue
            kept.append(piece.id)
        found[number] = kept
    return found


def _priors(embedder: ModelEmbedder, modality: Modality) -> dict[Modality, Background]:
    return {asked: Background(*embedder.background(asked, modality)) for asked in MODALITIES}


def _print(name: str, value: object, depth: int = 0) -> None:
    if isinstance(value, Measure):
        print(
            f"{'  ' * depth}{name!s:<30} precision {value.precision:.3f}  MRR {value.reciprocal_rank:.3f}  "
            f"recall@10 {value.recall:.3f}  unwanted {value.unwanted:.3f}  ({value.questions})"
        )
    elif isinstance(value, dict):
        print(f"{'  ' * depth}{name}")
        for key, inner in value.items():
            _print(key, inner, depth + 1)
    else:
        print(f"{'  ' * depth}{name}: {value}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--manifest", type=Path)
    source.add_argument("--library", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--vectors", type=Path, help="keep the embedded pieces in this file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    arguments = parser.parse_args()
    if arguments.manifest is not None:
        table = on_manifest(arguments.manifest, arguments.split, arguments.vectors, arguments.seed)
    else:
        table = on_library(arguments.library)
    for name, value in table.items():
        _print(name, value)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(table, default=vars, indent=1) + "\n")


if __name__ == "__main__":
    main()
