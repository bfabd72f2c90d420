"""What config.json of a checkpoint says, as frozen records: the shape of a model and how its readings are mixed.

This module does not import torch, so a checkpoint can be described without loading it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from engine.errors import ModelError
from storage.records import MODALITIES, Modality

Record = TypeVar("Record")
Pooling = Literal["mean", "last"]


@dataclass(frozen=True)
class Mix:
    """Weights of the readings of a piece, summed before the last normalisation.

    ``model`` is the pooled output of the backbone, ``words`` the same for the words of a page alone; ``classes`` the
    mixture of class texts and ``map`` the linear map, both of the closed-form readout of pictures or of sounds;
    ``events`` the mixture of the texts of events that are heard. What a modality does not have weighs nothing.
    """

    model: float = 1.0
    words: float = 0.0
    classes: float = 0.0
    events: float = 0.0
    map: float = 0.0


@dataclass(frozen=True)
class ImageConfig:
    """A square of ``size`` pixels becomes one soft token for the whole and ``grid`` x ``grid`` for its parts."""

    size: int = 224
    grid: int = 2
    projector_width: int = 768
    temperature: float = 1.5
    top_classes: int = 30


@dataclass(frozen=True)
class AudioConfig:
    """Sound becomes one soft token per block of 2.3 s; ``channels`` are the widths of the encoder's four stages.

    A block is summed up over each of ``bands`` parts of its frequencies and each of ``times`` parts of its time.
    """

    channels: tuple[int, int, int, int] = (64, 128, 256, 512)
    bands: int = 1
    times: int = 0
    projector_width: int = 768

    @property
    def features(self) -> int:
        """Length of what the encoder says of a block."""
        return self.channels[-1] * (self.bands + self.times)


@dataclass(frozen=True)
class ModelConfig:
    """config.json: a backbone as transformers describes it, the encoders, the mix for each modality, the weights files.

    Every sequence stands between ``prefix_tokens`` and ``suffix_tokens`` (for BERT: [CLS] and [SEP]), whatever it is
    made of, and has at most ``max_tokens`` tokens, those included. ``background[query][piece]`` is the mean and the
    standard deviation of the cosine between a query and a piece that have nothing to do with each other.
    ``sound_classes`` are the numbers of classes of the sound readout's classifiers; there is no readout without any.
    With ``events`` there is an encoder of sound events too, and its readout.
    """

    backbone: Mapping[str, Any]
    weights: tuple[str, ...]
    pooling: Pooling = "mean"
    max_tokens: int = 256
    prefix_tokens: tuple[int, ...] = (101,)
    suffix_tokens: tuple[int, ...] = (102,)
    image: ImageConfig = ImageConfig()
    audio: AudioConfig = AudioConfig()
    sound_classes: tuple[int, ...] = ()
    events: bool = False
    mix: Mapping[Modality, Mix] = field(default_factory=lambda: dict.fromkeys(MODALITIES, Mix()))
    background: Mapping[Modality, Mapping[Modality, tuple[float, float]]] = field(default_factory=dict)

    @property
    def dimension(self) -> int:
        """Length of an embedding: the width of the backbone."""
        return int(self.backbone["hidden_size"])


def read_config(path: Path) -> ModelConfig:
    """The config at ``path``. Raises ``ModelError`` for a missing file, bad JSON, a wrong key or value."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"cannot read the model's {path}: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    try:
        config = _record(ModelConfig, raw)
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: {error}") from error
    if config.pooling not in get_args(Pooling):
        raise ModelError(f"{path}: pooling is {config.pooling!r}, not one of {', '.join(get_args(Pooling))}")
    if "hidden_size" not in config.backbone or "model_type" not in config.backbone:
        raise ModelError(f"{path}: backbone needs model_type and hidden_size")
    if set(config.mix) != set(MODALITIES):
        raise ModelError(f"{path}: mix must name each of {', '.join(MODALITIES)}")
    heard = config.mix["audio"]
    if (heard.classes or heard.map) and not config.sound_classes:
        raise ModelError(f"{path}: mix weighs a readout of sounds, but sound_classes is empty")
    if heard.events and not config.events:
        raise ModelError(f"{path}: mix weighs the events in sounds, but the model has no encoder of events")
    if config.sound_classes and not config.audio.times:
        raise ModelError(f"{path}: a readout of sounds needs an audio encoder that sums up stretches of time")
    return config


def _record(kind: type[Record], raw: Mapping[str, Any]) -> Record:
    """``raw`` as a dataclass of this module: nested records built, lists frozen, unknown keys refused."""
    hints = get_type_hints(kind)
    unknown = set(raw) - {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if is_dataclass(hints[name]):
            value = _record(hints[name], value)
        elif name == "mix":
            value = {modality: _record(Mix, weights) for modality, weights in value.items()}
        elif isinstance(value, list):
            value = tuple(value)
        values[name] = value
    return kind(**values)
