"""Which class is which category: the best assignment that keeps the order."""

from itertools import combinations

import numpy as np
import sound_classes
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays


@given(
    st.integers(1, 4).flatmap(
        lambda rows: st.integers(rows, 6).flatmap(
            lambda columns: arrays.arrays(np.float64, (rows, columns), elements=st.integers(-9, 9).map(float))
        )
    )
)
@settings(deadline=None)
def test_no_assignment_in_order_is_better(evidence: np.ndarray) -> None:
    rows, columns = evidence.shape
    chosen, best = sound_classes.in_order(evidence)
    sums = [sum(evidence[range(rows), list(own)]) for own in combinations(range(columns), rows)]
    assert chosen == sorted(set(chosen)) and len(chosen) == rows
    assert best == max(sums) == sum(evidence[range(rows), chosen])


def test_classes_find_their_categories() -> None:
    """Captions around the texts of 20 categories; a classifier without 4 of them that is often right."""
    draw = torch.Generator().manual_seed(0)
    texts = F.normalize(torch.randn(20, 32, generator=draw), dim=1)
    kinds = torch.arange(400) % 20
    captions = F.normalize(texts[kinds] + 0.15 * torch.randn(400, 32, generator=draw), dim=1)
    held = [kind for kind in range(20) if kind not in (0, 7, 8, 15)]
    logits = torch.randn(400, 16, generator=draw)
    for sound, kind in enumerate(kinds.tolist()):
        if kind in held:
            logits[sound, held.index(kind)] += 2
    concepts = [f"concept {sound % 100}" for sound in range(400)]
    chosen, fit = sound_classes.assign(logits.log_softmax(dim=1), captions, concepts, texts)
    assert chosen == held
    shuffled = logits[:, torch.randperm(16, generator=draw)].log_softmax(dim=1)
    assert sound_classes.assign(shuffled, captions, concepts, texts)[1] < fit / 2


def test_categories_stand_in_order() -> None:
    names = list(sound_classes.categories())
    assert names == sorted(names) and len(names) == 81
