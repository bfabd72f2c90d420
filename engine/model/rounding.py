"""Weights rounded to int8: a matrix ``X`` is stored as int8 beside ``X.scale``, float32, one for each row.

Symmetric and per row, the largest magnitude at 127. What reads a checkpoint gets float32 back and need not know.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from engine.model.bert import QueryKeyValue

SCALE = ".scale"
LARGEST = 127

_FEW_ROWS = 64


def round_matrix(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """``matrix`` (rows, columns) as int8 and scales, float32 (rows,)."""
    scales = matrix.float().abs().amax(dim=1).clamp(min=1e-12) / LARGEST
    return (matrix.float() / scales.unsqueeze(1)).round().to(torch.int8), scales


def read_tensor(weights: Any, name: str, names: Collection[str]) -> Tensor:
    """A tensor of an open safetensors file with the given ``names``; a rounded one as float32."""
    tensor: Tensor = weights.get_tensor(name)
    if name + SCALE not in names:
        return tensor
    scales: Tensor = weights.get_tensor(name + SCALE)
    return tensor.float() * scales.unsqueeze(1)


def is_scale(name: str, names: Collection[str]) -> bool:
    """Whether a tensor holds the scales of another."""
    return name.endswith(SCALE) and name.removesuffix(SCALE) in names


class RoundedLinear(nn.Module):
    """A linear layer whose matrix was rounded, quicker on a processor for few rows, as of a short text.

    What takes the time there is to fetch the matrix from memory. Its int8 numbers are exact as float16, half the size
    of float32, and FBGEMM multiplies such a matrix with float32 in float32; the scales follow. Many rows at once, where
    it is arithmetic that takes the time, go through ``linear`` as ever.
    """

    def __init__(self, linear: nn.Linear, numbers: Tensor, scales: Tensor) -> None:
        super().__init__()
        self.linear, self.scales = linear, scales
        self.packed = torch.ops.quantized.linear_prepack_fp16.default(numbers, None)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (..., inputs) to (..., outputs), as ``linear`` does it, up to rounding."""
        if x.numel() > _FEW_ROWS * x.shape[-1]:
            result: Tensor = self.linear(x)
            return result
        product = torch.ops.quantized.linear_dynamic_fp16.default(x, self.packed)
        return torch.addcmul(self.linear.bias, product, self.scales)


def use_rounding(model: nn.Module, rounded: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Put a ``RoundedLinear`` in the place of the linear layers of ``model`` whose int8 matrices and scales are given.

    The three projections of an attention become one: there is less to a call of three times the rows. For inference
    with float32 on a processor; nothing changes where torch was built without FBGEMM.
    """
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        return
    for name, module in list(model.named_modules()):
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        if isinstance(module, QueryKeyValue) and all(part in rounded for part in parts):
            numbers, scales = (torch.cat(both) for both in zip(*(rounded[part] for part in parts), strict=True))
            module.joined = RoundedLinear(_joined([module.query, module.key, module.value]), numbers.float(), scales)
            rounded = {part: matrix for part, matrix in rounded.items() if part not in parts}
    for name, (numbers, scales) in rounded.items():
        layer = model.get_submodule(name)
        if isinstance(layer, nn.Linear) and layer.bias is not None:
            model.set_submodule(name, RoundedLinear(layer, numbers.float(), scales))


def _joined(layers: Sequence[nn.Linear]) -> nn.Linear:
    """One layer that gives the results of all, end to end. Their weights become views of its own."""
    joined = nn.Linear(layers[0].in_features, sum(layer.out_features for layer in layers)).requires_grad_(False)
    torch.cat([layer.weight for layer in layers], out=joined.weight)
    torch.cat([layer.bias for layer in layers], out=joined.bias)
    start = 0
    for layer in layers:
        rows = slice(start, start + layer.out_features)
        layer.weight = nn.Parameter(joined.weight[rows], requires_grad=False)
        layer.bias = nn.Parameter(joined.bias[rows], requires_grad=False)
        start = rows.stop
    return joined
