"""What a stage learns from: rows of one split with their cached features, and which of them make up step n.

The batch of a step is a function of seed and step alone, so a resumed run needs no memory of what it has seen.
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from tokenizers import Tokenizer
from torch import Tensor

from engine.errors import ModelError
from engine.model.fused_model import PieceFeatures
from engine.train.cache import FeatureCache, piece_key
from engine.train.pairs import Pair
from storage.records import Modality


@dataclass(frozen=True)
class Batch:
    """One step's examples. All sequences run in parallel; ``texts`` and ``passages`` number ``TrainingData.texts``.

    ``passages`` is -1 where the piece is no text; ``concepts`` and ``modalities`` are labels.
    """

    rows: Sequence[int]
    variants: Sequence[int]
    texts: Sequence[int]
    passages: Sequence[int]
    concepts: Sequence[int]
    modalities: Sequence[int]


class TrainingData:
    """Rows with features from ``cache`` and captions cut into tokens by ``tokenizer``.

    Raises ``ModelError`` when a row's features are missing.
    """

    def __init__(self, pairs: Sequence[Pair], cache: FeatureCache, tokenizer: Tokenizer) -> None:
        self.pairs = pairs
        self.cache = cache
        self.keys = [piece_key(pair) for pair in pairs]
        self.variants = [cache.variants(key) for key in self.keys]
        for pair, count in zip(pairs, self.variants, strict=True):
            if not count:
                raise ModelError(f"{pair.file or pair.passage!r}: its features are not in {cache.folder}")
        found = {text for pair in pairs for text in pair.texts} | {pair.passage for pair in pairs if pair.passage}
        self.texts = sorted(found)
        self._text_number = {text: number for number, text in enumerate(self.texts)}
        self._tokenizer = tokenizer
        self._tokens = self.encode(self.texts)
        concepts = {concept: number for number, concept in enumerate(sorted({pair.concept for pair in pairs}))}
        self._concepts = [concepts[pair.concept] for pair in pairs]
        self._rows: dict[Modality, list[int]] = {}
        for row, pair in enumerate(pairs):
            self._rows.setdefault(pair.modality, []).append(row)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities there are rows of, in the order of their names."""
        return tuple(sorted(self._rows))

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of rows, captions and the encoders their features come from."""
        rows = [(key, pair.texts, pair.concept) for key, pair in zip(self.keys, self.pairs, strict=True)]
        return hashlib.sha256(repr((self.cache.folder.name, rows)).encode()).hexdigest()

    def batch(self, step: int, size: int, modalities: Sequence[Modality], seed: int) -> Batch:
        """The examples of ``step``: an equal share of each modality, each epoch of a modality in another order.

        A modality with few rows comes round more often. Variant and caption are drawn anew each time.
        """
        draw = random.Random(f"{seed}/{step}")
        rows: list[int] = []
        for place, modality in enumerate(modalities):
            share = size // len(modalities) + (place < size % len(modalities))
            own = self._rows[modality]
            for position in range(step * share, (step + 1) * share):
                epoch, index = divmod(position, len(own))
                rows.append(own[_shuffled(len(own), f"{seed}/{modality}/{epoch}")[index]])
        pairs = [self.pairs[row] for row in rows]
        return Batch(
            rows,
            [draw.randrange(self.variants[row]) for row in rows],
            [self._text_number[draw.choice(pair.texts)] for pair in pairs],
            [self._text_number[pair.passage] if pair.passage else -1 for pair in pairs],
            [self._concepts[row] for row in rows],
            [modalities.index(pair.modality) for pair in pairs],
        )

    def pieces(self, batch: Batch, chosen: slice) -> list[PieceFeatures]:
        """The pieces' features, of the ``chosen`` examples of a batch."""
        return [
            self.cache.load(self.pairs[row], self.keys[row], variant)
            for row, variant in zip(batch.rows[chosen], batch.variants[chosen], strict=True)
        ]

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        """Any texts as word pieces, int64."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [torch.tensor(encoding.ids, dtype=torch.long) for encoding in encodings]

    def captions(self, numbers: Sequence[int]) -> list[PieceFeatures]:
        """Texts by number, ready to be embedded."""
        return [PieceFeatures("text", tokens=self._tokens[number]) for number in numbers]

    def first_pieces(self, rows: Sequence[int]) -> list[PieceFeatures]:
        """The pieces of ``rows``, unaltered."""
        return [self.cache.load(self.pairs[row], self.keys[row]) for row in rows]

    def first_captions(self, rows: Sequence[int]) -> list[PieceFeatures]:
        """The best caption of each of ``rows``."""
        return self.captions([self._text_number[self.pairs[row].texts[0]] for row in rows])

    def counts(self) -> Mapping[Modality, int]:
        """Rows of each modality."""
        return {modality: len(rows) for modality, rows in self._rows.items()}


@lru_cache(maxsize=64)
def _shuffled(count: int, seed: str) -> list[int]:
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order
