"""LoRA through peft: small matrices beside the linear layers of the backbone, merged before anything is saved.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685. peft comes with the extra ``train``.
"""

import torch
from torch import nn

from engine.errors import ModelError
from engine.model.families import OmniModel
from engine.train.recipe import LoraSettings


def add_lora(model: OmniModel, settings: LoraSettings, seed: int) -> None:
    """Put an adapter beside every linear layer of ``model.backbone``; at first it changes nothing.

    Raises ``ModelError`` when peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ModelError("LoRA needs peft: pip install 'synesthete[train]'") from error
    layers = [name for name, module in model.backbone.named_modules() if isinstance(module, nn.Linear)]
    config = LoraConfig(r=settings.rank, lora_alpha=settings.alpha, lora_dropout=0.0, target_modules=layers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model.backbone)


def is_lora(name: str) -> bool:
    """Whether a parameter belongs to an adapter."""
    return ".lora_" in name


def merge_lora(model: OmniModel) -> None:
    """Add every adapter to the layer it stands beside, W + (alpha / rank) B A, and take it away."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.get_base_layer().float()  # bfloat16 would round small changes away
            module.merge()
            model.set_submodule(name, module.get_base_layer())
