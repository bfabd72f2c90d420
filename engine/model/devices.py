"""Where a large model computes, and in which numbers: what the machine has decides, unless the settings do."""

import contextlib
import time

import torch

from engine.errors import ModelError

_SHORT = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def chosen_devices(setting: str) -> tuple[torch.device, ...]:
    """The devices of ``[model] device``: "auto" is every NVIDIA GPU, else Apple's, else the processor.

    Several names with commas between them are several devices, each with a copy of the model. Raises ``ModelError``.
    """
    if setting == "auto":
        if torch.cuda.is_available():
            return tuple(torch.device("cuda", number) for number in range(torch.cuda.device_count()))
        return (torch.device("mps" if torch.backends.mps.is_available() else "cpu"),)
    try:
        found = tuple(torch.device(name.strip()) for name in setting.split(","))
    except RuntimeError as error:
        raise ModelError(f'[model] device = "{setting}" names no device; "auto" takes what there is') from error
    for device in found:
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise ModelError(f'[model] device = "{setting}": this machine has no such GPU; "auto" takes what there is')
        if device.type == "mps" and not torch.backends.mps.is_available():
            raise ModelError(f'[model] device = "{setting}": this machine has none; "auto" takes what there is')
    return found


def dtype_for(device: torch.device) -> torch.dtype:
    """bfloat16 on GPUs (float16 on NVIDIA's before Ampere, which have none), float32 on the processor."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    return torch.bfloat16 if device.type == "mps" else torch.float32


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, or Python itself, could not get the memory it asked for."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _SHORT)


def release(device: torch.device) -> None:
    """Give a GPU's cached memory back. Another thread may still hold its batch: a moment lets it finish."""
    if device.type == "cpu":
        return
    time.sleep(0.05)
    with contextlib.suppress(RuntimeError):
        if device.type == "cuda":
            torch.cuda.empty_cache()
        elif device.type == "mps":
            torch.mps.empty_cache()
