"""Checkpoint folders of the large model: reading, writing, and putting one together from the published parts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers.initialization import no_init_weights

from engine.errors import ModelError
from engine.model.large_model import LargeConfig, LargeModel
from engine.model.projector import Projector
from indexer.pieces import MediaFormat

SHARD_BYTES = 4 * 1024**3
IMAGE_SIZE = 448  # pixels of the shorter side: pages stay legible
SAMPLE_RATE = 16_000
PUBLISHED_PARTS = {"visual.": "backbone.visual.", "language_model.": "backbone.language_model."}


@dataclass(frozen=True)
class LargeCheckpoint:
    """A folder with config.json (``family`` "qwen3_vl"), safetensors shards and tokenizer.json."""

    folder: Path
    config: LargeConfig

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of config, tokenizer and weights; reads all of them."""
        digest = sha256(json.dumps(asdict(self.config), sort_keys=True).encode())
        for name in ("tokenizer.json", *sorted(self.config.weights)):
            with (self.folder / name).open("rb") as file:
                digest.update(file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @property
    def media(self) -> MediaFormat:
        """The form in which the model wants pictures and sound."""
        return MediaFormat(image_size=IMAGE_SIZE, sample_rate=SAMPLE_RATE)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer, cutting at ``max_tokens``, without special tokens of its own."""
        try:
            tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        except Exception as error:  # the library raises plain Exception
            raise ModelError(f"model {self.folder}: cannot read tokenizer.json: {error}") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.config.max_tokens)
        return tokenizer

    def load(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> LargeModel:
        """The model with its weights, in evaluation mode. Raises ``ModelError`` for a tensor that does not fit."""
        with no_init_weights():
            model = LargeModel(self.config)
        expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        state: dict[str, Tensor] = {}
        for file in self.config.weights:
            with _open(self.folder / file) as weights:
                for name in weights.keys():  # noqa: SIM118, not a mapping
                    tensor = weights.get_tensor(name)
                    if expected.get(name) != tuple(tensor.shape):
                        raise ModelError(
                            f"model {self.folder}: tensor {name} in {file} has shape {list(tensor.shape)}, "
                            f"the model needs {list(expected[name]) if name in expected else 'none of that name'}"
                        )
                    state[name] = tensor.to(device, dtype)
        for name in sorted(expected.keys() - state.keys()):
            raise ModelError(f"model {self.folder}: tensor {name} is missing")
        model.load_state_dict(state, assign=True)
        return model.to(device).eval().requires_grad_(False)


def open_large(folder: Path) -> LargeCheckpoint:
    """Open a large checkpoint without reading its tensors. Raises ``ModelError``."""
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        unknown = set(raw) - {item.name for item in fields(LargeConfig)}
        if unknown:
            raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
        lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, list)}
        config = LargeConfig(**{**raw, **lists})
    except OSError as error:
        raise ModelError(f"cannot read the model's {folder / 'config.json'}: {error.strerror}") from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: {error}") from error
    for name in ("tokenizer.json", *config.weights):
        if not (folder / name).is_file():
            raise ModelError(f"model {folder}: {name} is missing")
    return LargeCheckpoint(folder, config)


def save_large(config: LargeConfig, state: Mapping[str, Tensor], folder: Path, dtype: torch.dtype) -> LargeConfig:
    """Write config.json and the tensors of ``state`` as shards; returns the config with their names."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in state.items():
        size += tensor.numel() * dtype.itemsize
        if size > SHARD_BYTES and shards[-1]:
            shards.append({})
            size = tensor.numel() * dtype.itemsize
        shards[-1][name] = tensor
    names = tuple(f"model-{number:05d}.safetensors" for number in range(1, len(shards) + 1))
    for name, shard in zip(names, shards, strict=True):
        tensors = {key: tensor.detach().to("cpu", dtype).contiguous() for key, tensor in shard.items()}
        save_file(tensors, folder / name, metadata={"format": "pt"})
    written = replace(config, weights=names)
    (folder / "config.json").write_text(json.dumps(asdict(written), indent=2) + "\n", encoding="utf-8")
    return written


def assemble(
    vision_language: Path,
    omni: Path,
    out: Path,
    projector_width: int = 4096,
    seed: int = 0,
    prefix_tokens: tuple[int, ...] = LargeConfig.prefix_tokens,
    suffix_tokens: tuple[int, ...] = LargeConfig.suffix_tokens,
) -> None:
    """Write ``out`` from the published folders of Qwen3-VL and Qwen3-Omni, with a projector that is yet to be trained.

    Takes the vision tower and language model of the first (without its output head) and the audio tower of the second,
    in the dtype they are published in. ``out`` must exist and be empty. Raises ``ModelError`` when a part is missing.
    """
    backbone = _published_config(vision_language)
    audio = _published_config(omni)
    audio = audio.get("thinker_config", audio).get("audio_config")
    if audio is None:
        raise ModelError(f"model {omni}: config.json describes no audio encoder")
    config = LargeConfig(
        backbone,
        audio,
        projector_width=projector_width,
        prefix_tokens=prefix_tokens,
        suffix_tokens=suffix_tokens,
    )
    state: dict[str, Tensor] = {}
    for part, target in PUBLISHED_PARTS.items():
        state |= _published_tensors(vision_language, part, target)
    state |= _published_tensors(omni, "audio_tower.", "audio_encoder.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        projector = Projector(int(audio["output_dim"]), projector_width, config.dimension)
    state |= {f"audio_projector.{name}": tensor for name, tensor in projector.state_dict().items()}
    dtype = next(iter(state.values())).dtype
    save_large(config, state, out, dtype)
    try:
        (out / "tokenizer.json").write_bytes((vision_language / "tokenizer.json").read_bytes())
    except OSError as error:
        raise ModelError(f"model {vision_language}: cannot read tokenizer.json: {error.strerror}") from error


def _published_config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the model's {folder / 'config.json'}: {error}") from error
    return config


def _published_tensors(folder: Path, part: str, target: str) -> dict[str, Tensor]:
    """The tensors of the module ``part``, which lies at the top or in model. or thinker., renamed to ``target``."""
    found: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with _open(file) as weights:
            for name in weights.keys():  # noqa: SIM118, not a mapping
                before, is_part, rest = name.partition(part)
                if is_part and before in ("", "model.", "thinker."):
                    found[target + rest] = weights.get_tensor(name)
    if not found:
        raise ModelError(f"model {folder}: no tensor belongs to {part.rstrip('.')}")
    return found


def _open(file: Path) -> safe_open:
    try:
        return safe_open(file, framework="pt")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model {file.parent}: cannot read {file.name}: {error}") from error
