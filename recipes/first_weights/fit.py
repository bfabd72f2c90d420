"""Step 4: class texts, ridge map, projectors and centres; writes the finished checkpoint.

    python recipes/first_weights/fit.py --cache CACHE --model FOLDER --out FOLDER [--ship] [--device cuda]

Only concepts of the training split are learned from, so that the result can be measured. ``--ship`` then fits the
sounds again on all that is not excluded: what is measured is the recipe, and what ships has heard more. Fitted
projectors are kept in ``CACHE/projectors`` and taken from there by the next run; delete them to fit again. A GPU needs
about two minutes for both, a processor much longer.
"""

import argparse
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from class_texts import class_texts
from features import read_manifest
from projectors import train_projector
from ridge import class_rows, ridge
from texts import TextEncoder
from torch import Tensor

from engine.model.checkpoint import open_checkpoint, save_config, save_weights
from engine.model.config import Mix
from engine.model.fused_model import FusedModel, PieceFeatures
from engine.model.projector import Projector

PENALTY = 0.3
CLASS_WEIGHT = 2.0  # of a class row, where a captioned picture counts one
IMAGE_STEPS, IMAGE_BATCH, IMAGE_NOISE = 1500, 512, 0.3
AUDIO_STEPS, AUDIO_BATCH, AUDIO_NOISE = 1200, 192, 0.1
AUDIO_COPIES, AUDIO_BLOCKS = 2, 6  # altered copies of a sound; 6 blocks are 8 s
PICTURE_MIX = Mix(model=0.5, classes=1.0, map=1.0)
PAGE_MIX = Mix(model=1.0)
PICTURE_CENTRE, SOUND_CENTRE = 0.75, 0.5  # how much of the mean embedding is taken off
CENTRE_PIECES = 2000


