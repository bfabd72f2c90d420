"""Several processes, one for each GPU, as ``accelerate launch`` starts them; a single process needs none of this.

Each embeds its share of a batch. Embeddings are gathered, so every example has the whole batch as negatives, and
gradients are summed: the result is that of one process with all the memory.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import ModelError


@dataclass(frozen=True)
class Processes:
    """How many there are, and which one this is, from 0."""

    count: int = 1
    rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def gather(self, own: Tensor) -> tuple[Tensor, slice]:
        """The rows of all processes, in their order, and which of them are ``own``; all have equally many."""
        if self.count == 1:
            return own, slice(None)
        from accelerate.utils import gather

        everything: Tensor = gather(own.contiguous())
        return everything, slice(self.rank * len(own), (self.rank + 1) * len(own))

    def add_up(self, parameters: Iterable[Tensor]) -> None:
        """Sum the gradient of each parameter over the processes; all must have the same ones."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        for parameter in parameters:
            own = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = reduce(own, reduction="sum")

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.count > 1:
            from accelerate.utils import wait_for_everyone

            wait_for_everyone()


def join(device: str) -> tuple[Processes, torch.device]:
    """This process among those launched together, and the device it should use. Raises ``ModelError``."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes(), torch.device(device)
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ModelError("several processes need accelerate: pip install 'synesthete[train]'") from error
    state = PartialState(cpu=device == "cpu")
    own = torch.device("cpu") if device == "cpu" else state.device
    return Processes(state.num_processes, state.process_index), own
