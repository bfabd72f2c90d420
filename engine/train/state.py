"""The state of an unfinished training run: trained parameters, AdamW's moments, the number of steps done."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import ModelError
from storage.atomic import replaced_file

MOMENTS = ("exp_avg", "exp_avg_sq")


def save_state(
    folder: Path, run: str, steps: int, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Write ``folder``/state.safetensors, the old state staying whole until the new one is."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        tensors[f"weight/{name}"] = parameter.detach().cpu().contiguous()
        for moment in MOMENTS:
            if moment in optimizer.state[parameter]:
                tensors[f"{moment}/{name}"] = optimizer.state[parameter][moment].cpu().contiguous()
    with replaced_file(folder / "state.safetensors") as path:
        save_file(tensors, path, metadata={"run": run, "steps": str(steps)})


def load_state(folder: Path, run: str, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> int:
    """Put a saved state back; returns the number of steps done, 0 when there is none.

    Raises ``ModelError`` when the state is damaged or belongs to another run.
    """
    path = folder / "state.safetensors"
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as saved:
            metadata = saved.metadata()
            if metadata["run"] != run:
                raise ModelError(f"{path} is of a run with other settings, data or weights; remove it to begin anew")
            steps = int(metadata["steps"])
            held = set(saved.keys())
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(saved.get_tensor(f"weight/{name}"))
                    if f"{MOMENTS[0]}/{name}" in held:
                        state = {moment: saved.get_tensor(f"{moment}/{name}") for moment in MOMENTS}
                        state = {moment: tensor.to(parameter.device) for moment, tensor in state.items()}
                        optimizer.state[parameter] = {"step": torch.tensor(float(steps)), **state}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot read the state of training in {path}: {error}; remove it to begin anew") from error
    return steps
