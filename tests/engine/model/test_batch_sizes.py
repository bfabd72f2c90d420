"""Batches that are halved until they fit."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.model.batch_sizes import BatchSizes

CPU = torch.device("cpu")


@given(count=st.integers(1, 40), first=st.integers(1, 64), room=st.integers(1, 40))
def test_every_input_goes_through_once_and_in_order(count: int, first: int, room: int) -> None:
    tried: list[int] = []

    def compute(batch: Sequence[int]) -> torch.Tensor:
        tried.append(len(batch))
        if len(batch) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.tensor(batch).unsqueeze(1)

    sizes = BatchSizes({"image": first, "text": first})
    made = sizes.run("image", range(count), compute, CPU, "too large")
    assert made.squeeze(1).tolist() == list(range(count))
    assert sizes["image"] <= max(room, 1) or max(tried) <= room
    too_many = [size for size in tried if size > room]
    assert too_many == sorted(set(too_many), reverse=True)  # what did not fit is not tried again
    assert sizes["text"] == first


def test_one_that_does_not_fit_and_other_errors_are_told_apart() -> None:
    def fails(error: Exception) -> None:
        def compute(batch: Sequence[int]) -> torch.Tensor:
            raise error

        BatchSizes({"image": 4}).run("image", [1, 2, 3], compute, CPU, "one alone is too large")

    with pytest.raises(ModelError, match="one alone is too large"):
        fails(MemoryError())
    with pytest.raises(ZeroDivisionError):
        fails(ZeroDivisionError())
