"""Nothing found is an answer: how often does a query about nothing in the library get one, and one about something not?

    python -m benchmarks.cutoff --recipe FILE --model FOLDER [--split test] [--cache FOLDER] [--json FILE]

Libraries of 50, 1,000 and 20,000 pieces are drawn from the held-out rows, filled up with the training rows where these
are too few. A question is *absent* when every piece is taken out that shares its concept or any of its words, and
*present* when one right piece of the modality that is meant is put back. What is asked is "close" or not, by relevance
as a search gives it. Wrong are a false alarm (absent, and something is close) and a miss (present, and nothing is).
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.labelled_pool import LabelledPool, Question, arguments, priors, read_pool, sampled
from engine.query.calibrate import Background, background
from engine.settings import SearchSettings
from engine.train.recipe import read_train_recipe
from storage.records import MODALITIES, Modality

SIZES = (50, 1_000, 20_000)
CUTOFFS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
EACH = 100


def best_relevance(
    pool: LabelledPool, rows: Sequence[np.ndarray], question: Question, expected: Mapping[Modality, Background]
) -> float:
    """The relevance of the best hit for ``question`` in a library of ``rows``, given by modality."""
    query, best = pool.texts[question.words], 0.0
    for modality, own in zip(MODALITIES, rows, strict=True):
        if len(own):
            scale = background(expected[modality], pool.pieces[sampled(own)] @ query)
            best = max(best, scale.relevance(float((pool.pieces[own] @ query).max()), len(own)))
    return best


def measure(
    pool: LabelledPool, split: str, size: int, expected: Mapping[Modality, Background], seed: int = 0
) -> dict[Modality, tuple[list[float], list[float]]]:
    """By modality that is meant: the best relevance for each absent and for each present question."""
    random = np.random.default_rng(seed)
    held_out = np.array([row for row, pair in enumerate(pool.pairs) if pair.split == split])
    from_all = held_out if len(held_out) >= size else np.arange(len(pool.pairs))
    library = np.sort(random.choice(from_all, size, replace=False))
    found: dict[Modality, tuple[list[float], list[float]]] = {modality: ([], []) for modality in MODALITIES}
    for question in pool.questions([split], EACH, seed):
        without = np.setdiff1d(library, pool.sharing_words(question))
        rows = [without[pool.kinds[without] == number] for number in range(len(MODALITIES))]
        absent, present = found[question.modality]
        absent.append(best_relevance(pool, rows, question, expected))
        meant = MODALITIES.index(question.modality)
        rows[meant] = np.sort(np.append(rows[meant], question.row))
        present.append(best_relevance(pool, rows, question, expected))
    return found


def shares(values: Mapping[Modality, tuple[list[float], list[float]]], cutoff: float) -> dict[str, tuple[float, float]]:
    """False alarms and misses at ``cutoff``, as shares, by modality and (their mean) for all."""
    by_kind = {
        kind: (float(np.mean(np.array(absent) >= cutoff)), float(np.mean(np.array(present) < cutoff)))
        for kind, (absent, present) in values.items()
        if absent
    }
    alarms, misses = np.mean(list(by_kind.values()), axis=0).tolist()
    return by_kind | {"all": (alarms, misses)}


def main() -> None:
    told = arguments(__doc__)
    recipe = read_train_recipe(told.recipe)
    expected = priors(read_pool(recipe, told.model, "validation", told.cache))
    pool = read_pool(recipe, told.model, told.split, told.cache)
    pool += read_pool(recipe, told.model, recipe.data.split, told.cache)
    chosen, figures = SearchSettings().cutoff, {}
    for size in SIZES:
        values = measure(pool, told.split, size, expected)
        figures[size] = {cutoff: shares(values, cutoff) for cutoff in sorted({*CUTOFFS, chosen})}
        print(f"\n{size} pieces: false alarms / misses, %")
        print(f"{'cut-off':>8}" + "".join(f"{kind:>12}" for kind in figures[size][chosen]))
        for cutoff, row in figures[size].items():
            cells = "".join(f"{100 * alarms:8.0f}/{100 * misses:3.0f}" for alarms, misses in row.values())
            print(f"{cutoff:8.2f}{cells}{'  <- default' if cutoff == chosen else ''}")
    if told.json is not None:
        told.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
