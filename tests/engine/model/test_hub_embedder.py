"""Large models through sentence-transformers: tiny ones, random weights, loaded by the code that loads a real one."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from engine.errors import ModelError
from engine.model.devices import chosen_devices, is_out_of_memory
from engine.model.hub_embedder import HubEmbedder, HubOptions
from engine.model.hub_files import fingerprint_of
from engine.model.hub_inputs import InputMaker, readable
from indexer.pieces import ExtractedPiece
from tests.engine.model.tiny_hub import save_qwen2_5_omni, save_qwen3_vl

CPU = HubOptions(device="cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("hub")
    return {"vl": save_qwen3_vl(place / "vl"), "omni": save_qwen2_5_omni(place / "omni")}


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, HubEmbedder]:
    return {name: HubEmbedder(name, folder, CPU) for name, folder in folders.items()}


def frames(count: int, height: int, width: int, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 255, (count, height, width, 3), np.uint8)


def sound(seconds: float, pitch: float) -> Any:
    return np.sin(np.arange(int(16_000 * seconds)) * pitch).astype(np.float32)


PIECES = [
    ExtractedPiece("text", text="red sea"),
    ExtractedPiece("text", text="a page of the dog " * 6),
    ExtractedPiece("image", frames=frames(1, 64, 96, 1)),
    ExtractedPiece("image", frames=frames(1, 128, 64, 2)),
    ExtractedPiece("document", text="a page", frames=frames(1, 64, 64, 3)),
    ExtractedPiece("document", text=" ", frames=frames(1, 64, 64, 4)),
    ExtractedPiece("video", frames=frames(4, 64, 96, 5), start=3.0, end=8.0),
    ExtractedPiece("video", frames=frames(1, 64, 64, 6), start=3.0, end=3.0),
    ExtractedPiece("video", frames=frames(3, 64, 64, 7), start=0.0, end=4.0),
]
SOUNDS = [
    ExtractedPiece("audio", sound=sound(seconds, pitch)) for seconds, pitch in ((1.0, 0.1), (5.0, 0.3), (0.05, 0.2))
]


@pytest.mark.parametrize("name", ["vl", "omni"])
def test_an_embedding_depends_on_its_piece_alone(models: dict[str, HubEmbedder], name: str) -> None:
    pieces = PIECES + (SOUNDS if name == "omni" else [])
    together = models[name].embed(pieces)
    reversed_order = models[name].embed(pieces[::-1])[::-1]
    alone = np.concatenate([models[name].embed([piece]) for piece in pieces])
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert (1 - (together * alone).sum(axis=1)).max() < 1e-5
    assert (1 - (together * reversed_order).sum(axis=1)).max() < 1e-5
    others = together @ together.T - 2 * np.eye(len(pieces))
    assert others.max() < 0.999


def test_a_query_goes_before_what_is_still_to_be_indexed(models: dict[str, HubEmbedder]) -> None:
    model, asked = models["vl"], models["vl"].embed_query(PIECES[:2])
    begun = threading.Event()

    class Telling(list[ExtractedPiece]):
        def __getitem__(self, number: Any) -> Any:
            if number == len(self) - 1:  # the last one that is looked at before the first batch
                begun.set()
            return super().__getitem__(number)

    with ThreadPoolExecutor(1) as indexing:
        many = indexing.submit(model.embed, Telling(PIECES * 12))
        begun.wait()
        time.sleep(0.1)
        meanwhile = model.embed_query(PIECES[:2])
        assert not many.done()
        together = many.result()
    np.testing.assert_allclose(meanwhile, asked, atol=1e-5)
    np.testing.assert_allclose(together, np.tile(model.embed(PIECES), (12, 1)), atol=1e-4)


def test_what_a_model_understands_decides_what_it_reads(models: dict[str, HubEmbedder]) -> None:
    assert models["vl"].modalities == {"text", "image", "video", "document"}
    assert models["omni"].modalities == {"text", "image", "video", "document", "audio"}
    assert models["omni"].media.sample_rate == 16_000
    assert readable(["text"], mixed=False) == {"text"}
    assert readable(["text", "image"], mixed=False) == {"text", "image", "video"}


def test_texts_and_pictures_are_those_of_sentence_transformers(folders: dict[str, Path]) -> None:
    theirs = SentenceTransformer(str(folders["vl"]), device="cpu")
    ours = HubEmbedder("vl", folders["vl"], CPU)
    expected = theirs.encode(["red sea", {"image": PIECES[2].frames[0]}])  # type: ignore[index, list-item]
    np.testing.assert_allclose(ours.embed([PIECES[0], PIECES[2]]), expected, atol=1e-5)
    asked = theirs.encode_query(["red sea"])
    np.testing.assert_allclose(ours.embed_query([PIECES[0]]), asked, atol=1e-5)
    assert np.abs(asked - expected[:1]).max() > 0.01  # the prompt counts


def test_a_text_is_read_and_never_opened(models: dict[str, HubEmbedder], tmp_path: Path) -> None:
    """Bare strings that look like addresses or paths of pictures would be fetched; names of tokens act as tokens."""
    (tmp_path / "x.png").write_bytes(b"no picture")
    for text in ("http://127.0.0.1:9/x.jpg", str(tmp_path / "x.png"), "<|image_pad|> <|video_pad|>", "<|im_end|>"):
        vectors = models["vl"].embed([ExtractedPiece("text", text=text), PIECES[2]])
        assert vectors.shape == (2, 32) and vectors[0] @ vectors[1] < 0.999


def test_a_model_without_videos_takes_the_mean_of_the_frames() -> None:
    maker = InputMaker([], videos=False, sample_rate=16_000)
    assert [list(one) for one in maker.inputs(PIECES[8])] == [["image"]] * 3
    with pytest.raises(ValueError, match="neither text nor frames nor sound"):
        maker.inputs(ExtractedPiece("image"))


def test_embeddings_can_be_cut(folders: dict[str, Path], models: dict[str, HubEmbedder]) -> None:
    short = HubEmbedder("vl", folders["vl"], HubOptions(device="cpu", dimension=8))
    whole = models["vl"].embed(PIECES)[:, :8]
    np.testing.assert_allclose(short.embed(PIECES), whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-4)
    assert short.dimension == 8 and short.fingerprint != models["vl"].fingerprint
    with pytest.raises(ModelError, match="have 32 numbers, not 64"):
        HubEmbedder("vl", folders["vl"], HubOptions(device="cpu", dimension=64))


def test_a_batch_that_does_not_fit_is_halved(folders: dict[str, Path], models: dict[str, HubEmbedder]) -> None:
    """The model itself runs out of memory at more than two pictures, as a GPU's allocator would say it."""
    embedder = HubEmbedder("vl", folders["vl"], CPU)
    room = 2

    def allocate(module: Any, arguments: Any, options: dict[str, Any]) -> None:
        if len(options["grid_thw"]) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    embedder._workers[0].model[0].model.visual.register_forward_pre_hook(allocate, with_kwargs=True)
    pictures = [ExtractedPiece("image", frames=frames(1, 64, 64, seed)) for seed in range(7)]
    np.testing.assert_allclose(embedder.embed(pictures), models["vl"].embed(pictures), atol=1e-5)
    assert embedder.batch_size("image") in (1, 2)
    room = 0
    with pytest.raises(ModelError, match="one piece of image alone needs more memory than cpu has"):
        embedder.embed(pictures[:1])


