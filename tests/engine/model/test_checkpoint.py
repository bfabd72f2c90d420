"""A checkpoint is checked as a whole; whatever does not fit is an error that names folder and tensor."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.model.checkpoint import open_checkpoint, save_config, save_weights
from engine.model.config import AudioConfig, ImageConfig, ModelConfig
from engine.model.embedder import BUNDLED
from engine.model.fused_model import FusedModel

TINY = ModelConfig(
    backbone={
        "model_type": "bert", "vocab_size": 30522, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 512,
    },
    weights=(),
    image=ImageConfig(size=64, projector_width=16),
    audio=AudioConfig(channels=(2, 2, 4, 4), projector_width=16),
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = replace(TINY, weights=save_weights(FusedModel(TINY), folder))
    save_config(config, folder)
    shutil.copy(BUNDLED / "tokenizer.json", folder)
    return folder


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def change(file: Path, name: str, tensor: torch.Tensor | None) -> None:
    tensors = load_file(file)
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    save_file(tensors, file)


def test_saved_weights_come_back(tiny: Path) -> None:
    checkpoint = open_checkpoint(tiny)
    torch.manual_seed(0)
    original = FusedModel(TINY).state_dict()
    loaded = checkpoint.load().state_dict()
    assert original.keys() == loaded.keys()
    for name, tensor in original.items():
        assert torch.equal(tensor.half().float(), loaded[name]), name


def test_missing_tensor(copy: Path) -> None:
    change(copy / "model.safetensors", "image_projector.first.weight", None)
    with pytest.raises(ModelError, match=r"model .*/model: tensor image_projector\.first\.weight is missing"):
        open_checkpoint(copy)


def test_wrong_shape(copy: Path) -> None:
    change(copy / "audio_encoder.safetensors", "audio_encoder.blocks.0.first.bias", torch.zeros(3))
    with pytest.raises(ModelError, match=r"audio_encoder\.blocks\.0\.first\.bias .* shape \[3\].*needs \[2\]"):
        open_checkpoint(copy)


def test_left_over_tensor(copy: Path) -> None:
    change(copy / "model.safetensors", "surplus", torch.zeros(1))
    with pytest.raises(ModelError, match="holds surplus"):
        open_checkpoint(copy)


def test_tensor_in_two_files(copy: Path) -> None:
    change(copy / "model.safetensors", "image_encoder.stem.bias", torch.zeros(32))
    with pytest.raises(ModelError, match=r"image_encoder\.stem\.bias is in both"):
        open_checkpoint(copy)


def test_truncated_file(copy: Path) -> None:
    file = copy / "word_embeddings.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"cannot read word_embeddings\.safetensors"):
        open_checkpoint(copy)


def test_missing_folder_and_files(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        open_checkpoint(tmp_path / "nowhere")
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        open_checkpoint(copy)
    (copy / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json"):
        open_checkpoint(copy)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"pooling": "mean"', '"pooling": "max"', "pooling is 'max'"),
        ('"pooling"', '"poling"', "unknown key 'poling'"),
        ("{", "", "not valid JSON"),
        ('"model_type": "bert"', '"model_type": "no such model"', "does not describe a model"),
    ],
)
def test_bad_config(copy: Path, old: str, new: str, reason: str) -> None:
    file = copy / "config.json"
    text = file.read_text()
    if old not in text:
        pytest.fail(f"{old} is not in config.json")
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=reason):
        open_checkpoint(copy)


def test_fingerprint_follows_weights_but_not_background(copy: Path) -> None:
    before = open_checkpoint(copy)
    save_config(replace(before.config, background={"text": {"image": (0.1, 0.2)}}), copy)
    assert open_checkpoint(copy).fingerprint == before.fingerprint
    change(copy / "model.safetensors", "readout.map.bias", torch.ones(8).half())
    assert open_checkpoint(copy).fingerprint != before.fingerprint
