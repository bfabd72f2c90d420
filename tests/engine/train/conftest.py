"""The tiny model and its data, encoded once for all tests of training."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from engine.model.embedder import ModelEmbedder
from engine.train.reading import piece_reader
from engine.train.stages import fill_cache, piece_variants
from tests.engine.train.tiny import make_data, save_tiny, tiny_recipe


@dataclass(frozen=True)
class World:
    """A base checkpoint and a manifest whose features are in the cache beside it."""

    base: Path
    manifest: Path


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    base, manifest = save_tiny(folder / "base"), make_data(folder / "data")
    recipe = tiny_recipe(base, manifest, folder / "out")
    with piece_reader(ModelEmbedder.load(base).media) as read:
        assert fill_cache(recipe, piece_variants(recipe, read)) == 4 * 12
    return World(base, manifest)
