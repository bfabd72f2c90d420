"""The bundled model on real pictures, sounds and words."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.errors import ModelError
from engine.model.audio_encoder import log_mel, mel_filters
from engine.model.embedder import BUNDLED, ModelEmbedder
from engine.model.spaces import load_parts
from indexer.pieces import ExtractedPiece
from storage.records import MODALITIES

SAMPLES = Path(__file__).parents[2] / "samples"


def picture(name: str) -> NDArray[np.uint8]:
    with Image.open(SAMPLES / "pictures" / name) as image:
        rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return np.asarray(white.convert("RGB"))


def sound(name: str) -> NDArray[np.float32]:
    with av.open(str(SAMPLES / "sounds" / name)) as container:
        resampler = av.AudioResampler("fltp", "mono", 44_100)
        frames = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(frames)


@pytest.fixture(scope="module")
def embedder() -> ModelEmbedder:
    return ModelEmbedder.load("bundled", threads=1)


@pytest.fixture(scope="module")
def pieces() -> list[ExtractedPiece]:
    """Pieces of every modality, unlike in length."""
    penguin, bicycle = picture("penguin.png"), picture("bicycle.png")
    return [
        ExtractedPiece("text", text="A penguin stands on the ice."),
        ExtractedPiece("image", frames=penguin[None]),
        ExtractedPiece("audio", sound=sound("drum_roll.flac")),
        ExtractedPiece("text", text="Cycling in the mountains is hard work. " * 30),
        ExtractedPiece("video", frames=np.stack([penguin[:200, :200], penguin[50:250, 50:250]])),
        ExtractedPiece("document", text="A page about bicycles", frames=bicycle[None]),
        ExtractedPiece("document", text="", frames=bicycle[None]),
        ExtractedPiece("audio", sound=sound("loop_tabla.flac")),
        ExtractedPiece("image", frames=bicycle[None]),
        ExtractedPiece("text", text=""),
    ]


def test_vectors_are_normalised(embedder: ModelEmbedder, pieces: list[ExtractedPiece]) -> None:
    vectors = embedder.embed(pieces)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(pieces), embedder.dimension) == (10, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed([]).shape == (0, 384)


def test_an_embedding_depends_on_its_piece_alone(embedder: ModelEmbedder, pieces: list[ExtractedPiece]) -> None:
    together = embedder.embed(pieces)
    backwards = embedder.embed(pieces[::-1])[::-1]
    alone = np.concatenate([embedder.embed([piece]) for piece in pieces])
    for other in (backwards, alone, embedder.embed(pieces)):
        assert (1 - (together * other).sum(axis=1)).max() <= 1e-5
    assert np.array_equal(together, embedder.embed(pieces))


def test_a_query_does_not_wait_for_a_batch_and_both_are_as_they_are_alone(
    embedder: ModelEmbedder, pieces: list[ExtractedPiece]
) -> None:
    many, alone = pieces * 12, embedder.embed_query(pieces)
    begun = threading.Event()

    class Telling(list[ExtractedPiece]):
        def __iter__(self) -> Iterator[ExtractedPiece]:
            begun.set()
            return super().__iter__()

    with ThreadPoolExecutor(1) as indexing:
        batch = indexing.submit(embedder.embed, Telling(many))
        begun.wait()
        asked = [embedder.embed_query(pieces[:1]) for _ in range(3)]
        assert not batch.done()
        assert np.array_equal(embedder.embed_query(pieces), alone)
        together = batch.result()
    assert all((1 - (vector[0] * alone[0]).sum()) <= 1e-5 for vector in asked)
    assert (1 - (together.reshape(12, *alone.shape) * alone).sum(axis=2)).max() <= 1e-5


def test_a_short_text_has_the_same_embedding_alone_and_among_others(embedder: ModelEmbedder) -> None:
    texts = [ExtractedPiece("text", text="a harbour at night " * length) for length in (1, 3, 40)]
    alone = [embedder.embed([text])[0] for text in texts]
    assert np.array_equal(embedder.embed(texts[:1])[0], alone[0])
    assert np.abs(embedder.embed(texts * 5) - np.stack(alone * 5)).max() < 1e-6


def test_a_short_text_takes_one_thread_and_leaves_their_number_as_it_was(embedder: ModelEmbedder) -> None:
    before, seen = torch.get_num_threads(), []
    words = [ExtractedPiece("text", text="a harbour at night " * length) for length in (1, 40)]
    hook = embedder._model.backbone.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    try:
        for text in words:
            embedder.embed_query([text])
    finally:
        hook.remove()
    assert seen == [1, before] and torch.get_num_threads() == before


def test_similar_sentences_are_closer(embedder: ModelEmbedder) -> None:
    texts = ["A man is playing a guitar", "Someone plays an instrument", "The stock market fell today"]
    a, b, c = embedder.embed([ExtractedPiece("text", text=text) for text in texts])
    assert a @ b > 0.5
    assert max(a @ c, b @ c) < 0.2


@pytest.mark.parametrize(
    ("name", "label"), [("penguin.png", 145), ("guitar-acoustic.png", 402), ("tiger.png", 292), ("bananas.png", 954)]
)
def test_the_picture_encoder_names_what_it_sees(embedder: ModelEmbedder, name: str, label: int) -> None:
    """145 king penguin, 402 acoustic guitar, 292 tiger, 954 banana, in ImageNet's numbering."""
    embedder.embed([ExtractedPiece("image", frames=picture(name)[None])])
    encoder = embedder._model.image_encoder
    pixels = Image.fromarray(picture(name)).resize((224, 224))
    with torch.inference_mode():
        pooled = encoder(torch.tensor(np.asarray(pixels)).permute(2, 0, 1)[None].float()).mean(dim=(2, 3))
        assert int(encoder.classify(pooled).argmax()) == label


