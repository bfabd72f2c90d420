"""Checkpoints: a folder that holds one model, checked as a whole before the first tensor is used.

    config.json     shape of the model, mix, background, names of the weights files
    *.safetensors   the weights, float16; what training never changes lies in files of its own
    tokenizer.json  the tokenizer, as the tokenizers library writes it
    recipe.toml     how it was made, with hashes of what it was made from
    README.md       the model card: measured scores, data, licences, limits

Nothing is skipped: a tensor that is missing, left over or of another shape is an error that names it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.overrides import TorchFunctionMode

from engine.errors import ModelError
from engine.model.audio_encoder import SAMPLE_RATE
from engine.model.config import ModelConfig, read_config
from engine.model.fused_model import ENCODERS, FusedModel
from engine.model.rounding import SCALE, is_scale, read_tensor, round_matrix
from indexer.pieces import MediaFormat

Part = Literal["backbone", "vision", "audio"]
PARTS: Mapping[Part, tuple[str, ...]] = {
    "backbone": ("backbone", "centres"),
    "vision": ("image_encoder", "image_projector", "readout"),
    "audio": ("audio_encoder", "audio_projector", "sound_readout", "event_encoder", "event_readout"),
}

APART = tuple(f"{module}." for module in (*ENCODERS, "sound_readout", "event_readout"))
"""What is written to a file of its own name."""

PREPROCESSING = 2
"""Raised when the code turns the same file into other numbers, so that old embeddings are known to be old."""

MIXING = 2
"""Raised when the code makes another embedding of the same features, which stay as they are."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder whose config and tensor names and shapes fit together. ``tensors`` maps each name to its file."""

    folder: Path
    config: ModelConfig
    tensors: Mapping[str, Path]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that decides an embedding: config (less ``background``), tokenizer, weights.

        Reads the whole of the weights: about 0.1 s for the bundled model.
        """
        decisive = asdict(self.config)
        del decisive["background"]
        digest = hashlib.sha256(json.dumps([PREPROCESSING, MIXING, decisive], sort_keys=True).encode())
        for name in ("tokenizer.json", *sorted(self.config.weights)):
            with (self.folder / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @property
    def media(self) -> MediaFormat:
        """The form in which the model wants pictures and sound."""
        return MediaFormat(image_size=self.config.image.size, sample_rate=SAMPLE_RATE)

    def card(self) -> str:
        """The model card, Markdown. Raises ``ModelError`` when there is none."""
        try:
            return (self.folder / "README.md").read_text(encoding="utf-8")
        except OSError as error:
            raise ModelError(f"model {self.folder}: cannot read its card, README.md: {error.strerror}") from error

    def tokenizer(self) -> Tokenizer:
        """The tokenizer, cutting at the config's ``max_tokens`` less prefix and suffix, and adding neither."""
        try:
            tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        except Exception as error:  # the library raises plain Exception
            raise ModelError(f"model {self.folder}: cannot read tokenizer.json: {error}") from error
        room = self.config.max_tokens - len(self.config.prefix_tokens) - len(self.config.suffix_tokens)
        tokenizer.no_padding()
        tokenizer.enable_truncation(room)
        return tokenizer

    def build(self) -> FusedModel:
        """The model without weights, in evaluation mode; parts lie on the meta device until ``load_part``."""
        model = _empty_model(self.config)
        for part in ("vision", "audio"):
            for name in PARTS[part]:
                model.get_submodule(name).to("meta")
        return model.eval().requires_grad_(False)

    def load_part(self, model: FusedModel, part: Part, device: torch.device | str = "cpu") -> None:
        """Fill one part of ``model`` with its weights, as float32 on ``device``."""
        for module_name in PARTS[part]:
            prefix = f"{module_name}."
            names = [name for name in self.tensors if name.startswith(prefix)]
            state = {}
            for file in sorted({self.tensors[name] for name in names}):
                with _open_weights(file, str(device)) as weights:
                    held = set(weights.keys())
                    for name in names:
                        if self.tensors[name] == file:
                            state[name.removeprefix(prefix)] = read_tensor(weights, name, held).float()
            module = model.get_submodule(module_name)
            module.load_state_dict(state, assign=True)
            module.to(device).requires_grad_(False)

    def rounded(self, part: Part) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """The weights of one part's modules that are stored as int8, and their scales, by the module's name."""
        found = {}
        inside = tuple(f"{module}." for module in PARTS[part])
        for file in sorted({file for name, file in self.tensors.items() if name.startswith(inside)}):
            with _open_weights(file) as weights:
                held = set(weights.keys())
                for name in held:
                    if name.startswith(inside) and name.endswith(".weight") and name + SCALE in held:
                        matrix = weights.get_tensor(name), weights.get_tensor(name + SCALE)
                        found[name.removesuffix(".weight")] = matrix
        return found

    def load(self, device: torch.device | str = "cpu") -> FusedModel:
        """The whole model with its weights."""
        model = self.build()
        for part in PARTS:
            self.load_part(model, part, device)
        return model


