"""Step 3: run the frozen encoders once over the corpus and keep what they say.

    python recipes/first_weights/features.py --cache CACHE --model FOLDER [--only image|audio]

Writes ``CACHE/features/image.pt`` (float16, pictures x tokens x 1280, in the manifest's order) and
``CACHE/features/audio.pt`` (for each sound a list of float16 blocks x 512: the clip itself, then altered copies).
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.model.audio_encoder import SAMPLE_RATE, log_mel_blocks
from engine.model.checkpoint import open_checkpoint
from engine.model.fused_model import FusedModel
from engine.model.image_encoder import summarise

COPIES = 4
BATCH = 32


def read_manifest(cache: Path, modality: str) -> list[dict]:
    entries = map(json.loads, (cache / "manifest.jsonl").read_text().splitlines())
    return [entry for entry in entries if entry["modality"] == modality]


def read_picture(path: Path, size: int) -> NDArray[np.uint8]:
    """A picture on white, squeezed to a square."""
    with Image.open(path) as image:
        rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return np.asarray(white.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def read_sound(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", SAMPLE_RATE)
        frames = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(frames)[: 10 * SAMPLE_RATE].astype(np.float32)


def image_features(model: FusedModel, entries: list[dict]) -> torch.Tensor:
    size, grid = model.config.image.size, model.config.image.grid
    done = []
    for start in range(0, len(entries), BATCH):
        chosen = entries[start : start + BATCH]
        pixels = torch.stack([torch.tensor(read_picture(Path(entry["file"]), size)) for entry in chosen])
        done.append(summarise(model.image_encoder(pixels.permute(0, 3, 1, 2).float()), grid).half())
        if start % 1024 == 0:
            print(f"{start} of {len(entries)} pictures", flush=True)
    return torch.cat(done)


def altered(sound: NDArray[np.float32], random: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """The sound, then copies with another speed, loudness, place in silence and a little noise."""
    yield sound
    for _ in range(COPIES):
        count = max(int(len(sound) / random.uniform(0.84, 1.19)), 64)
        copy = np.interp(np.linspace(0, len(sound) - 1, count), np.arange(len(sound)), sound)
        if len(copy) > SAMPLE_RATE:
            copy = copy[random.integers(0, len(copy) // 4) :]
        copy = np.concatenate([np.zeros(random.integers(0, SAMPLE_RATE // 3)), copy])
        copy = copy * 10 ** random.uniform(-0.8, 0.1) + random.standard_normal(len(copy)) * 10 ** random.uniform(
            -5, -2.7
        )
        yield np.clip(copy, -1, 1).astype(np.float32)


def audio_features(model: FusedModel, entries: list[dict]) -> list[list[torch.Tensor]]:
    done = []
    for index, entry in enumerate(entries):
        sound = read_sound(Path(entry["file"]))
        copies = [sound] if entry["split"] == "excluded" else altered(sound, np.random.default_rng(index))
        done.append([model.audio_encoder(log_mel_blocks(torch.from_numpy(copy))).half() for copy in copies])
        if index % 100 == 0:
            print(f"{index} of {len(entries)} sounds", flush=True)
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--only", choices=["image", "audio"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = open_checkpoint(arguments.model).load()
    out = arguments.cache / "features"
    out.mkdir(exist_ok=True)
    for modality, extract in (("image", image_features), ("audio", audio_features)):
        if arguments.only in (None, modality):
            with torch.inference_mode():
                torch.save(extract(model, read_manifest(arguments.cache, modality)), out / f"{modality}.pt")


if __name__ == "__main__":
    main()
