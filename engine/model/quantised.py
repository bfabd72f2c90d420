"""Large models with 8 or 4 bits a weight, by bitsandbytes (extra `quantise`): on NVIDIA GPUs and on the processor.

Word embeddings, convolutions and norms keep their numbers; the matrices between layers are made small.
"""

import logging
from typing import Any

import torch

from engine.errors import ModelError
from engine.model.devices import dtype_for


def quantised(name: str, bits: int, device: torch.device) -> dict[str, Any]:
    """The arguments of transformers that load a model with ``bits`` (8 or 4) a weight. Raises ``ModelError``.

    8: LLM.int8 (Dettmers et al., arXiv 2208.07339). 4: NF4 (QLoRA, arXiv 2305.14314), computed in the device's dtype.
    """
    if device.type not in ("cuda", "cpu"):
        raise ModelError(f"model {name}: [model] bits = {bits} needs an NVIDIA GPU or the processor, not {device}")
    try:
        import bitsandbytes  # noqa: F401
        from transformers import BitsAndBytesConfig
    except ImportError as error:
        raise ModelError(f"[model] bits = {bits} needs {error.name}: pip install 'synesthete[quantise]'") from error
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # a line at every multiplication
    chosen: dict[str, Any] = {"load_in_8bit": True}
    if bits == 4:
        chosen = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype_for(device)}
    how = BitsAndBytesConfig(**chosen)  # type: ignore[no-untyped-call]
    return {"quantization_config": how, "device_map": {"": device}}


def batch_mates_leak(bits: int) -> bool:
    """Whether what is computed together changes an embedding: with 8 bits, the columns in which any number of the batch
    is large are computed apart in float16, for all of it."""
    return bits == 8