def open_checkpoint(folder: Path) -> Checkpoint:
    """Open and check a checkpoint without reading its tensors. Raises ``ModelError`` naming folder, file and tensor."""
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}")
    config = read_config(folder / "config.json")
    tensors: dict[str, Path] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for file_name in config.weights:
        file = folder / file_name
        with _open_weights(file) as weights:
            held = set(weights.keys())
            for name in held:
                if is_scale(name, held):
                    continue
                if name in tensors:
                    raise ModelError(f"model {folder}: tensor {name} is in both {tensors[name].name} and {file_name}")
                if weights.get_slice(name).get_dtype() == "I8" and name + SCALE not in held:
                    raise ModelError(f"model {folder}: tensor {name} in {file_name} is int8 without its scales")
                tensors[name] = file
                shapes[name] = tuple(weights.get_slice(name).get_shape())
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"model {folder}: tokenizer.json is missing")
    expected = {name: tuple(tensor.shape) for name, tensor in _empty_model(config).state_dict().items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if name not in shapes:
            raise ModelError(f"model {folder}: tensor {name} is missing from {', '.join(config.weights)}")
        if name not in expected:
            raise ModelError(f"model {folder}: {tensors[name].name} holds {name}, which the model does not have")
        if shapes[name] != expected[name]:
            raise ModelError(
                f"model {folder}: tensor {name} in {tensors[name].name} has shape {list(shapes[name])}, "
                f"the model needs {list(expected[name])}"
            )
    return Checkpoint(folder, config, tensors)


def save_weights(
    model: FusedModel, folder: Path, dtype: torch.dtype = torch.float16, rounded: bool = False
) -> tuple[str, ...]:
    """Write every tensor of ``model`` under ``folder``, what training never changes apart; returns the file names.

    With ``rounded``, matrices are written as int8 (``rounding.py``), those of the encoders excepted.
    """
    files: dict[str, dict[str, torch.Tensor]] = {}
    word_embeddings = model.backbone.get_input_embeddings().weight
    for name, tensor in model.state_dict(keep_vars=True).items():
        if tensor is word_embeddings:
            file = "word_embeddings"
        elif name.startswith(APART):
            file = name.split(".")[0]
        else:
            file = "model"
        tensors = files.setdefault(f"{file}.safetensors", {})
        if rounded and tensor.ndim == 2 and not file.endswith("_encoder"):
            tensors[name], tensors[name + SCALE] = round_matrix(tensor.detach().cpu())
        else:
            tensors[name] = tensor.detach().to("cpu", dtype).contiguous()
    for file_name, tensors in files.items():
        save_file(tensors, folder / file_name, metadata={"format": "pt"})
    return tuple(sorted(files))


def save_config(config: ModelConfig, folder: Path) -> None:
    """Write ``config`` as ``folder``/config.json."""
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")


def _empty_model(config: ModelConfig) -> FusedModel:
    """A model without weights: drawing random numbers for 30 million of them would cost seconds."""
    try:
        with _without_weights(config):
            return FusedModel(config)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError(f"config.json does not describe a model: {error}") from error


def _without_weights(config: ModelConfig) -> AbstractContextManager[object]:
    """Inside it, modules draw no weights; those of transformers keep the buffers that they compute for themselves."""
    if config.backbone["model_type"] == "bert":
        return _NoInitialisation()
    from transformers.initialization import no_init_weights

    return no_init_weights()


class _NoInitialisation(TorchFunctionMode):
    """Leaves out ``torch.nn.init``: a new module's memory is then reserved, and touched only when it is filled."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        options = options or {}
        if getattr(function, "__module__", None) == torch.nn.init.__name__:
            return options["tensor"] if "tensor" in options else arguments[0]
        return function(*arguments, **options)


def _open_weights(file: Path, device: str = "cpu") -> safe_open:
    try:
        return safe_open(file, framework="pt", device=device)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model {file.parent}: cannot read {file.name}: {error}") from error