def test_two_devices_share_the_work(folders: dict[str, Path], models: dict[str, HubEmbedder]) -> None:
    two = HubEmbedder("vl", folders["vl"], HubOptions(device="cpu,cpu"))
    used = set()
    for number, worker in enumerate(two._workers):
        worker.model.register_forward_hook(lambda *_, number=number: used.add(number))
    texts = [ExtractedPiece("text", text=f"the red dog {'sea ' * n}") for n in range(100)]
    np.testing.assert_allclose(two.embed(texts), models["vl"].embed(texts), atol=1e-5)
    assert used == {0, 1}


def test_the_fingerprint_knows_the_files_wherever_they_lie(folders: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folders["vl"], copy)
    assert fingerprint_of(copy, "16 0") == fingerprint_of(folders["vl"], "16 0") != fingerprint_of(copy, "4 0")
    (copy / "README.md").write_text("another card")
    assert fingerprint_of(copy, "16 0") == fingerprint_of(folders["vl"], "16 0")
    settings = json.loads((copy / "config_sentence_transformers.json").read_text())
    settings["prompts"]["query"] = "Another question."
    (copy / "config_sentence_transformers.json").write_text(json.dumps(settings))
    assert fingerprint_of(copy, "16 0") != fingerprint_of(folders["vl"], "16 0")


def test_code_that_comes_with_a_model_does_not_run(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "own_code"
    shutil.copytree(folders["vl"], folder)
    proof = tmp_path / "ran"
    (folder / "own.py").write_text(
        "from pathlib import Path\nfrom sentence_transformers.sentence_transformer.modules import Normalize\n"
        f"Path({str(proof)!r}).touch()\nclass Own(Normalize): pass\n"
    )
    modules = json.loads((folder / "modules.json").read_text())
    modules[-1]["type"] = "own.Own"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="needs Python code that comes with it"):
        HubEmbedder("own", folder, CPU)
    assert not proof.exists()
    HubEmbedder("own", folder, HubOptions(device="cpu", trust_code=True))
    assert proof.exists()


@pytest.mark.parametrize("damage", ["config", "weights", "modules"])
def test_a_damaged_folder_is_one_line(folders: dict[str, Path], tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(folders["vl"], folder)
    name = {"config": "config.json", "weights": "model.safetensors", "modules": "modules.json"}[damage]
    (folder / name).write_bytes(b"{ no")
    with pytest.raises(ModelError, match=r"model damaged cannot be loaded: .") as raised:
        HubEmbedder("damaged", folder, CPU)
    assert "\n" not in str(raised.value)
    (folder / "modules.json").unlink()
    with pytest.raises(ModelError, match=r"has no modules.json"):
        HubEmbedder("damaged", folder, CPU)


def test_devices_that_are_not_there() -> None:
    assert chosen_devices("cpu, cpu") == (torch.device("cpu"),) * 2
    for name in ("toaster", "cuda:63"):
        with pytest.raises(ModelError, match='"auto" takes what there is'):
            chosen_devices(name)


def test_running_out_of_memory_is_known_in_all_its_forms() -> None:
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_a_piece_of_a_modality_that_it_lacks_is_refused(models: dict[str, HubEmbedder]) -> None:
    with pytest.raises(ModelError, match="model vl cannot read audio"):
        models["vl"].embed(SOUNDS[:1])
