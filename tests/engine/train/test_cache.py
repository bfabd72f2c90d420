"""The cache of features, and the reading of real files into it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.model.checkpoint import open_checkpoint
from engine.model.embedder import ModelEmbedder
from engine.model.families import encoder_fingerprint, open_model, preparer
from engine.model.fused_model import PieceFeatures, PieceInput
from engine.train.cache import FeatureCache, piece_key
from engine.train.data import TrainingData
from engine.train.pairs import Pair, read_pairs
from engine.train.reading import piece_reader
from tests.engine.train.conftest import World
from tests.engine.train.tiny import save_tiny


def same(one: PieceFeatures, other: PieceFeatures, tolerance: float = 0.0) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("tokens", "frames", "sound")]
    return all(
        (a is None) == (b is None)
        and (a is None or torch.allclose(a.float(), b.float(), rtol=tolerance, atol=tolerance))
        for a, b in pairs
    )


@pytest.mark.parametrize("modality", ["image", "audio", "document", "text"])
def test_what_is_cached_is_what_the_encoders_say_to_half_precision(world: World, modality: str) -> None:
    model = open_checkpoint(world.base).load()
    cache = FeatureCache(world.manifest.parent / "features", encoder_fingerprint(model))
    prepare = preparer(open_model(world.base))
    pair = next(pair for pair in read_pairs(world.manifest) if pair.modality == modality)
    with piece_reader(ModelEmbedder.load(world.base).media) as read, torch.inference_mode():
        (expected,) = model.extract([prepare(read(pair))])
    found = cache.load(pair, piece_key(pair))
    assert same(found, expected, 2e-3)
    assert found.frames is None or found.frames.dtype == torch.float32
    assert found.tokens is None or found.tokens.dtype == torch.long


def noise(count: int) -> list[Pair]:
    return [Pair("text", (str(n),), str(n), "train", "CC0", passage=f"passage {n}") for n in range(count)]


def variants(pair: Pair) -> list[PieceInput]:
    """Two variants of each, random numbers that the passage decides."""
    generator = torch.Generator().manual_seed(len(pair.concept) * 1000 + int(pair.concept))
    return [PieceInput("text", tokens=torch.randint(3, 20, (5,), generator=generator)) for _ in range(2)]


def test_a_cache_goes_on_where_it_stopped_and_ends_the_same(world: World, tmp_path: Path) -> None:
    model = open_checkpoint(world.base).load()
    pairs = noise(10)
    whole = FeatureCache(tmp_path / "whole", "f" * 64)
    assert whole.fill(model, pairs, variants, shard_rows=4) == 10

    def breaks(pair: Pair) -> list[PieceInput]:
        if pair.concept == "6":
            raise KeyboardInterrupt
        return variants(pair)

    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path / "cut", "f" * 64).fill(model, pairs, breaks, shard_rows=4)
    cut = FeatureCache(tmp_path / "cut", "f" * 64)
    assert sum(piece_key(pair) in cut for pair in pairs) == 4
    assert cut.fill(model, pairs, variants, shard_rows=4) == 6
    assert cut.fill(model, pairs, variants, shard_rows=4) == 0
    names = sorted(path.name for path in whole.folder.iterdir())
    assert names == sorted(path.name for path in cut.folder.iterdir())
    assert all((whole.folder / name).read_bytes() == (cut.folder / name).read_bytes() for name in names)
    assert cut.variants(piece_key(pairs[0])) == 2


def test_a_removed_shard_is_made_again_beside_the_others(world: World, tmp_path: Path) -> None:
    model, pairs = open_checkpoint(world.base).load(), noise(10)
    FeatureCache(tmp_path, "f" * 64).fill(model, pairs, variants, shard_rows=4)
    (tmp_path / ("f" * 16) / "000000.safetensors").unlink()
    cache = FeatureCache(tmp_path, "f" * 64)
    assert cache.fill(model, pairs, variants, shard_rows=4) == 4
    assert all(piece_key(pair) in FeatureCache(tmp_path, "f" * 64) for pair in pairs)


def test_a_damaged_shard_is_named(world: World, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "f" * 64)
    cache.fill(open_checkpoint(world.base).load(), noise(2), variants)
    (shard,) = cache.folder.iterdir()
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"000000\.safetensors"):
        FeatureCache(tmp_path, "f" * 64)


def test_the_key_is_the_content_not_the_name(tmp_path: Path) -> None:
    for name, content in (("a", b"rain"), ("b", b"rain"), ("c", b"wind")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (Pair("audio", ("x",), "x", "train", "CC0", file=tmp_path / name) for name in "abc")
    assert piece_key(a) == piece_key(b) != piece_key(c)
    assert piece_key(a) != piece_key(replace(a, start=0.0, end=1.0))
    with pytest.raises(ModelError, match="gone"):
        piece_key(replace(a, file=tmp_path / "gone"))


def test_the_fingerprint_follows_the_encoders_alone(world: World, tmp_path: Path) -> None:
    model = open_checkpoint(world.base).load()
    before = encoder_fingerprint(model)
    with torch.no_grad():
        model.image_projector.first.weight += 1
        next(model.backbone.parameters()).add_(1)
    assert encoder_fingerprint(model) == before
    assert encoder_fingerprint(open_checkpoint(save_tiny(tmp_path / "other", seed=1)).load()) != before


def test_reading_names_the_file_that_cannot_be_used(world: World, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with piece_reader(ModelEmbedder.load(world.base).media) as read:
        with pytest.raises(ModelError, match=r"broken.png"):
            read(Pair("image", ("x",), "x", "train", "CC0", file=tmp_path / "broken.png"))
        with pytest.raises(ModelError, match=r"red.png: there is no piece of modality audio"):
            read(Pair("audio", ("x",), "x", "train", "CC0", file=world.manifest.parent / "red.png"))
        with pytest.raises(ModelError, match=r"on page 7"):
            read(Pair("document", ("x",), "x", "train", "CC0", file=world.manifest.parent / "red.pdf", page=7))


@pytest.fixture
def data(world: World) -> TrainingData:
    model = open_checkpoint(world.base)
    cache = FeatureCache(world.manifest.parent / "features", encoder_fingerprint(model.load()))
    return TrainingData(read_pairs(world.manifest), cache, model.tokenizer())


def test_a_batch_is_balanced_and_an_epoch_sees_every_row_once(data: TrainingData) -> None:
    batches = [data.batch(step, 6, ("audio", "image"), seed=0) for step in range(4)]
    assert len(data.pairs) == 48
    assert all(list(batch.modalities) == [0, 0, 0, 1, 1, 1] for batch in batches)
    seen = [row for batch in batches for row in batch.rows]
    assert len(set(seen)) == len(seen) == 24
    assert [data.batch(2, 6, ("audio", "image"), seed=0), batches[2]] == [batches[2]] * 2
    assert data.batch(0, 6, ("audio", "image"), seed=1) != batches[0]
    assert data.batch(4, 6, ("audio", "image"), seed=0).rows != batches[0].rows


def test_passages_are_texts_of_their_own(data: TrainingData) -> None:
    batch = data.batch(0, 4, ("text", "image"), seed=0)
    assert [number >= 0 for number in batch.passages] == [True, True, False, False]
    assert all(data.texts[number].startswith("the colour") for number in batch.passages[:2])
