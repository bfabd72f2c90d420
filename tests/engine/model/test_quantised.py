"""Models with 8 and 4 bits a weight, on the processor: real ones of bitsandbytes."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.model.hub_embedder import HubEmbedder, HubOptions
from engine.model.quantised import quantised
from engine.model.room import memory_of_weights
from tests.engine.model.test_hub_embedder import PIECES, SOUNDS
from tests.engine.model.tiny_hub import save_qwen2_5_omni, save_qwen3_vl

bitsandbytes = pytest.importorskip("bitsandbytes", reason="the extra `quantise` is not installed")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("quantised")
    return {"vl": save_qwen3_vl(place / "vl"), "omni": save_qwen2_5_omni(place / "omni")}


@pytest.mark.parametrize("name", ["vl", "omni"])
@pytest.mark.parametrize(("bits", "nearness"), [(8, 0.99), (4, 0.75)])
def test_fewer_bits_say_nearly_the_same(
    folders: dict[str, Path], name: str, bits: int, nearness: float, caplog: pytest.LogCaptureFixture
) -> None:
    """``nearness``: the cosine with the whole model; these are tiny, and so rounded coarsely."""
    pieces = PIECES + (SOUNDS if name == "omni" else [])
    whole = HubEmbedder(name, folders[name], HubOptions(device="cpu"))
    with caplog.at_level(logging.WARNING):
        small = HubEmbedder(name, folders[name], HubOptions(device="cpu", bits=bits))
        together = small.embed(pieces)
    assert not caplog.records  # a library that speaks at every multiplication hides what we say
    kinds = {type(module) for module in small._workers[0].model.modules()}
    assert {8: bitsandbytes.nn.Linear8bitLt, 4: bitsandbytes.nn.Linear4bit}[bits] in kinds
    assert nearness < (together * whole.embed(pieces)).sum(axis=1).min() < 0.99999
    alone = np.concatenate([small.embed([piece]) for piece in pieces])
    assert (1 - (together * alone).sum(axis=1)).max() < 1e-6
    assert small.fingerprint != whole.fingerprint


def test_the_memory_that_is_told_beforehand_is_what_they_take(folders: dict[str, Path]) -> None:
    for bits in (8, 4):
        model = HubEmbedder("vl", folders["vl"], HubOptions(device="cpu", bits=bits))._workers[0].model
        held = sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())
        assert memory_of_weights(folders["vl"], torch.float32, bits) == pytest.approx(held, rel=0.05)


def test_apples_gpu_is_refused() -> None:
    with pytest.raises(ModelError, match="bits = 8 needs an NVIDIA GPU or the processor, not mps"):
        quantised("vl", 8, torch.device("mps"))
