"""What is fitted in closed form once a model is trained: the readouts, the centres, the background.

    python recipes/mini/finish.py --cache CACHE --model FOLDER --out FOLDER [--device cuda]

Reads the manifest and the features in ``CACHE``; only rows of the training split are learned from. ``background``, the
mean and deviation of the cosine of a query and a piece that have nothing in common, is taken from the validation rows.
What is written is rounded to int8, the encoders apart.
"""

import argparse
import shutil
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import sound_readout
import torch
import torch.nn.functional as F
from class_texts import class_texts
from event_classes import event_names
from ridge import class_rows, ridge
from sound_classes import class_counts, published_heads
from torch import Tensor

from engine.model.checkpoint import open_checkpoint, save_config, save_weights
from engine.model.config import Mix
from engine.model.families import device_of, encoder_fingerprint
from engine.model.fused_model import FusedModel, PieceFeatures
from engine.train.cache import FeatureCache
from engine.train.data import TrainingData
from engine.train.loop import embedder
from engine.train.pairs import Pair, read_pairs
from storage.records import MODALITIES, Modality

PENALTY = 0.3
CLASS_WEIGHT = 2.0  # of a class row, where a captioned picture counts one
PICTURE_MIX = Mix(model=0.5, classes=1.0, map=1.0)
PAGE_MIX = Mix(model=0.5, words=0.5)
SOUND_MIX = Mix(model=1.0, classes=0.2, events=0.4, map=0.2)
CENTRES: dict[Modality, float] = {"image": 0.75, "video": 0.75, "audio": 0.5}  # how much of the mean is taken off
SAMPLE = 2000  # pieces of a modality that its mean is taken of
BACKGROUND = 400  # pieces of a modality, and as many queries


@torch.inference_mode()
def embed(model: FusedModel, pieces: Sequence[PieceFeatures]) -> Tensor:
    """Embeddings (n, width) of pieces, on the CPU; 256 at a time."""
    run = embedder(model, device_of(model))
    return torch.cat([run(pieces[start : start + 256]).cpu() for start in range(0, len(pieces), 256)])


def spread(rows: Sequence[int], count: int) -> list[int]:
    """``count`` of the rows, or all, evenly over them."""
    places = torch.linspace(0, len(rows) - 1, min(count, len(rows))).long()
    return [rows[int(place)] for place in places]


