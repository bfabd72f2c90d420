"""How many inputs go through a large model together: found by trying, because nobody knows what fits beforehand."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.model.devices import is_out_of_memory, release

Input = TypeVar("Input")


class BatchSizes:
    """A size for each kind of input, ``first`` to begin with, which only ever falls. Threads may share it."""

    def __init__(self, first: Mapping[str, int]) -> None:
        self._sizes = dict(first)

    def __getitem__(self, kind: str) -> int:
        """The most inputs of this kind to be tried together."""
        return self._sizes[kind]

    def run(
        self,
        kind: str,
        inputs: Sequence[Input],
        compute: Callable[[Sequence[Input]], Tensor],
        device: torch.device,
        too_large: str,
    ) -> Tensor:
        """What ``compute`` makes of ``inputs`` on ``device``, a row for each; a batch that does not fit is halved.

        Raises ``ModelError(too_large)`` when one alone does not fit; other errors of ``compute`` pass through.
        """
        made: list[Tensor] = []
        done = 0
        while done < len(inputs):
            batch = inputs[done : done + self._sizes[kind]]
            try:
                made.append(compute(batch))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise ModelError(too_large) from None
            else:
                done += len(batch)
                continue
            release(device)  # out here: the error holds the frames of the forward pass, and these its tensors
            self._sizes[kind] = min(self._sizes[kind], len(batch) // 2)
        return torch.cat(made)
