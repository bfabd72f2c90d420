"""Weights rounded to int8."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.fuse.task_vectors import TensorFolder
from engine.model.bert import Attention
from engine.model.checkpoint import open_checkpoint, save_config, save_weights
from engine.model.rounding import RoundedLinear, round_matrix, use_rounding
from tests.engine.train.tiny import save_tiny


def test_no_entry_moves_by_more_than_half_a_step() -> None:
    matrix = torch.randn(7, 50, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 3, 7).unsqueeze(1)
    rounded, scales = round_matrix(matrix)
    assert rounded.dtype == torch.int8 and rounded.abs().amax(dim=1).tolist() == [127] * 7
    assert bool(((rounded * scales.unsqueeze(1) - matrix).abs() <= 0.5001 * scales.unsqueeze(1)).all())
    assert round_matrix(torch.zeros(2, 3))[0].tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_rounded_checkpoint_says_nearly_the_same(tmp_path: Path) -> None:
    model = open_checkpoint(save_tiny(tmp_path / "plain")).load()
    (tmp_path / "rounded").mkdir()
    (tmp_path / "rounded" / "tokenizer.json").write_bytes((tmp_path / "plain" / "tokenizer.json").read_bytes())
    save_config(model.config, tmp_path / "rounded")
    assert save_weights(model, tmp_path / "rounded", torch.float32, rounded=True) == model.config.weights
    checkpoint = open_checkpoint(tmp_path / "rounded")
    before, after = model.state_dict(), checkpoint.load().state_dict()
    assert before.keys() == after.keys() == TensorFolder(tmp_path / "rounded").files.keys()
    for name, tensor in before.items():
        assert after[name].dtype == torch.float32
        torch.testing.assert_close(after[name], tensor, rtol=0, atol=float(tensor.abs().max()) / 200)
        if "encoder" in name.split(".")[0]:
            assert torch.equal(after[name], tensor)
    matrix = next(name for name in before if name.endswith("output.dense.weight"))
    assert torch.equal(TensorFolder(tmp_path / "rounded").read(matrix), after[matrix])


def test_an_int8_matrix_without_scales_is_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "plain")
    model = open_checkpoint(folder).load()
    save_weights(model, folder, torch.float32, rounded=True)
    tensors = load_file(folder / "model.safetensors")
    del tensors[next(name for name in tensors if name.endswith(".scale"))]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelError, match="is int8 without its scales"):
        open_checkpoint(folder)


@pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="torch has no FBGEMM here")
@pytest.mark.parametrize("rows", [1, 9, 64, 65, 300])
def test_a_layer_with_a_rounded_matrix_says_the_same_in_its_quick_form(rows: int) -> None:
    random = torch.Generator().manual_seed(rows)
    module = torch.nn.Sequential(torch.nn.Linear(384, 96), torch.nn.Linear(96, 40))
    with torch.no_grad():
        numbers, scales = round_matrix(torch.randn(96, 384, generator=random) * torch.logspace(-4, 1, 96).unsqueeze(1))
        module[0].weight.copy_(numbers * scales.unsqueeze(1))
        as_it_is, x = module[0], torch.randn(2, rows, 384, generator=random)
        use_rounding(module, {"0": (numbers, scales)})
        assert isinstance(module[0], RoundedLinear) and type(module[1]) is torch.nn.Linear
        for part in (x[:1], x):
            difference = (module[0](part) - as_it_is(part)).abs()
            assert float((difference / as_it_is.weight.norm(dim=1)).max()) < 1e-5


@pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="torch has no FBGEMM here")
@torch.inference_mode()
def test_the_projections_of_an_attention_become_one_and_say_the_same() -> None:
    torch.manual_seed(0)
    attention = Attention({"hidden_size": 96, "num_attention_heads": 4})
    rounded = {}
    for name in ("query", "key", "value"):
        layer = attention.self.get_submodule(name)
        assert isinstance(layer, torch.nn.Linear)
        rounded[f"self.{name}"] = numbers, scales = round_matrix(layer.weight)
        layer.weight.copy_(numbers * scales.unsqueeze(1))
    inputs = [(torch.randn(2, length, 96), torch.ones(2, 1, 1, length, dtype=torch.bool)) for length in (7, 90)]
    before = [attention(*each) for each in inputs]
    weights = [attention.self.key.weight.clone(), attention.self.value.bias.clone()]
    use_rounding(attention, rounded)
    assert isinstance(attention.self.joined, RoundedLinear)
    for each, expected in zip(inputs, before, strict=True):
        torch.testing.assert_close(attention(*each), expected, atol=1e-4, rtol=0)
    assert torch.equal(attention.self.key.weight, weights[0]) and torch.equal(attention.self.value.bias, weights[1])
    held = attention.self.joined.linear.weight.untyped_storage().data_ptr()
    assert attention.self.key.weight.untyped_storage().data_ptr() == held, "the weights are not kept twice"
