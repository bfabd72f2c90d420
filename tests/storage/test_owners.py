"""Whose the pieces are, in memory: as a dictionary would say it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.owners import Owners
from storage.records import MODALITIES, Owner

OWNERS = st.builds(Owner, st.integers(1, 2**40), st.sampled_from(MODALITIES))


@given(st.dictionaries(st.integers(1, 200), OWNERS), st.lists(st.integers(0, 220)), st.integers(0, 200))
def test_owners_are_those_taken_in_and_nobody_else(held: dict[int, Owner], asked: list[int], first: int) -> None:
    owners = Owners()
    for part in (range(first), range(first, 201)):
        owners.add((piece, held[piece]) for piece in part if piece in held)
    sources, kinds = owners.of(np.array(asked, dtype=np.int64))
    found = {
        piece: Owner(source, MODALITIES[kind])
        for piece, source, kind in zip(asked, sources.tolist(), kinds.tolist(), strict=True)
        if source
    }
    assert found == {piece: held[piece] for piece in asked if piece in held}
