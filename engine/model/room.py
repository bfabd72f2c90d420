"""Whether a large model fits into this machine's memory, told before it is read.

A GPU's allocator says so itself. A processor's memory is promised to everyone and taken back by ending a program that
uses it, which could say nothing any more.
"""

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path

import psutil
import torch

from engine.errors import ModelError
from engine.model.devices import dtype_for

_LONGEST_HEADER = 100_000_000  # of a file of safetensors, in bytes


def require_room(name: str, folder: Path, device: torch.device, bits: int = 16) -> None:
    """Raise ``ModelError`` if the weights in ``folder``, as they are loaded, take more memory than is free."""
    if device.type != "cpu":
        return
    needed, free = memory_of_weights(folder, dtype_for(device), bits), psutil.virtual_memory().available
    if needed > free:
        raise ModelError(
            f"model {name} needs {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} are free; close other programs, "
            "or take a smaller model" + (", or [model] bits = 8 or 4" if bits == 16 else "")
        )


def memory_of_weights(folder: Path, dtype: torch.dtype, bits: int = 16) -> int:
    """Bytes that the weights in ``folder`` take in ``dtype``; with ``bits`` each in matrices but word embeddings."""
    total = 0
    for name, shape in _tensors(folder):
        small = bits < 16 and len(shape) == 2 and "embed" not in name
        total += prod(shape) * bits // 8 if small else prod(shape) * dtype.itemsize
    return total


def _tensors(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Names and shapes in the headers of all safetensors; damaged files are passed over, loading will say so."""
    for path in folder.rglob("*.safetensors"):
        try:
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(min(length, _LONGEST_HEADER)))
            described = [(name, list(told["shape"])) for name, told in header.items() if name != "__metadata__"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        yield from described
