"""Fair across modalities: does the modality that is meant find its place in a list of ten drawn from all five?

    python -m benchmarks.fair_pools --recipe FILE --model FOLDER [--split test] [--cache FOLDER] [--json FILE]

A question is found when a right piece of the modality that is meant is among the first ten: of that modality alone
(*single*), or of all (*mixed*; right pieces of other modalities are taken out). A mixed list of ten over five
modalities is harder by construction; so the share of the list that is of the modality meant stands beside it. Pools:
all held-out rows as they are; as many of each modality; one modality large and the others small. Compared are the raw
cosine, the deviations above the background, the library's empirical tail, and these deviations with the number of
pieces taken into account (relevance, as a search gives it).
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelled_pool import LabelledPool, Question, arguments, priors, read_pool, sampled
from engine.query.calibrate import Background, background
from engine.train.recipe import read_train_recipe
from storage.records import MODALITIES, Modality

EACH, LARGE, SMALL = 100, 1_500, 150
RULES = ("cosine", "deviations", "empirical tail", "relevance")
_TEN = 10


def rated(
    pool: LabelledPool, library: NDArray[np.int64], question: Question, expected: Mapping[Modality, Background]
) -> dict[str, NDArray[np.float64]]:
    """What each rule makes of every piece of ``library``; higher is better."""
    cosines = (pool.pieces[library] @ pool.texts[question.words]).astype(np.float64)
    kinds = pool.kinds[library]
    rates = {"cosine": cosines} | {rule: np.zeros(len(library)) for rule in RULES[1:]}
    for number, modality in enumerate(MODALITIES):
        own = np.flatnonzero(kinds == number)
        if not len(own):
            continue
        scores = cosines[own]
        scale = background(expected[modality], cosines[sampled(own)].astype(np.float32))
        rates["deviations"][own] = (scores - scale.mean) / scale.deviation
        rates["empirical tail"][own] = np.argsort(np.argsort(scores)) / len(own) + 1e-6 * scores
        rates["relevance"][own] = scale.relevance(scores, len(own))
    return rates


def measure(
    pool: LabelledPool,
    library: NDArray[np.int64],
    questions: Sequence[Question],
    expected: Mapping[Modality, Background],
) -> dict[str, dict[str, tuple[float, float, float]]]:
    """By rule, by modality that is meant: found when searched alone, found in the mixed list, share of that list."""
    found: dict[str, dict[str, list[tuple[bool, bool, float]]]] = {rule: {} for rule in RULES}
    for question in questions:
        right = pool.right(question)
        meant = pool.kinds == MODALITIES.index(question.modality)
        asked = np.setdiff1d(library, right[~meant[right]])
        is_right = np.isin(asked, right)
        if is_right.any():
            for rule, rates in rated(pool, asked, question, expected).items():
                order = np.argsort(-rates, kind="stable")
                single = order[meant[asked[order]]][:_TEN]
                row = (is_right[single].any(), is_right[order[:_TEN]].any(), meant[asked[order[:_TEN]]].mean())
                found[rule].setdefault(question.modality, []).append(row)
    means = {
        rule: {kind: tuple(np.mean(rows, axis=0).tolist()) for kind, rows in by_kind.items()}
        for rule, by_kind in found.items()
    }
    return {rule: rows | {"all": tuple(np.mean(list(rows.values()), axis=0).tolist())} for rule, rows in means.items()}


def libraries(pool: LabelledPool, seed: int = 0) -> dict[str, NDArray[np.int64]]:
    """The pools by name: rows, ascending."""
    random = np.random.default_rng(seed)
    rows = [random.permutation(np.flatnonzero(pool.kinds == number)) for number in range(len(MODALITIES))]
    least = min(map(len, rows))
    found = {"as they are": np.arange(len(pool.pairs)), "balanced": np.concatenate([own[:least] for own in rows])}
    for large, modality in enumerate(MODALITIES):
        if len(rows[large]) >= LARGE:
            sizes = [LARGE if number == large else SMALL for number in range(len(MODALITIES))]
            found[f"{LARGE} {modality}, {SMALL} of each other"] = np.concatenate(
                [own[:size] for own, size in zip(rows, sizes, strict=True)]
            )
    return {name: np.sort(chosen) for name, chosen in found.items()}


def main() -> None:
    told = arguments(__doc__)
    recipe = read_train_recipe(told.recipe)
    pool = read_pool(recipe, told.model, told.split, told.cache)
    expected = priors(read_pool(recipe, told.model, "validation", told.cache))
    questions, figures = pool.questions([told.split], EACH), {}
    for name, library in libraries(pool).items():
        figures[name] = measure(pool, library, questions, expected)
        print(f"\n{name}: recall@10 single / mixed / share of the list, %")
        print(f"{'':16}" + "".join(f"{kind:>14}" for kind in figures[name]["cosine"]))
        for rule, row in figures[name].items():
            cells = ("/".join(f"{100 * value:.0f}" for value in values) for values in row.values())
            print(f"{rule:16}" + "".join(f"{cell:>14}" for cell in cells))
    if told.json is not None:
        told.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
