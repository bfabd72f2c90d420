"""The two kinds of model, small (``FusedModel``) and large (``LargeModel``), behind one set of functions.

Training, fusing and measuring use these, and never ask which kind it is. A third kind needs: ``extract`` and
``embed_features``, a ``backbone`` with ``get_input_embeddings``, and a branch in each function below. What is large is
imported when it is met: transformers takes seconds.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import torch
from torch import nn

from engine.model.checkpoint import PREPROCESSING, Checkpoint, open_checkpoint, save_config, save_weights
from engine.model.embedder import ModelEmbedder
from engine.model.fused_model import ENCODERS, READOUTS, FusedModel, PieceFeatures, PieceInput
from indexer.pieces import ExtractedPiece
from storage.records import Modality

if TYPE_CHECKING:
    from engine.model.large_checkpoint import LargeCheckpoint
    from engine.model.large_model import LargeModel

Tensors = TypeVar("Tensors", PieceInput, PieceFeatures)
OmniModel: TypeAlias = "FusedModel | LargeModel"
OmniCheckpoint: TypeAlias = "Checkpoint | LargeCheckpoint"


def open_model(folder: Path) -> OmniCheckpoint:
    """Open a checkpoint folder of either kind. Raises ``ModelError``."""
    if not is_large(folder / "config.json"):
        return open_checkpoint(folder)
    from engine.model.large_checkpoint import open_large

    return open_large(folder)


def load_model(folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> OmniModel:
    """The model in ``folder``; a large one with its weights in ``dtype``, a small one in float32."""
    checkpoint = open_model(folder)
    return checkpoint.load(device) if isinstance(checkpoint, Checkpoint) else checkpoint.load(device, dtype)


def write_model(model: OmniModel, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write config.json and weights into ``folder``.

    Between stages weights stay float32: a step of 1e-5 is less than float16 can tell apart at 0.02.
    """
    if isinstance(model, FusedModel):
        save_config(replace(model.config, weights=save_weights(model, folder, dtype)), folder)
    else:
        from engine.model.large_checkpoint import save_large

        save_large(model.config, model.state_dict(), folder, dtype)


def preparer(checkpoint: OmniCheckpoint) -> Callable[[ExtractedPiece], PieceInput]:
    """What turns an extracted piece into tensors for this checkpoint's model."""
    if isinstance(checkpoint, Checkpoint):
        return ModelEmbedder(checkpoint).prepare
    from engine.model.large_inputs import prepare_large

    tokenizer, config = checkpoint.tokenizer(), checkpoint.config
    return lambda piece: prepare_large(piece, tokenizer, config)


def to_device(piece: Tensors, device: torch.device) -> Tensors:
    """The same piece with its tensors on ``device``."""
    parts = (piece.tokens, piece.frames, piece.sound, piece.events)
    return type(piece)(piece.modality, *(None if part is None else part.to(device) for part in parts))


def device_of(model: OmniModel) -> torch.device:
    """Where a model lies."""
    return next(model.parameters()).device


def projectors(model: OmniModel, modality: Modality) -> tuple[str, ...]:
    """Modules through which a modality enters the backbone; none for text."""
    if modality == "text":
        return ()
    if modality == "audio":
        return ("audio_projector",)
    if isinstance(model, FusedModel):
        return ("image_projector",)
    return ("backbone.visual.merger", "backbone.visual.deepstack_merger_list")


def frozen_modules(model: OmniModel) -> tuple[str, ...]:
    """Modules that no stage trains: the external encoders, what is fitted in closed form, the word embeddings."""
    backbone: Any = model.backbone
    words = backbone.get_input_embeddings()
    names = tuple(name for name, module in model.named_modules() if module is words)
    fixed = (*ENCODERS, *READOUTS, "centres") if isinstance(model, FusedModel) else ("audio_encoder",)
    return fixed + names


def encoder_fingerprint(model: OmniModel) -> str:
    """SHA-256, in hex, of what decides the result of ``extract``: encoders' weights and preprocessing."""
    config = model.config
    if isinstance(model, FusedModel):
        shape = [asdict(config)[key] for key in ("image", "audio")]
    else:
        vision = model.vision
        shape = [asdict(config)[key] for key in ("audio", "max_pixels")]
        shape.append([vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size])
    shape += [config.max_tokens, list(config.prefix_tokens), list(config.suffix_tokens)]
    digest = sha256(json.dumps([PREPROCESSING, shape], sort_keys=True, default=str).encode())
    for name, tensor in _encoder_tensors(model):
        digest.update(name.encode())
        digest.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()


def _encoder_tensors(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in sorted(model.state_dict().items()):
        if name.startswith(tuple(f"{encoder}." for encoder in ENCODERS)):
            yield name, tensor


def is_large(config: Path) -> bool:
    """Whether this config.json is one of a large model of our own."""
    try:
        return "family" in json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # whoever opens it will say what is wrong