def image_sampler(features: Tensor, texts: Tensor, rows: Tensor, row_texts: Tensor, device: str) -> Callable:
    """Batches of captioned pictures, and a quarter as many class rows blended with a picture: photographs stay known.

    ``features`` (n, tokens, 1280); ``texts`` (n, 3, width): title, title with tags, tags.
    """

    def sample(generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        chosen = torch.randint(len(features), (IMAGE_BATCH,), generator=generator)
        which = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), IMAGE_BATCH, replacement=True, generator=generator)
        classes = torch.randint(len(rows), (IMAGE_BATCH // 4,), generator=generator)
        blended = torch.randint(len(features), (IMAGE_BATCH // 4,), generator=generator)
        share = torch.rand((len(classes), 1, 1), generator=generator) / 2 + 0.5
        made_up = share * rows[classes].unsqueeze(1) + (1 - share) * features[blended].float()
        x = torch.cat([features[chosen].float(), made_up.clamp(min=0)])
        x = x * (1 + IMAGE_NOISE * torch.randn(x.shape, generator=generator))
        x = x * (torch.rand((len(x), 1, x.shape[2]), generator=generator) > IMAGE_NOISE)
        y = torch.cat([texts[chosen, which], row_texts[classes]])
        return list(x.to(device)), F.normalize(y, dim=1).to(device)

    return sample


def audio_sampler(clips: list[list[Tensor]], texts: list[Tensor], concepts: list[str], device: str) -> Callable:
    """Batches of one clip for each of ``AUDIO_BATCH`` concepts, in one of its copies, sometimes a part of it."""
    members = defaultdict(list)
    for index, concept in enumerate(concepts):
        members[concept].append(index)
    names = sorted(members)

    def sample(generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        random = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        pieces, targets = [], []
        for name in random.permutation(names)[:AUDIO_BATCH]:
            index = random.choice(members[name])
            blocks = clips[index][random.integers(len(clips[index]))].float()
            if len(blocks) > 1 and random.random() < 0.4:
                length = random.integers(1, len(blocks) + 1)
                start = random.integers(0, len(blocks) - length + 1)
                blocks = blocks[start : start + length]
            pieces.append((blocks * (1 + AUDIO_NOISE * torch.randn(blocks.shape, generator=generator))).to(device))
            targets.append(texts[index][random.integers(len(texts[index]))])
        return pieces, torch.stack(targets).to(device)

    return sample


def set_centres(model: FusedModel, pictures: Tensor, clips: list[list[Tensor]]) -> None:
    """Centres of pictures (and the videos made of them) and of sounds: a share of their mean embedding."""
    some = torch.linspace(0, len(pictures) - 1, CENTRE_PIECES).long().unique()
    shown = [PieceFeatures("image", frames=own.unsqueeze(0).float()) for own in pictures[some]]
    heard = [PieceFeatures("audio", sound=copies[0].float()) for copies in clips]
    centres = model.centres.by_modality
    with torch.no_grad():
        for centre in centres.values():
            centre.zero_()
        for names, pieces, share in ((("image", "video"), shown, PICTURE_CENTRE), (("audio",), heard, SOUND_CENTRE)):
            batches = [model.embed_features(pieces[at : at + 64]) for at in range(0, len(pieces), 64)]
            mean = share * torch.cat(batches).mean(dim=0)
            for name in names:
                centres[name].copy_(mean)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--cache", "--model", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--ship", action="store_true")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    cache, out = arguments.cache, arguments.out
    checkpoint = open_checkpoint(arguments.model)
    model = checkpoint.load()
    encode = TextEncoder(checkpoint, model, cache / "texts.pt")

    pictures = read_manifest(cache, "image")
    kept = [index for index, entry in enumerate(pictures) if entry["split"] == "train"]
    captions = [pictures[index]["texts"] for index in kept]
    texts = torch.stack([encode([own[0], ". ".join(own[:2]), own[-1]]) for own in captions])
    features = torch.load(cache / "features/image.pt", weights_only=True)[kept]
    table = class_texts(cache / "data", encode)
    encode.save()
    pooled = features[:, 0].float()
    rows = class_rows(model.image_encoder.classifier.weight, pooled)
    weight, bias = ridge(
        torch.cat([pooled, rows]),
        F.normalize(torch.cat([texts[:, 0] + texts[:, 1], table]), dim=1),
        torch.cat([torch.ones(len(pooled)), CLASS_WEIGHT * torch.ones(len(rows))]),
        PENALTY,
    )
    model.readout.load_state_dict({"class_texts": table, "map.weight": weight, "map.bias": bias})

    sounds = read_manifest(cache, "audio")
    chosen = [
        index
        for index, entry in enumerate(sounds)
        if (entry["split"] == "train" and "clip" not in entry) or (arguments.ship and entry["split"] != "excluded")
    ]
    stored = torch.load(cache / "features/audio.pt", weights_only=True)
    clips = [[blocks[:AUDIO_BLOCKS] for blocks in stored[index][: 1 + AUDIO_COPIES]] for index in chosen]
    names = [encode(sounds[index]["texts"]) for index in chosen]
    concepts = [sounds[index]["concept"] for index in chosen]

    samplers = {
        "image": lambda: image_sampler(features, texts, rows, F.normalize(table, dim=1), arguments.device),
        "audio": lambda: audio_sampler(clips, names, concepts, arguments.device),
    }
    model.to(arguments.device)
    for name, stored_as, steps in (
        ("image", "image", IMAGE_STEPS),
        ("audio", "audio-ship" if arguments.ship else "audio", AUDIO_STEPS),
    ):
        projector = model.get_submodule(f"{name}_projector")
        fit_once(
            cache / "projectors" / f"{stored_as}.pt",
            projector,
            lambda p=projector, n=name, s=steps: train_projector(model, p, samplers[n](), s),
        )
    model.to("cpu")

    mix = {"text": Mix(), "audio": Mix(), "document": PAGE_MIX, "image": PICTURE_MIX, "video": PICTURE_MIX}
    model.config = replace(model.config, mix=mix)
    set_centres(model, features, clips)
    out.mkdir(parents=True, exist_ok=True)
    save_config(replace(model.config, weights=save_weights(model, out)), out)
    shutil.copy(arguments.model / "tokenizer.json", out)


def fit_once(file: Path, projector: Projector, fit: Callable[[], None]) -> None:
    """Fit, or take what an earlier run left in ``file``."""
    if not file.exists():
        fit()
        file.parent.mkdir(exist_ok=True)
        torch.save({name: tensor.half().cpu() for name, tensor in projector.state_dict().items()}, file)
    projector.load_state_dict({name: tensor.float() for name, tensor in torch.load(file, weights_only=True).items()})


if __name__ == "__main__":
    main()
