"""Task vectors, specialist minus base, streamed parameter by parameter: two whole models are never in memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.errors import ModelError
from engine.model.rounding import is_scale, read_tensor


class TensorFolder:
    """The tensors of all safetensors files in a folder, read when asked for.

    ``files`` maps names to files. Raises ``ModelError`` when there are none, one is damaged, or a name is in two.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._open: dict[Path, Any] = {}
        self._held: dict[Path, set[str]] = {}
        paths = sorted(folder.glob("*.safetensors"))
        if not paths:
            raise ModelError(f"model {folder}: there are no safetensors files")
        for path in paths:
            try:
                weights: Any = safe_open(path, framework="pt")
            except (OSError, SafetensorError) as error:
                raise ModelError(f"model {folder}: cannot read {path.name}: {error}") from error
            self._open[path] = weights
            self._held[path] = set(weights.keys())
            for name in self._held[path]:
                if is_scale(name, self._held[path]):
                    continue
                if name in self.files:
                    raise ModelError(
                        f"model {folder}: tensor {name} is in both {self.files[name].name} and {path.name}"
                    )
                self.files[name] = path
                self.shapes[name] = tuple(weights.get_slice(name).get_shape())

    def read(self, name: str) -> Tensor:
        """One tensor as it is stored; float32 if it is stored rounded."""
        path = self.files[name]
        return read_tensor(self._open[path], name, self._held[path])


@dataclass(frozen=True)
class Parameter:
    """One parameter: its ``base`` value as stored, and for each specialist what it has become, as stored."""

    name: str
    base: Tensor
    specialists: Mapping[str, Tensor]

    def vectors(self) -> dict[str, Tensor]:
        """Task vectors, float32."""
        return {name: tensor.float() - self.base.float() for name, tensor in self.specialists.items()}


def stream_parameters(base: TensorFolder, specialists: Mapping[str, TensorFolder]) -> Iterator[Parameter]:
    """Every parameter of ``base`` by file and name. Raises ``ModelError`` when a name or shape differs anywhere."""
    for specialist in specialists.values():
        check_alike(base, specialist)
    for name in sorted(base.files, key=lambda name: (base.files[name].name, name)):
        yield Parameter(name, base.read(name), {key: folder.read(name) for key, folder in specialists.items()})


def check_alike(base: TensorFolder, other: TensorFolder) -> None:
    """Raise ``ModelError``, naming tensor and folder, unless both hold the same names with the same shapes."""
    for name in sorted(base.shapes.keys() | other.shapes.keys()):
        if name not in other.shapes:
            raise ModelError(f"model {other.folder}: tensor {name} of the base {base.folder} is missing")
        if name not in base.shapes:
            raise ModelError(f"model {other.folder}: the base {base.folder} has no tensor {name}")
        if base.shapes[name] != other.shapes[name]:
            raise ModelError(
                f"model {other.folder}: tensor {name} has shape {list(other.shapes[name])}, "
                f"in the base {base.folder} it has {list(base.shapes[name])}"
            )


@dataclass(frozen=True)
class Geometry:
    """How task vectors lie: the norm of each, that norm as a share of the base's, and the cosine of every pair.

    A vector of length zero has cosine 0 with everything.
    """

    norms: Mapping[str, float]
    relative_norms: Mapping[str, float]
    cosines: Mapping[tuple[str, str], float]


def in_backbone(name: str) -> bool:
    """Whether a parameter is one that all modalities share."""
    return name.startswith("backbone.")


def measure_geometry(
    base: TensorFolder, specialists: Mapping[str, TensorFolder], chosen: Callable[[str], bool] = in_backbone
) -> Geometry:
    """Norms and cosines over the ``chosen`` parameters, summed in float64."""
    keys = sorted(specialists)
    products = torch.zeros(len(keys), len(keys), dtype=torch.float64)
    base_square = 0.0
    for parameter in stream_parameters(base, specialists):
        if not chosen(parameter.name):
            continue
        vectors = parameter.vectors()
        stacked = torch.stack([vectors[key].flatten().double() for key in keys])
        products += stacked @ stacked.T
        base_square += float(parameter.base.double().square().sum())
    norms = products.diagonal().sqrt()
    cosines = {}
    for (i, first), (j, second) in combinations(enumerate(keys), 2):
        length = float(norms[i] * norms[j])
        cosines[first, second] = float(products[i, j]) / length if length else 0.0
    absolute = {key: float(norm) for key, norm in zip(keys, norms, strict=True)}
    whole = base_square**0.5
    return Geometry(absolute, {key: norm / whole if whole else 0.0 for key, norm in absolute.items()}, cosines)
