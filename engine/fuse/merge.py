"""Base plus combined task vectors: Decoupled Specialist Fusion, arXiv 2606.09331.

    theta_fused = theta_base + sum_m alpha_m (theta_m - theta_base)

and its relatives in ``methods.py``. What one modality has to itself, such as the projector of an external encoder, is
copied from its specialist unchanged.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.errors import ModelError
from engine.fuse.checkpoint_folder import copy_surroundings, describe, new_folder, write_recipe
from engine.fuse.methods import dare, ties, weighted_sum
from engine.fuse.recipe import FuseMethod, FuseRecipe
from engine.fuse.task_vectors import Parameter, TensorFolder, stream_parameters


def merge(recipe: FuseRecipe, out: Path) -> Path:
    """Write the fused checkpoint ``out``, with the files of the base; at most one file's tensors are in memory.

    Raises ``ModelError`` when ``out`` exists, a folder is damaged, or names or shapes differ.
    """
    base, specialists = open_inputs(recipe)
    dtype: torch.dtype = getattr(torch, recipe.dtype)
    with new_folder(out) as folder:
        copy_surroundings(recipe.base, folder)
        merged = merged_parameters(base, specialists, recipe)
        for file, group in groupby(merged, key=lambda item: base.files[item[0]].name):
            tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in group}
            save_file(tensors, folder / file, metadata={"format": "pt"})
        settings = recipe.model_dump(mode="json", exclude={"base", "specialists"})
        write_recipe(folder, {"stage": "fuse", "settings": settings, "made_from": describe_inputs(recipe)})
    return out


def describe_inputs(recipe: FuseRecipe) -> dict[str, Any]:
    """Base and specialists, with the hashes of their weights."""
    specialists = {f"{name}_specialist": describe(path) for name, path in recipe.specialists.items()}
    return {"base": describe(recipe.base), **specialists}


def open_inputs(recipe: FuseRecipe) -> tuple[TensorFolder, dict[str, TensorFolder]]:
    """Base and specialists of a recipe."""
    return TensorFolder(recipe.base), {name: TensorFolder(folder) for name, folder in recipe.specialists.items()}


def merged_parameters(
    base: TensorFolder, specialists: Mapping[str, TensorFolder], method: FuseMethod
) -> Iterator[tuple[str, Tensor]]:
    """Name and fused value of every parameter, file by file of the base; floats as float32."""
    for parameter in stream_parameters(base, specialists):
        yield parameter.name, merge_parameter(parameter, method)


def merge_parameter(parameter: Parameter, method: FuseMethod) -> Tensor:
    """The fused value of one parameter."""
    owner = method.owned.get(parameter.name.split(".")[0])
    if owner is not None and owner in parameter.specialists:
        own = parameter.specialists[owner]
        return own.float() if own.is_floating_point() else own
    changed = [name for name, tensor in parameter.specialists.items() if not torch.equal(tensor, parameter.base)]
    if not changed:  # to the bit: adding zero would turn -0 into 0, and frozen encoders are known by a hash
        return parameter.base.float() if parameter.base.is_floating_point() else parameter.base
    if not parameter.base.is_floating_point():
        raise ModelError(f"tensor {parameter.name} is of whole numbers, yet the {changed[0]} specialist changed it")
    coefficients = {str(name): value for name, value in method.coefficients.items()}
    vectors = parameter.vectors()
    if method.method == "ties":
        change = ties(vectors, coefficients, method.keep)
    elif method.method == "dare":
        change = dare(vectors, coefficients, method.drop, method.seed, parameter.name)
    else:
        change = weighted_sum(vectors, coefficients)
    return parameter.base.float() + change


def load_merged(
    model: nn.Module, base: TensorFolder, specialists: Mapping[str, TensorFolder], method: FuseMethod
) -> None:
    """Put fused values into a ``model`` that is already in memory: one try of a search, without a file written."""
    state = model.state_dict()
    with torch.no_grad():
        for name, tensor in merged_parameters(base, specialists, method):
            state[name].copy_(tensor)
