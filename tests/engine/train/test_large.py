"""The whole path on transformers' own classes, Qwen3-VL and the Qwen3-Omni audio encoder, tiny, with random weights."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_omni_moe.configuration_qwen3_omni_moe import Qwen3OmniMoeAudioEncoderConfig
from transformers.models.qwen3_omni_moe.modeling_qwen3_omni_moe import Qwen3OmniMoeAudioEncoder

from engine.errors import ModelError
from engine.fuse.drift import measure_drift
from engine.fuse.task_vectors import TensorFolder
from engine.model.families import load_model, open_model, preparer
from engine.model.fused_model import PieceInput
from engine.model.large_checkpoint import assemble, open_large
from engine.model.large_model import LargeModel, fitting_size
from engine.train.lora import add_lora, is_lora, merge_lora
from engine.train.pairs import Pair
from engine.train.recipe import LoraSettings
from engine.train.stages import Run, fill_cache, fuse, open_run, recover, rehearse, train_specialist
from indexer.pieces import ExtractedPiece
from storage.records import Modality
from tests.engine.train.tiny import CONCEPTS, STAGE, save_tokenizer, tiny_recipe

BACKBONE = {
    "text_config": {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5e5, "mrope_section": [4, 2, 2]},
    },
    "vision_config": {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_heads": 2,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0],
    },
    "image_token_id": 60,
    "video_token_id": 61,
    "vision_start_token_id": 62,
    "vision_end_token_id": 63,
}
AUDIO = {
    "num_mel_bins": 16,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "d_model": 16,
    "output_dim": 24,
    "n_window": 50,
    "n_window_infer": 200,
    "downsample_hidden_size": 4,
    "max_source_positions": 64,
}
WORDS = CONCEPTS[:8]
SCALE = {**STAGE, "steps": 8, "lr": 3e-3}
LORA = {**SCALE, "lora": {"rank": 4, "alpha": 8}}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint put together from folders as transformers writes them."""
    folder = tmp_path_factory.mktemp("large")
    torch.manual_seed(0)
    published = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**BACKBONE))
    published.save_pretrained(folder / "vl")
    save_tokenizer(folder / "vl")
    omni = torch.nn.Module()
    omni.audio_tower = Qwen3OmniMoeAudioEncoder(Qwen3OmniMoeAudioEncoderConfig(**AUDIO))
    published_names = {f"thinker.{name}": tensor for name, tensor in omni.state_dict().items()}
    (folder / "omni").mkdir()
    save_file(published_names, folder / "omni" / "model.safetensors")
    config = {"thinker_config": {"audio_config": omni.audio_tower.config.to_dict()}}
    (folder / "omni" / "config.json").write_text(json.dumps(config))
    (folder / "base").mkdir()
    assemble(folder / "vl", folder / "omni", folder / "base", projector_width=32)
    path = folder / "base" / "config.json"
    settings = json.loads(path.read_text()) | {"suffix_tokens": [2], "max_tokens": 16}
    path.write_text(json.dumps(settings))
    return folder / "base"


def inputs(pair: Pair) -> list[PieceInput]:
    """A piece that is noise, but always the same noise for one concept."""
    generator = torch.Generator().manual_seed(WORDS.index(pair.concept))
    if pair.modality == "audio":
        return [PieceInput("audio", sound=torch.randn(40, 16, generator=generator))]
    frames = 255 * torch.rand(3 if pair.modality == "video" else 1, 3, 16, 24, generator=generator)
    tokens = torch.tensor([3]) if pair.modality == "document" else None
    return [PieceInput(pair.modality, tokens, frames)]


