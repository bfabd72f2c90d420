"""A tiny real model and a small real data set: two layers of BERT, 32 wide; pictures, sounds and pages of colours."""

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from engine.model.checkpoint import save_config, save_weights
from engine.model.config import AudioConfig, ImageConfig, ModelConfig
from engine.model.fused_model import FusedModel
from engine.train.recipe import TrainRecipe

CONCEPTS = ["red", "orange", "yellow", "green", "cyan", "blue", "violet", "pink", "white", "grey", "black", "brown"]
COLOURS = ["#e00", "#f80", "#ee0", "#0a0", "#0cc", "#00e", "#80f", "#f8c", "#fff", "#888", "#000", "#840"]
STAGE = {"steps": 12, "batch": 8, "chunk": 16, "lr": 3e-3, "temperature": 0.1, "save_every": 4}


def save_tokenizer(folder: Path) -> None:
    words = ["[UNK]", "[CLS]", "[SEP]", *CONCEPTS, "a", "the", "sound", "picture", "page", "of", "colour"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def tiny_config(width: int = 32) -> ModelConfig:
    backbone = {
        "model_type": "bert",
        "vocab_size": 32,
        "hidden_size": width,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 2 * width,
        "max_position_embeddings": 64,
    }
    image = ImageConfig(size=32, grid=1, projector_width=32)
    audio = AudioConfig(channels=(4, 4, 8, 16), projector_width=32)
    return ModelConfig(backbone, (), max_tokens=32, prefix_tokens=(1,), suffix_tokens=(2,), image=image, audio=audio)


def save_tiny(folder: Path, seed: int = 0, width: int = 32) -> Path:
    """A checkpoint with random weights, float32."""
    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    model = FusedModel(tiny_config(width))
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):  # the default shrinks what differs between pieces to nothing
            torch.nn.init.kaiming_normal_(module.weight)
            torch.nn.init.zeros_(module.bias)
    names = save_weights(model, folder, torch.float32)
    save_config(ModelConfig(**{**vars(model.config), "weights": names}), folder)
    save_tokenizer(folder)
    return folder


def make_data(folder: Path) -> Path:
    """A manifest: a picture, a sound, a page and a passage for each of ten concepts to learn and two to validate."""
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for number, (concept, colour) in enumerate(zip(CONCEPTS, COLOURS, strict=True)):
        Image.new("RGB", (32, 32), colour).save(folder / f"{concept}.png")
        _save_sound(folder / f"{concept}.wav", 3 * number + 1)
        with pymupdf.open() as document:
            document.new_page(width=200, height=200).insert_text((20, 100), f"the colour {concept}")
            document.save(folder / f"{concept}.pdf")
        told = {"concept": concept, "licence": "CC0-1.0", "split": "train" if number < 10 else "validation"}
        rows.append({"modality": "image", "file": f"{concept}.png", "text": [f"a {concept} picture", concept], **told})
        rows.append({"modality": "audio", "file": f"{concept}.wav", "text": f"the sound of {concept}", **told})
        rows.append({"modality": "document", "file": f"{concept}.pdf", "text": f"a page of {concept}", **told})
        rows.append({"modality": "text", "passage": f"the colour {concept}", "text": concept, **told})
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def tiny_recipe(base: Path, manifest: Path, out: Path, **changes: Any) -> TrainRecipe:
    specialists: dict[str, Any] = {"image": {}, "audio": {}, "document": {}}
    raw = {
        "name": "tiny",
        "base": base,
        "out": out,
        "data": {"manifest": manifest, "cache": manifest.parent / "features"},
        "common": STAGE,
        "specialists": specialists,
        "fuse": {"coefficients": {"image": 0.3, "audio": 0.5, "document": 0.3}},
        "recover": {},
        "rehearse": {"anchor": 1.0},
        "projectors": {},
        "joint": {},
    }
    return TrainRecipe.model_validate(raw | changes)


def _save_sound(path: Path, partials: int) -> None:
    """Half a second of so many sines. The encoder averages over frequency, so pitch alone would tell it little."""
    time = np.arange(11_025) / 22_050
    sound = sum(np.sin(2 * np.pi * 97 * (3 * number + 1) * time) for number in range(partials))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes((sound / np.abs(sound).max() * 20_000).astype("<i2").tobytes())
