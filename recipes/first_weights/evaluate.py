"""Step 5: measure the finished checkpoint on what it did not learn from, and write its background into config.json.

    python recipes/first_weights/evaluate.py --cache CACHE --model FOLDER --results docs/results/first_weights.json

A query counts as found at the rank of the best piece of its concept. ``background`` is the mean and the deviation of
the cosine over pairs of a query and a piece of different concepts.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pymupdf
import torch
from class_texts import read_nouns
from features import read_manifest, read_picture, read_sound
from numpy.typing import NDArray

from engine.model.checkpoint import save_config
from engine.model.embedder import ModelEmbedder
from engine.model.fused_model import PieceFeatures
from indexer.pieces import ExtractedPiece
from storage.records import MODALITIES

Vectors = NDArray[np.float32]
PAGES = 200
BACKGROUND = 200


def recall(
    queries: Vectors, wanted: list[str], pieces: Vectors, concepts: list[str], same: bool = False
) -> dict[str, float]:
    """Recall at 1 and 10 (per cent), mean reciprocal rank; with ``same``, each piece asks for the others."""
    scores = queries @ pieces.T
    right = np.array(wanted)[:, None] == np.array(concepts)[None]
    if same:
        np.fill_diagonal(scores, -2)
        np.fill_diagonal(right, False)
    scores, right = scores[right.any(axis=1)], right[right.any(axis=1)]
    best = np.where(right, scores, -2).max(axis=1, keepdims=True)
    ranks = ((scores > best) & ~right).sum(axis=1)
    return {
        "R@1": round(100 * float((ranks < 1).mean()), 1),
        "R@10": round(100 * float((ranks < 10).mean()), 1),
        "MRR": round(float((1 / (ranks + 1)).mean()), 3),
        "queries": len(ranks),
        "pool": len(pieces),
    }


def embed_texts(embedder: ModelEmbedder, texts: list[str]) -> Vectors:
    return embedder.embed([ExtractedPiece("text", text=text) for text in texts])


def embed_pictures(embedder: ModelEmbedder, features: torch.Tensor) -> Vectors:
    """Pictures from their cached features (n, tokens, 1280)."""
    embedder.embed([ExtractedPiece("image", frames=np.zeros((1, 224, 224, 3), np.uint8))])
    with torch.inference_mode():
        pieces = [PieceFeatures("image", frames=own.unsqueeze(0).float()) for own in features]
        batches = [embedder._model.embed_features(pieces[at : at + 64]) for at in range(0, len(pieces), 64)]
    return torch.cat(batches).numpy()


def by_concept(entries: list[dict]) -> tuple[list[str], list[str]]:
    """The distinct concepts and for each the caption to ask with."""
    first = {entry["concept"]: entry["texts"][0] for entry in reversed(entries)}
    return list(first), list(first.values())


def page(text: str) -> ExtractedPiece:
    """A passage typeset on a small page, as an extractor would hand it on."""
    document = pymupdf.open()
    sheet = document.new_page(width=420, height=595)
    sheet.insert_textbox(pymupdf.Rect(40, 40, 380, 560), text, fontsize=11)
    pixels = sheet.get_pixmap(matrix=pymupdf.Matrix(224 / 420, 224 / 420))
    picture = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3)
    return ExtractedPiece("document", text=text, frames=picture[None].copy(), page=1)


def moment(path: Path) -> ExtractedPiece:
    """A moment of video: four windows that slide over a picture."""
    pixels = read_picture(path, 256)
    return ExtractedPiece("video", frames=np.stack([pixels[at : at + 224, at : at + 224] for at in (0, 10, 21, 32)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--cache", "--model", "--results"):
        parser.add_argument(name, type=Path, required=True)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    embedder = ModelEmbedder.load(arguments.model)
    results: dict[str, dict[str, float]] = {}

    pictures = read_manifest(arguments.cache, "image")
    features = torch.load(arguments.cache / "features/image.pt", weights_only=True)
    held = [i for i, entry in enumerate(pictures) if entry["split"] in ("validation", "evaluation")]
    vectors = dict(zip(held, embed_pictures(embedder, features[held]), strict=True))
    sets = {
        "text to image, openclipart": lambda e: e["source"] == "openclipart" and e["split"] == "validation",
        "text to image, emoji": lambda e: e["source"].startswith("@") and e["split"] == "validation",
        "text to image, stamps (mostly photos)": lambda e: e["split"] == "evaluation",
    }
    for name, member in sets.items():
        chosen = [i for i in held if member(pictures[i])]
        concepts, questions = by_concept([pictures[i] for i in chosen])
        pool, names = np.stack([vectors[i] for i in chosen]), [pictures[i]["concept"] for i in chosen]
        asked = embed_texts(embedder, questions)
        results[name] = recall(asked, concepts, pool, names)
        results[name.replace("text to image", "image to text")] = recall(pool, names, asked, concepts)
        if "emoji" in name:
            results["image to image, emoji of another set"] = recall(pool, names, pool, names, same=True)
    print(json.dumps(results, indent=1), flush=True)

    sounds = read_manifest(arguments.cache, "audio")
    heard = [
        entry for entry in sounds if entry["split"] == "validation" or ("clip" in entry and entry["split"] == "train")
    ]
    audio = embedder.embed([ExtractedPiece("audio", sound=read_sound(Path(entry["file"]))) for entry in heard])
    everything, captions = by_concept(sounds)
    asked = dict(zip(everything, embed_texts(embedder, captions), strict=True))
    for name, split in (("new clip", "train"), ("new concept", "validation")):
        chosen = [i for i, entry in enumerate(heard) if entry["split"] == split]
        names = [heard[i]["concept"] for i in chosen]
        concepts = sorted(set(names))
        results[f"text to audio, {name}"] = recall(
            np.stack([asked[c] for c in concepts]), concepts, audio[chosen], names
        )
        results[f"audio to text, {name}"] = recall(
            audio[chosen], names, np.stack([asked[c] for c in everything]), everything
        )
        results[f"audio to audio, {name}"] = recall(audio[chosen], names, audio[chosen], names, same=True)

    nouns = read_nouns(arguments.cache / "data/wordnet-base/usr/share/wordnet/data.noun")
    chosen_nouns = random.permutation(sorted(key for key in nouns if len(nouns[key][2]) > 60))[:PAGES]
    lemmas, glosses = [nouns[key][0][0] for key in chosen_nouns], [nouns[key][2] for key in chosen_nouns]
    sheets = [page(gloss) for gloss in glosses]
    asked_lemmas, keys = embed_texts(embedder, lemmas), list(chosen_nouns)
    plain, pages = embed_texts(embedder, glosses), embedder.embed(sheets)
    results["word to its gloss as text"] = recall(asked_lemmas, keys, plain, keys)
    results["word to its gloss as a page"] = recall(asked_lemmas, keys, pages, keys)
    results["page beside its own text"] = {"cosine": round(float((plain * pages).sum(axis=1).mean()), 3)}

    shown = random.permutation([i for i in held if pictures[i]["split"] == "validation"])[:BACKGROUND]
    shown = [int(i) for i in shown]
    samples = {
        "text": (np.concatenate([plain[: BACKGROUND // 2], asked_lemmas[BACKGROUND // 2 :]]), keys),
        "image": (np.stack([vectors[i] for i in shown]), [pictures[i]["concept"] for i in shown]),
        "video": (
            embedder.embed([moment(Path(pictures[i]["file"])) for i in shown[: BACKGROUND // 4]]),
            [pictures[i]["concept"] for i in shown[: BACKGROUND // 4]],
        ),
        "audio": (audio[order := random.permutation(len(heard))[:BACKGROUND]], [heard[i]["concept"] for i in order]),
        "document": (pages, keys),
    }
    captions_ = embed_texts(embedder, [pictures[i]["texts"][0] for i in shown])
    asking = dict(samples) | {"text": (captions_, [pictures[i]["concept"] for i in shown])}
    background = {}
    for query in MODALITIES:
        background[query] = {}
        for piece in MODALITIES:
            (left, left_names), (right, right_names) = asking[query], samples[piece]
            other = np.array(left_names)[:, None] != np.array(right_names)[None]
            cosines = (left @ right.T)[other]
            background[query][piece] = (round(float(cosines.mean()), 4), round(float(cosines.std()), 4))
    save_config(replace(embedder.checkpoint.config, background=background), arguments.model)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    report = {"fingerprint": embedder.fingerprint, "scores": results, "background": background}
    arguments.results.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
