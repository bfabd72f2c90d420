"""What is asked of a model: for each column of the report, which queries rank which pool, and what counts as found.

Queries and pool are *places*: numbers of embeddings, of all distinct texts first and of every row's piece after them.
An answer is right when it bears a label of the query: its concept, or its first caption.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from engine.retrieval_metrics import chance_average_precision, chance_recall, chance_reciprocal_rank
from engine.train.pairs import Pair
from storage.records import MODALITIES, Modality

TEST, STAMPS, PHOTOS, CATEGORIES = "test", "stamps", "photos", "categories"
SPLITS = (TEST, STAMPS, PHOTOS, CATEGORIES)
CALLED: dict[Modality, str] = {
    "image": "image", "audio": "audio", "document": "page", "video": "video", "text": "gloss",
}  # fmt: skip

Measure = Literal["recall", "mrr", "map"]
Labels = Collection[tuple[str, str]]


@dataclass(frozen=True)
class Column:
    """``queries`` and ``pool`` are places, int64; ``relevant`` and ``neutral`` pairs of positions in them, (2, n).

    ``measure`` is what the column is read by: recall@1 and @10, mean reciprocal rank, or mean average precision.
    """

    name: str
    queries: Tensor
    pool: Tensor
    relevant: Tensor
    neutral: Tensor
    measure: Measure = "recall"

    def mask(self, pairs: Tensor, chosen: slice, device: torch.device | str = "cpu") -> Tensor:
        """``pairs`` as a bool mask (queries, pool) for the ``chosen`` queries."""
        start, stop, _ = chosen.indices(len(self.queries))
        own = pairs[:, (pairs[0] >= start) & (pairs[0] < stop)].to(device)
        mask = torch.zeros(stop - start, len(self.pool), dtype=torch.bool, device=device)
        mask[own[0] - start, own[1]] = True
        return mask

    @cached_property
    def chance(self) -> dict[str, float]:
        """What a ranking at random would be expected to reach, under the names of the scores."""
        right = torch.bincount(self.relevant[0], minlength=len(self.queries)).tolist()
        out = torch.bincount(self.neutral[0], minlength=len(self.queries)).tolist()
        ranked = [len(self.pool) - count for count in out]
        chance = {f"recall@{k}": chance_recall(right, ranked, k) for k in (1, 10)}
        chance["mrr"] = chance_reciprocal_rank(right, ranked)
        if self.measure == "map":
            chance["map"] = chance_average_precision(right, ranked)
        return chance


class Catalogue:
    """The rows, and where the embeddings of their texts and pieces are."""

    def __init__(self, pairs: Sequence[Pair], texts: Sequence[str]) -> None:
        self.pairs = pairs
        self._text_places = {text: place for place, text in enumerate(texts)}

    def rows(self, wanted: Callable[[Pair], bool]) -> list[int]:
        """Numbers of the rows that are ``wanted``."""
        return [row for row, pair in enumerate(self.pairs) if wanted(pair)]

    def pieces(self, rows: Sequence[int]) -> Tensor:
        """Places of the pieces of ``rows``."""
        return torch.tensor([len(self._text_places) + row for row in rows], dtype=torch.long)

    def texts(self, texts: Iterable[str]) -> Tensor:
        """Places of ``texts``."""
        return torch.tensor([self._text_places[text] for text in texts], dtype=torch.long)

    def piece_labels(self, rows: Sequence[int]) -> list[Labels]:
        """Concept and first caption of each of ``rows``."""
        return [{("concept", self.pairs[row].concept), ("caption", self.pairs[row].texts[0])} for row in rows]

    def captions(self, rows: Sequence[int]) -> dict[str, Labels]:
        """The distinct first captions of ``rows``, each with itself and its rows' concepts as labels."""
        found: dict[str, set[tuple[str, str]]] = {}
        for row in rows:
            pair = self.pairs[row]
            found.setdefault(pair.texts[0], {("caption", pair.texts[0])}).add(("concept", pair.concept))
        return dict(found)


def read_columns(catalogue: Catalogue) -> list[Column]:
    """Every column that there are rows for, in the order of the report; the mixed pool apart (``mixed_columns``)."""

    def rows(modality: Modality, split: str = TEST, new_clip: bool = False, source: str = "") -> list[int]:
        return catalogue.rows(
            lambda pair: (
                pair.modality == modality
                and pair.split == split
                and pair.new_clip == new_clip
                and source in pair.source
            )
        )

    images, sounds, clips = rows("image"), rows("audio"), rows("audio", new_clip=True)
    stamps = catalogue.rows(lambda pair: pair.split == STAMPS)
    every_sound = catalogue.rows(lambda pair: pair.modality == "audio")
    columns = [
        *both_ways(catalogue, "text", "image", images),
        both_ways(catalogue, "text", "image", rows("image", source="openclipart"), ", openclipart")[0],
        to_another(catalogue, "image to image", images, images),
        *both_ways(catalogue, "text", "stamp", stamps),
        *both_ways(catalogue, "text", "audio", clips, ", new clip"),
        *both_ways(catalogue, "text", "audio", sounds, ", new concept"),
        to_another(catalogue, "audio to audio, new clip", clips, every_sound),
        *both_ways(catalogue, "text", "page", rows("document")),
        *both_ways(catalogue, "text", "video", rows("video")),
        *both_ways(catalogue, "lemma", "gloss", rows("text")),
        by_any_text(catalogue, "photos", PHOTOS, "mrr"),
        by_any_text(catalogue, "categories", CATEGORIES, "map"),
    ]
    return [column for column in columns if len(column.queries)]