@pytest.fixture(scope="module")
def run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train, fuse, recover, rehearse; the backbone always by LoRA."""
    folder = tmp_path_factory.mktemp("large_run")
    modalities: list[Modality] = ["image", "video", "document", "audio"]
    rows: list[dict[str, Any]] = []
    for word in WORDS:
        (folder / word).write_text(word)
        rows += [
            {"modality": m, "file": word, "text": f"the {word}", "concept": word, "split": "train", "licence": "CC0"}
            for m in modalities
        ]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = tiny_recipe(
        base,
        manifest,
        folder / "out",
        common={},
        specialists=dict.fromkeys(modalities, LORA),
        fuse={"coefficients": {"image": 0.3, "video": 0.3, "document": 0.3, "audio": 0.5}},
        recover=SCALE,
        rehearse={**LORA, "anchor": 1.0},
        joint=None,
        projectors=None,
    )
    assert fill_cache(recipe, inputs) == 32
    run = open_run(recipe, seed=0)
    for modality in modalities:
        train_specialist(run, modality)
    fuse(run)
    recover(run)
    rehearse(run)
    return run


def changed(before: Path, after: Path) -> set[str]:
    first, second = TensorFolder(before), TensorFolder(after)
    names = [name for name in first.files if not torch.equal(first.read(name), second.read(name))]
    return {".".join(name.split(".")[: 2 if name.startswith("backbone") else 1]) for name in names}


def test_each_stage_changes_what_it_should_and_nothing_else(run: Run) -> None:
    base = run.recipe.base
    assert changed(base, run.folder("audio")) == {"backbone.language_model", "audio_projector"}
    for modality in ("image", "video", "document"):
        assert changed(base, run.folder(modality)) == {"backbone.language_model", "backbone.visual"}
    assert changed(run.folder("audio"), run.folder("fused")) == {"backbone.language_model", "backbone.visual"}
    assert changed(run.folder("fused"), run.folder("recovered")) == {"audio_projector"}
    rehearsed = changed(run.folder("recovered"), run.folder("rehearsed"))
    assert rehearsed == {"backbone.language_model", "backbone.visual", "audio_projector"}


def test_the_losses_fall(run: Run) -> None:
    for stage in ("image", "video", "document", "audio", "recovered", "rehearsed"):
        loss = tomllib.loads((run.folder(stage) / "recipe.toml").read_text())["loss"]
        assert loss["last"] < loss["first"], stage


def test_drift_is_measured_here_too(run: Run) -> None:
    rows = [row for row, pair in enumerate(run.data.pairs) if pair.modality == "audio"]
    pieces = [run.data.cache.load(run.data.pairs[row], run.data.keys[row]) for row in rows]
    drift = measure_drift(load_model(run.folder("audio")), load_model(run.folder("fused")), pieces)
    assert drift.tokens.relative_norm == 0.0 and drift.embedding.relative_norm > 1e-3


def all_kinds() -> list[PieceInput]:
    torch.manual_seed(1)
    return [
        PieceInput("text", tokens=torch.tensor([3, 4, 5, 6, 7])),
        PieceInput("image", frames=255 * torch.rand(1, 3, 16, 16)),
        PieceInput("audio", sound=torch.randn(37, 16)),
        PieceInput("video", frames=255 * torch.rand(4, 3, 16, 24)),
        PieceInput("document", torch.tensor([8, 9]), 255 * torch.rand(1, 3, 16, 16)),
        PieceInput("audio", sound=torch.randn(230, 16)),
    ]


def test_an_embedding_depends_on_its_own_piece_alone(base: Path) -> None:
    model = load_model(base)
    with torch.inference_mode():
        together = model(all_kinds())
        alone = torch.cat([model([piece]) for piece in all_kinds()])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert torch.allclose(together.norm(dim=1), torch.ones(6))
    assert (together @ together.T).fill_diagonal_(0).max() < 0.9999


def test_pictures_and_words_give_what_transformers_own_forward_gives(base: Path) -> None:
    model = load_model(base)
    assert isinstance(model, LargeModel)
    frames = 255 * torch.rand(1, 3, 16, 24)
    (features,) = model.extract([PieceInput("document", torch.tensor([8, 9]), frames)])
    ids = torch.tensor([[8, 9, 62, *[60] * 6, 63, 2]])
    with torch.inference_mode():
        ours = model.embed_features([features])
        assert features.frames is not None
        theirs = model.backbone(
            input_ids=ids,
            pixel_values=features.frames.flatten(0, 2),
            image_grid_thw=torch.tensor([[1, 4, 6]]),
            mm_token_type_ids=(ids == 60).int(),
        ).last_hidden_state[:, -1]
    torch.testing.assert_close(ours, torch.nn.functional.normalize(theirs, dim=-1), atol=1e-5, rtol=1e-4)


def test_patches_are_those_of_transformers_processor(base: Path) -> None:
    model = load_model(base)
    picture = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    processor = Qwen2VLImageProcessorPil(
        patch_size=4,
        merge_size=2,
        temporal_patch_size=2,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        size={"shortest_edge": 64, "longest_edge": 10_000},
    )
    theirs = processor(images=[picture], return_tensors="pt")
    assert theirs["image_grid_thw"].tolist() == [[1, 4, 6]]
    frames = torch.from_numpy(picture).permute(2, 0, 1).float().unsqueeze(0)
    (ours,) = model.extract([PieceInput("image", frames=frames)])
    assert ours.frames is not None
    torch.testing.assert_close(ours.frames.flatten(0, 2), theirs["pixel_values"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (1, 900), (3000, 2000), (30, 17)])
def test_pictures_of_any_size_fit(size: tuple[int, int]) -> None:
    height, width = fitting_size(*size, unit=8, max_pixels=4096)
    assert height % 8 == width % 8 == 0 and 64 <= height * width <= 4096


def test_pieces_become_inputs(base: Path) -> None:
    prepare = preparer(open_model(base))
    sound = np.sin(np.arange(16_000) / 20).astype(np.float32)
    spectrogram = prepare(ExtractedPiece("audio", sound=sound)).sound
    assert spectrogram is not None and spectrogram.shape == (100, 16)
    page = prepare(ExtractedPiece("document", text="a page", frames=np.zeros((1, 16, 16, 3), np.uint8)))
    assert page.frames is not None and page.frames.shape == (1, 3, 16, 16) and page.tokens is not None


def test_lora_in_bfloat16_is_merged_without_rounding_it_away(base: Path) -> None:
    model = load_model(base, dtype=torch.bfloat16)
    layer = model.get_submodule("backbone.language_model.layers.0.mlp.up_proj")
    before = layer.weight.float().clone()
    add_lora(model, LoraSettings(rank=2, alpha=2), seed=0)
    adapter = model.get_submodule("backbone.language_model.layers.0.mlp.up_proj")
    torch.nn.init.constant_(adapter.lora_B["default"].weight, 1e-4)
    change = adapter.get_delta_weight("default").float().detach()
    merge_lora(model)
    merged = model.get_submodule("backbone.language_model.layers.0.mlp.up_proj")
    torch.testing.assert_close(merged.weight.float() - before, change, atol=1e-6, rtol=0.02)


def test_merged_lora_is_the_adapters_forward(base: Path) -> None:
    model = load_model(base)
    names = set(model.state_dict())
    with torch.inference_mode():
        plain = model(all_kinds())
    add_lora(model, LoraSettings(rank=3, alpha=6), seed=0)
    with torch.no_grad():
        assert torch.equal(model(all_kinds()), plain)
        for name, parameter in model.named_parameters():
            if is_lora(name):
                torch.nn.init.normal_(parameter, std=0.3)
        adapted = model(all_kinds())
        merge_lora(model)
        assert set(model.state_dict()) == names
        torch.testing.assert_close(model(all_kinds()), adapted, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(adapted, plain, atol=1e-2)


def test_what_does_not_fit_is_named(base: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in base.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (weights,) = copy.glob("*.safetensors")
    tensors = load_file(weights)
    del tensors["audio_projector.first.bias"]
    save_file(tensors, weights)
    with pytest.raises(ModelError, match=r"tensor audio_projector.first.bias is missing"):
        open_large(copy).load()
    tensors["audio_projector.first.bias"] = torch.zeros(3)
    save_file(tensors, weights)
    with pytest.raises(ModelError, match=r"has shape \[3\], the model needs \[32\]"):
        open_large(copy).load()
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer.json is missing"):
        open_model(copy)
    (tmp_path / "out").mkdir()
    (tmp_path / "vl").mkdir()
    parts = {"model.visual.a": torch.ones(1), "model.language_model.b": torch.ones(1)}
    save_file(parts, tmp_path / "vl" / "m.safetensors")
    config = {"audio_config": AUDIO, **json.loads((base / "config.json").read_text())["backbone"]}
    (tmp_path / "vl" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="no tensor belongs to audio_tower"):
        assemble(tmp_path / "vl", tmp_path / "vl", tmp_path / "out")


def test_the_tokenizer_cuts(base: Path) -> None:
    tokenizer: Tokenizer = open_model(base).tokenizer()
    assert len(tokenizer.encode("red " * 40, add_special_tokens=False).ids) == 16
