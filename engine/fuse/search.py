"""A search for the coefficients of a fusion, one for each modality, on validation data.

Recall@10 hides Projector Drift: a search that scores it is content to switch the sound off. Score recall@1 above all.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from engine.fuse.merge import load_merged
from engine.fuse.recipe import FuseMethod
from engine.fuse.task_vectors import TensorFolder
from engine.model.families import OmniModel

Objective = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True)
class Try:
    """Coefficients and the score they reached."""

    coefficients: Mapping[str, float]
    score: float


@dataclass(frozen=True)
class SearchResult:
    """The best try, and all of them in the order they were made."""

    best: Try
    tries: tuple[Try, ...]


def weighted_recall(recalls: Sequence[tuple[float, float]], weight_at_1: float = 0.75) -> float:
    """The mean over columns of ``weight_at_1`` times recall@1 plus the rest times recall@10. Pairs are (@1, @10)."""
    return sum(weight_at_1 * at_1 + (1 - weight_at_1) * at_10 for at_1, at_10 in recalls) / len(recalls)


def search_coefficients(
    modalities: Sequence[str],
    values: Sequence[float],
    objective: Objective,
    kind: Literal["grid", "coordinate"] = "coordinate",
    rounds: int = 3,
    log: Path | None = None,
) -> SearchResult:
    """Find the ``values``, one for each modality, with the highest ``objective``; of equals, the first tried.

    "grid" tries every combination. "coordinate" first tries each value for all modalities alike, then improves one
    modality at a time, until a round over all of them brings nothing or ``rounds`` are done. Nothing is tried twice.
    Every try is a line of JSON in ``log``.
    """
    done: dict[tuple[float, ...], float] = {}

    def score(point: tuple[float, ...]) -> float:
        if point not in done:
            coefficients = dict(zip(modalities, point, strict=True))
            done[point] = objective(coefficients)
            if log is not None:
                with log.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(Try(coefficients, done[point]))) + "\n")
        return done[point]

    if kind == "grid":
        best = max(product(values, repeat=len(modalities)), key=score)
    else:
        best = max(((value,) * len(modalities) for value in values), key=score)
        for _ in range(rounds):
            before = best
            for place in range(len(modalities)):
                best = max(_moved(best, place, values), key=score)
            if best == before:
                break
    tries = tuple(Try(dict(zip(modalities, point, strict=True)), value) for point, value in done.items())
    return SearchResult(Try(dict(zip(modalities, best, strict=True)), done[best]), tries)


def search_fusion(
    model: OmniModel,
    base: TensorFolder,
    specialists: Mapping[str, TensorFolder],
    method: FuseMethod,
    values: Sequence[float],
    score: Callable[[OmniModel], float],
    kind: Literal["grid", "coordinate"] = "coordinate",
    log: Path | None = None,
) -> SearchResult:
    """The coefficients of ``method`` with which the fused model has the highest ``score``.

    ``model`` is filled with each try in turn, and keeps the last.
    """

    def objective(coefficients: Mapping[str, float]) -> float:
        load_merged(model, base, specialists, method.model_copy(update={"coefficients": dict(coefficients)}))
        return score(model)

    return search_coefficients(sorted(specialists), values, objective, kind, log=log)


def _moved(point: tuple[float, ...], place: int, values: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """``point`` itself, then with each of ``values`` at ``place``."""
    yield point
    for value in values:
        yield (*point[:place], value, *point[place + 1 :])
