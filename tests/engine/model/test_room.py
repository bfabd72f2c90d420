"""Models that are larger than the machine."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.model.hub_embedder import HubEmbedder, HubOptions
from engine.model.room import memory_of_weights, require_room
from tests.engine.model.tiny_hub import save_qwen3_vl

CPU = torch.device("cpu")


def save_huge(file: Path, weights: int) -> None:
    """Safetensors of one matrix with so many weights, with a hole where they would stand."""
    described = {"layer.weight": {"dtype": "BF16", "shape": [1000, weights // 1000], "data_offsets": [0, 2 * weights]}}
    header = json.dumps(described).encode()
    with file.open("wb") as out:
        out.write(len(header).to_bytes(8, "little") + header)
        out.truncate(8 + len(header) + 2 * weights)


def test_memory_is_that_of_the_loaded_weights(tmp_path: Path) -> None:
    tensors = {"embed_tokens.weight": torch.zeros(10, 8), "layer.weight": torch.zeros(8, 8), "norm": torch.zeros(8)}
    save_file({name: tensor.bfloat16() for name, tensor in tensors.items()}, tmp_path / "model.safetensors")
    assert memory_of_weights(tmp_path, torch.float32) == 4 * (80 + 64 + 8)
    assert memory_of_weights(tmp_path, torch.bfloat16) == 2 * (80 + 64 + 8)
    assert memory_of_weights(tmp_path, torch.float32, 8) == 4 * (80 + 8) + 64
    assert memory_of_weights(tmp_path, torch.float32, 4) == 4 * (80 + 8) + 32


def test_a_model_larger_than_the_memory_is_one_line_and_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(save_qwen3_vl(tmp_path / "tiny"), folder)
    save_huge(folder / "more.safetensors", 10**12)
    told = r"model big needs 4000.0 GB of memory, and \d+\.\d are free; .*take a smaller model"
    with pytest.raises(ModelError, match=told + r", or \[model\] bits = 8 or 4$"):
        HubEmbedder("big", folder, HubOptions(device="cpu"))
    with pytest.raises(ModelError, match=r"needs 500.0 GB of memory, .*take a smaller model$"):
        require_room("big", folder, CPU, 4)
    require_room("big", folder, torch.device("cuda"))  # whose allocator says so itself


@pytest.mark.parametrize("content", [b"", b"\xff" * 4096, b"\x02" + bytes(7) + b"[]", b"\x05" + bytes(7) + b'{"a":'])
def test_a_damaged_header_is_left_to_whoever_loads_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert memory_of_weights(tmp_path, torch.float32) == 0