def both_ways(catalogue: Catalogue, text: str, piece: str, rows: Sequence[int], suffix: str = "") -> list[Column]:
    """From the distinct first captions of ``rows`` to their pieces, and back."""
    captions, labels = catalogue.captions(rows), catalogue.piece_labels(rows)
    words, pieces = catalogue.texts(captions), catalogue.pieces(rows)
    return [
        column(f"{text} to {piece}{suffix}", words, list(captions.values()), pieces, labels),
        column(f"{piece} to {text}{suffix}", pieces, labels, words, list(captions.values())),
    ]


def to_another(catalogue: Catalogue, name: str, rows: Sequence[int], pool: Sequence[int]) -> Column:
    """From each piece of ``rows`` to another of ``pool`` with its concept or caption; itself is left out."""
    ask, answer = catalogue.pieces(rows), catalogue.pieces(pool)
    return column(name, ask, catalogue.piece_labels(rows), answer, catalogue.piece_labels(pool))


def by_any_text(catalogue: Catalogue, name: str, split: str, measure: Measure) -> Column:
    """Each distinct text of the rows of ``split`` asks for every row that bears it.

    A row whose source ends in "unasked" is there to be ranked: its texts ask for nothing.
    """
    rows = catalogue.rows(lambda pair: pair.split == split)
    asked = [row for row in rows if not catalogue.pairs[row].source.endswith("unasked")]
    texts = list(dict.fromkeys(text for row in asked for text in catalogue.pairs[row].texts))
    bearing: list[Labels] = [{("text", text) for text in catalogue.pairs[row].texts} for row in rows]
    asking: list[Labels] = [{("text", text)} for text in texts]
    return column(name, catalogue.texts(texts), asking, catalogue.pieces(rows), bearing, measure=measure)


def column(
    name: str,
    queries: Tensor,
    asking: Sequence[Labels],
    pool: Tensor,
    bearing: Sequence[Labels],
    intended: Sequence[bool] | None = None,
    measure: Measure = "recall",
) -> Column:
    """A column in which entries are relevant that share a label with the query; queries without any are dropped.

    What is no ``intended`` answer is neutral instead, and so is the query itself.
    """
    bearers: dict[tuple[str, str], list[int]] = {}
    for position, labels in enumerate(bearing):
        for label in labels:
            bearers.setdefault(label, []).append(position)
    places = pool.tolist()
    kept: list[int] = []
    relevant: list[tuple[int, int]] = []
    neutral: list[tuple[int, int]] = []
    for place, labels in zip(queries.tolist(), asking, strict=True):
        alike = sorted({position for label in labels for position in bearers.get(label, ())})
        right = [at for at in alike if places[at] != place and (intended is None or intended[at])]
        if right:
            relevant += [(len(kept), at) for at in right]
            neutral += [(len(kept), at) for at in sorted(set(alike) - set(right))]
            kept.append(place)
    return Column(name, torch.tensor(kept, dtype=torch.long), pool, _pairs(relevant), _pairs(neutral), measure)


def mixed_columns(catalogue: Catalogue) -> tuple[dict[Modality, Column], Tensor]:
    """The mixed pool: for each modality of the test rows a column, all with the same pool of all test pieces.

    A piece of another modality that would be a right answer is neutral. Beside it, int64 (pool,): the modality of each
    entry, as a number of ``MODALITIES``.
    """
    rows = catalogue.rows(lambda pair: pair.split == TEST)
    kinds = [catalogue.pairs[row].modality for row in rows]
    pool, labels = catalogue.pieces(rows), catalogue.piece_labels(rows)
    columns = {}
    for modality in MODALITIES:
        own = [row for row, kind in zip(rows, kinds, strict=True) if kind == modality]
        if own:
            captions = catalogue.captions(own)
            columns[modality] = column(
                f"text to {CALLED[modality]}, mixed pool",
                catalogue.texts(captions),
                list(captions.values()),
                pool,
                labels,
                intended=[kind == modality for kind in kinds],
            )
    return columns, torch.tensor([MODALITIES.index(kind) for kind in kinds], dtype=torch.long)


def _pairs(pairs: Sequence[tuple[int, int]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T.contiguous()