class Finisher:
    """A model that is being finished, and its data."""

    def __init__(self, model: FusedModel, data: TrainingData) -> None:
        self.model, self.data = model, data

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Text embeddings (n, width)."""
        return embed(self.model, [PieceFeatures("text", tokens=ids) for ids in self.data.encode(texts)])

    def rows(self, modality: Modality, splits: Sequence[str]) -> list[int]:
        """Rows of a modality in some splits."""
        return [row for row, pair in enumerate(self.data.pairs) if pair.modality == modality and pair.split in splits]

    def fit_readout(self, packages: Path) -> None:
        """Class texts and ridge map, to the text space as this model has it."""
        rows = self.rows("image", ["train"])
        pooled = torch.cat([self.data.first_pieces([row])[0].frames[:, 0] for row in rows])
        captions = [self.data.pairs[row].texts for row in rows]
        texts = self.texts([own[0] for own in captions]) + self.texts([". ".join(own[:2]) for own in captions])
        table = class_texts(packages, self.texts)
        classes = class_rows(self.model.image_encoder.classifier.weight.cpu(), pooled)
        weight, bias = ridge(
            torch.cat([pooled, classes]),
            F.normalize(torch.cat([texts, table]), dim=1),
            torch.cat([torch.ones(len(pooled)), CLASS_WEIGHT * torch.ones(len(classes))]),
            PENALTY,
        )
        self.model.readout.load_state_dict({"class_texts": table, "map.weight": weight, "map.bias": bias})
        mix = dict.fromkeys(MODALITIES, Mix()) | {"image": PICTURE_MIX, "video": PICTURE_MIX, "document": PAGE_MIX}
        self.model.config = replace(self.model.config, mix=mix)

    def fit_sound_readouts(self, cache: Path) -> None:
        """The readouts of sounds, by the classifiers of aiSFX and the events of YAMNet, from the packages in ``cache``.

        They are centred, so that the centre of sounds stays what it is: call it after ``fit_centres``.
        """
        rows = self.rows("audio", ["train"])
        pieces = self.data.first_pieces(rows)
        blocks = [piece.sound for piece in pieces if piece.sound is not None]
        heard = sound_readout.Heard(blocks, torch.cat([piece.events for piece in pieces if piece.events is not None]))
        heads, pairs = published_heads(cache / "packages"), [self.data.pairs[row] for row in rows]
        encoder, names = deepcopy(self.model.event_encoder).cpu(), event_names(cache / "data")
        sounds, events = sound_readout.fit(self.model.config, heads, encoder, names, pairs, heard, self.texts)
        device = device_of(self.model)
        self.model.sound_readout, self.model.event_readout = sounds.to(device), events.to(device)
        mix = {**self.model.config.mix, "audio": SOUND_MIX}
        self.model.config = replace(self.model.config, sound_classes=class_counts(heads), mix=mix)

    def fit_centres(self) -> None:
        """Centres: a share of the mean embedding of what was learned from."""
        centres = self.model.centres.by_modality
        with torch.no_grad():
            for centre in centres.values():
                centre.zero_()
            means = {
                modality: share * self.pieces(spread(self.rows(modality, ["train"]), SAMPLE)).mean(dim=0)
                for modality, share in CENTRES.items()
            }
            for modality, mean in means.items():
                centres[modality].copy_(mean)

    def pieces(self, rows: Sequence[int]) -> Tensor:
        """Embeddings (n, width) of the pieces of ``rows``."""
        return embed(self.model, self.data.first_pieces(rows))

    def background(self) -> dict[Modality, dict[Modality, tuple[float, float]]]:
        """For each modality of a query and of a piece the mean and the deviation of unrelated cosines."""
        chosen = {name: spread(self.rows(name, ["validation"]), BACKGROUND) for name in MODALITIES}
        pieces = {name: self.pieces(rows) for name, rows in chosen.items()}
        asked = {name: self.texts([self.data.pairs[row].texts[0] for row in rows]) for name, rows in chosen.items()}
        concepts = {name: [self.data.pairs[row].concept for row in rows] for name, rows in chosen.items()}
        found: dict[Modality, dict[Modality, tuple[float, float]]] = {}
        for query in MODALITIES:
            found[query] = {}
            for piece in MODALITIES:
                queries = asked[piece] if query == "text" else pieces[query]
                names = concepts[piece if query == "text" else query]
                other = torch.tensor([[mine != theirs for theirs in concepts[piece]] for mine in names])
                cosines = (queries @ pieces[piece].T)[other]
                found[query][piece] = (round(float(cosines.mean()), 4), round(float(cosines.std()), 4))
        return found


def wanted(pair: Pair) -> bool:
    return pair.split in ("train", "validation", "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--cache", "--model", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    cache, out = arguments.cache, arguments.out
    checkpoint = open_checkpoint(arguments.model)
    model = checkpoint.load(arguments.device)
    features = FeatureCache(cache / "features", encoder_fingerprint(model))
    pairs = [pair for pair in read_pairs(cache / "manifest.jsonl") if wanted(pair)]
    finisher = Finisher(model, TrainingData(pairs, features, checkpoint.tokenizer()))
    finisher.fit_readout(cache / "data")
    finisher.fit_centres()
    finisher.fit_sound_readouts(cache)
    model = finisher.model
    config = replace(model.config, background=finisher.background())
    out.mkdir(parents=True, exist_ok=True)
    save_config(replace(config, weights=save_weights(model, out, rounded=True)), out)
    shutil.copy(arguments.model / "tokenizer.json", out)
    if (arguments.model / "recipe.toml").is_file():  # the untrained base has none
        shutil.copy(arguments.model / "recipe.toml", out)


if __name__ == "__main__":
    main()
