"""The search of a GPU, run on the processor: the same answers as plain arithmetic; and the trial search's verdict."""

import faiss
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine import gpu_search
from engine.gpu_probe import probe_gpu
from engine.gpu_search import GpuAccelerator, TorchSearch, lists_for

DIMENSION = 16


def unit_rows(count: int, seed: int) -> NDArray[np.float16]:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 90), min_size=1, max_size=4),
    removed=st.lists(st.integers(0, 400), max_size=60),
    limit=st.integers(1, 120),
    at_once=st.sampled_from([7, 64, 1 << 20]),
)
def test_torch_finds_what_plain_arithmetic_finds(
    sizes: list[int], removed: list[int], limit: int, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_search, "ROWS_AT_ONCE", at_once)
        search = TorchSearch(DIMENSION, "cpu")
        ids = np.arange(sum(sizes), dtype=np.int64) * 3
        vectors, queries = unit_rows(len(ids), 1), unit_rows(3, 2).astype(np.float32)
        first = sum(sizes[: len(sizes) // 2])
        search.add(ids[:first], vectors[:first])
        search.remove(np.array(removed, dtype=np.int64))
        search.add(ids[first:], vectors[first:])
        stays = ~(np.isin(ids, removed) & (np.arange(len(ids)) < first))
        found, scores = search.search(queries, limit)
    exact = queries @ vectors[stays].astype(np.float32).T
    count = min(limit, int(stays.sum()))
    assert found.shape == scores.shape == (3, limit)
    assert (found[:, count:] == -1).all()
    assert np.allclose(scores[:, :count], -np.sort(-exact, axis=1)[:, :count], atol=1e-5)
    places = np.searchsorted(ids[stays], found[:, :count])
    assert np.allclose(np.take_along_axis(exact, places, 1), scores[:, :count], atol=1e-5)


def test_the_accelerator_takes_blocks_and_gives_them_back_as_answers() -> None:
    vectors = unit_rows(500, 3)
    blocks = [(np.arange(s, s + 100), vectors[s : s + 100]) for s in range(0, 500, 100)]
    search = GpuAccelerator("cpu").build(DIMENSION, 500, blocks)
    found, scores = search.search(vectors[[7, 450]].astype(np.float32), 1)
    assert found.tolist() == [[7], [450]] and np.allclose(scores, 1, atol=2e-3)
    assert "processor" in search.name


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_trial_search_says_why_in_a_line() -> None:
    probe = probe_gpu()
    assert probe.gpu is None
    assert probe.reason == "torch sees no GPU"


@pytest.mark.skipif(not torch.cuda.is_available() or not hasattr(faiss, "StandardGpuResources"), reason="no GPU")
def test_with_a_gpu_the_trial_search_names_it() -> None:
    assert probe_gpu().gpu == torch.cuda.get_device_name()


def test_the_number_of_lists_grows_with_the_root() -> None:
    assert [lists_for(count) for count in (1, 10_000, 1_000_000, 4_000_000)] == [4, 512, 4096, 8192]
