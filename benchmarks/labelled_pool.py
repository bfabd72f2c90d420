"""Held-out rows of a training manifest as pieces and questions whose right answers are known, with their embeddings.

Shared by ``cutoff.py`` and ``fair_pools.py``. A question is the first caption of a row; right are the rows of its
concept or of the same first caption.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.evaluate.embed import Inputs
from engine.model.families import encoder_fingerprint, load_model, open_model
from engine.query.calibrate import Background
from engine.query.candidates import BACKGROUND_SAMPLE
from engine.train.cache import FeatureCache
from engine.train.data import TrainingData
from engine.train.pairs import Pair, read_pairs
from engine.train.recipe import TrainRecipe
from storage.records import MODALITIES, Modality
from storage.vectors import evenly

Vectors = NDArray[np.float32]
_PRIOR_ROWS = 1_000
_COMMON = {"the", "and", "with", "for", "from", "that", "this", "not", "used", "who", "which", "then", "into", "one"}


@dataclass(frozen=True)
class Question:
    """Words, the row they were taken from, and the modality of the piece that is meant."""

    words: str
    row: int
    modality: Modality


@dataclass(frozen=True)
class LabelledPool:
    """Rows, the embeddings of their pieces, shape (rows, dimension), and of their texts by text."""

    pairs: Sequence[Pair]
    pieces: Vectors
    texts: dict[str, Vectors]

    def __add__(self, other: "LabelledPool") -> "LabelledPool":
        pieces = np.concatenate([self.pieces, other.pieces])
        return LabelledPool([*self.pairs, *other.pairs], pieces, self.texts | other.texts)

    @cached_property
    def kinds(self) -> NDArray[np.int64]:
        """The modality of each row, as a number of ``MODALITIES``."""
        return np.array([MODALITIES.index(pair.modality) for pair in self.pairs])

    def questions(self, splits: Sequence[str], each: int, seed: int = 0) -> list[Question]:
        """Up to ``each`` questions a modality, from rows of ``splits``."""
        random, found = np.random.default_rng(seed), []
        for modality in MODALITIES:
            first: dict[str, int] = {}
            for row, pair in enumerate(self.pairs):
                if pair.modality == modality and pair.split in splits:
                    first.setdefault(pair.texts[0], row)
            chosen = random.permutation(len(first))[:each]
            of_modality = list(first.items())
            found += [Question(*of_modality[number], modality) for number in chosen.tolist()]
        return found

    def right(self, question: Question) -> NDArray[np.int64]:
        """Rows, of whatever modality, of the question's concept or first caption."""
        concept = self.pairs[question.row].concept
        return np.array(sorted(self._labels["concept", concept] | self._labels["caption", question.words]))

    def sharing_words(self, question: Question) -> NDArray[np.int64]:
        """Rows that have to do with the question as far as labels tell: right ones, or of which a text has one of its
        words."""
        found = set(self.right(question).tolist())
        for word in _words(question.words):
            found |= self._labels["word", word]
        return np.array(sorted(found))

    @cached_property
    def _labels(self) -> dict[tuple[str, str], set[int]]:
        found: dict[tuple[str, str], set[int]] = defaultdict(set)
        for row, pair in enumerate(self.pairs):
            found["concept", pair.concept].add(row)
            found["caption", pair.texts[0]].add(row)
            for word in _words(" ".join([*pair.texts, pair.passage or ""])):
                found["word", word].add(row)
        return found


def read_pool(recipe: TrainRecipe, folder: Path, split: str, cache: Path) -> LabelledPool:
    """All rows of ``split`` as the model in ``folder`` embeds them; kept in ``cache``, a folder for one model."""
    pairs = [pair for pair in read_pairs(recipe.data.manifest) if pair.split == split]
    kept = cache / f"{split}.npz"
    if not kept.exists():
        model = load_model(folder, torch.device("cpu"), torch.float32)
        features = FeatureCache(recipe.data.cache, encoder_fingerprint(model))
        data = TrainingData(pairs, features, open_model(recipe.base).tokenizer())
        embeddings = Inputs(data, recipe.rehearse.chunk).embed(model, str(folder)).numpy()
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, texts=embeddings[: len(data.texts)], pieces=embeddings[len(data.texts) :])
    held = np.load(kept)
    texts = sorted({text for pair in pairs for text in pair.texts} | {pair.passage for pair in pairs if pair.passage})
    return LabelledPool(pairs, held["pieces"], dict(zip(texts, held["texts"], strict=True)))


def priors(pool: LabelledPool) -> dict[Modality, Background]:
    """What is expected of the cosines of words with each modality: those of captions with pieces of another concept.

    To be measured on rows that are not asked about, of the model that embedded them.
    """
    found = {}
    for number, modality in enumerate(MODALITIES):
        rows = evenly(np.flatnonzero(pool.kinds == number), _PRIOR_ROWS)
        captions = np.stack([pool.texts[pool.pairs[row].texts[0]] for row in rows.tolist()])
        concepts = np.array([pool.pairs[row].concept for row in rows.tolist()])
        unrelated = (captions @ pool.pieces[rows].T)[concepts[:, None] != concepts]
        found[modality] = Background(float(unrelated.mean()), float(unrelated.std()))
    return found


def sampled(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """As many of ``rows`` as a search looks at to know its background, spread evenly."""
    return evenly(rows, BACKGROUND_SAMPLE)


def arguments(description: str) -> argparse.Namespace:
    """What a benchmark on a labelled pool is told on the command line."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="a model that has not learned from the split")
    parser.add_argument("--split", default="test", help="whose rows ask; the cut-off was chosen on validation")
    parser.add_argument("--cache", type=Path, default=Path("embeddings"), help="where embeddings are kept")
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    return parser.parse_args()


def _words(text: str) -> set[str]:
    words = re.findall(r"[a-z]{3,}", text.lower())
    return {word.rstrip("s") for word in words if word not in _COMMON}