@pytest.mark.parametrize("query", ["penguin", "bicycle", "telephone", "mushroom"])
def test_words_find_pictures(embedder: ModelEmbedder, query: str) -> None:
    names = ["penguin", "bicycle-blue", "telephone-red", "mushroom-red", "alarm-clock", "owl", "castle"]
    names = [name for name in names if (SAMPLES / "pictures" / f"{name}.png").exists()]
    pool = embedder.embed([ExtractedPiece("image", frames=picture(f"{name}.png")[None]) for name in names])
    asked = embedder.embed([ExtractedPiece("text", text=query)])[0]
    assert names[int((pool @ asked).argmax())].startswith(query)


def test_a_quiet_recording_is_the_same_recording(embedder: ModelEmbedder) -> None:
    loud = sound("loop_tabla.flac")
    a, b = embedder.embed([ExtractedPiece("audio", sound=loud), ExtractedPiece("audio", sound=loud * np.float32(0.1))])
    assert a @ b > 0.999


def test_silence_and_a_single_sample_embed(embedder: ModelEmbedder) -> None:
    silence = [ExtractedPiece("audio", sound=np.zeros(n, np.float32)) for n in (1, 100, 441_000)]
    assert np.isfinite(embedder.embed(silence)).all()


def test_mel_front_end() -> None:
    """A pure tone lands in the band whose triangle is centred nearest it; a short sound fills a block of 2.3 s."""
    assert torch.allclose(mel_filters().sum(dim=1), torch.ones(96))
    time = np.arange(44_100 * 5) / 44_100
    tone = torch.tensor(np.sin(2 * np.pi * 1000 * time), dtype=torch.float32)
    frames = log_mel(tone)
    assert frames.shape == (216, 96) and log_mel(tone[:2000]).shape == (100, 96)
    step = 1127 * np.log1p(22_050 / 700) / 97
    nearest = round(1127 * np.log1p(1000 / 700) / step) - 1
    assert int(frames[50].argmax()) == nearest


def test_background_is_known_for_all_pairs(embedder: ModelEmbedder) -> None:
    for query in MODALITIES:
        for piece in MODALITIES:
            mean, deviation = embedder.background(query, piece)
            assert -1 < mean < 1
            assert 0 < deviation < 0.5


def test_a_piece_without_content_is_refused(embedder: ModelEmbedder) -> None:
    with pytest.raises(ValueError, match="neither text nor frames nor sound"):
        embedder.embed([ExtractedPiece("image")])


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        ModelEmbedder.load(tmp_path / "none")


def test_text_loads_no_encoder() -> None:
    own = ModelEmbedder.load("bundled")
    assert own.loaded == set()
    own.embed([ExtractedPiece("text", text="hello")])
    assert own.loaded == {"backbone"}
    assert next(own._model.image_encoder.parameters()).is_meta
    assert next(own._model.audio_encoder.parameters()).is_meta


def test_describing_a_model_does_not_import_torch() -> None:
    code = "import sys, engine, engine.model.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bundled_model_is_small_and_has_its_card() -> None:
    assert sum(file.stat().st_size for file in BUNDLED.iterdir()) <= 80_000_000
    assert "Licence" in (BUNDLED / "README.md").read_text()
    assert (BUNDLED / "recipe.toml").exists()
    assert set(json.loads((BUNDLED / "config.json").read_text())["weights"]) == {
        file.name for file in BUNDLED.glob("*.safetensors")
    }


def test_parts_are_loaded_before_they_are_needed() -> None:
    embedder = ModelEmbedder.load("bundled", threads=1)
    assert not embedder.loaded
    load_parts(embedder)
    assert embedder.loaded == {"backbone", "vision", "audio"}
