"""Builds the training corpus: fetches the packages, draws and renders what has to be, and writes the manifest.

    python recipes/mini/corpus.py --cache CACHE

Writes ``CACHE/manifest.jsonl`` (format: engine/train/pairs.py) and prints how many rows each source has;
``CACHE/manifest_all.jsonl`` has the same rows with validation and test put to train, for the weights that ship. Splits
are made by ``splits.py``; besides train, validation and test there are "excluded" (the files of the sample library and
what bears their titles or bytes), and the splits of photos.py and of sounds that may only be measured.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import packages
import pages
import photos
import pictures
import sounds
import splits
import videos
import wordnet

SAMPLES = Path(__file__).parents[2] / "tests" / "samples" / "SOURCES.tsv"
LEARNED = ("train", "validation", "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    cache = parser.parse_args().cache.absolute()
    packages.fetch(cache)
    rows = manifest_rows(build(cache), cache)
    write(cache / "manifest.jsonl", rows)
    write(cache / "manifest_all.jsonl", map(learned, rows))
    for line in table(rows):
        print(line)


def write(target: Path, rows: Iterable[dict]) -> None:
    """One row a line; what was there stays until all is written."""
    scratch = target.with_suffix(".partial")
    with scratch.open("w", encoding="utf-8") as manifest:
        manifest.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    scratch.replace(target)


def learned(row: dict) -> dict:
    """The row, to be learned from if it was held out to measure by."""
    if row["split"] not in LEARNED:
        return row
    return {key: value for key, value in row.items() if key != "new_clip"} | {"split": "train"}


def build(cache: Path) -> list[dict]:
    """Every entry of every source, with its split."""
    held_out = [line.split("\t")[2] for line in SAMPLES.read_text().splitlines()[1:]]
    drawn = list(pictures.entries(cache, held_out))
    heard = list(sounds.entries(cache, held_out))
    common = splits.common_words(
        (entry["concept"] for entry in drawn + heard), [entry.gloss for entry in wordnet.entries(cache)]
    )
    for entry in drawn + heard:
        entry.setdefault("split", splits.split_of(entry["concept"], common))
        entry["texts"] = splits.captions(entry["texts"], entry["split"], common)
    drawn = [entry for entry in drawn if entry["texts"]]
    heard = [entry for entry in heard if entry["texts"]]
    hold_out_clips(heard)
    usable = [entry for entry in drawn if entry["split"] in LEARNED]
    written = list(pages.entries(cache, common, usable))
    for entry in written:
        entry["texts"] = splits.captions(entry["texts"], entry["split"], common)
    filmed = list(videos.entries(cache, usable, [entry for entry in heard if entry["split"] in LEARNED]))
    return [*drawn, *heard, *written, *filmed, *photos.entries(cache)]


def hold_out_clips(heard: Iterable[dict]) -> None:
    """Mark some clips of learned sounds as new: nobody learns from them."""
    learned = {"/".join(Path(entry["file"]).parts[-3:]): entry for entry in heard if entry["split"] == "train"}
    for file, split in splits.new_clips((entry["concept"], file) for file, entry in learned.items()).items():
        learned[file].update(split=split, new_clip=True)


def manifest_rows(entries: Iterable[dict], cache: Path) -> list[dict]:
    """Entries as lines of the manifest. What is outside the learned splits gets a concept of its own there."""
    rows = []
    for entry in entries:
        row = {"modality": entry["modality"]}
        if "file" in entry:
            row["file"] = str(Path(entry["file"]).relative_to(cache))
        else:
            row["passage"] = entry["passage"]
        concept = entry["concept"] if entry["split"] in LEARNED else f"{entry['split']}/{entry['concept']}"
        row |= {"text": entry["texts"], "concept": concept, "split": entry["split"]}
        row |= {key: entry[key] for key in ("new_clip", "licence", "source") if key in entry}
        rows.append(row)
    return rows


def table(rows: Iterable[dict]) -> list[str]:
    """Lines to print: modality, source, and the number of rows in each split."""
    counts = Counter((row["modality"], row["source"], row["split"] + "*" * row.get("new_clip", False)) for row in rows)
    kinds = sorted({split for _, _, split in counts}, key=lambda split: (split.strip("*") not in LEARNED, split))
    lines = [f"{'':9} {'':28}" + "".join(f"{split:>12}" for split in kinds)]
    for modality, source in sorted({key[:2] for key in counts}):
        lines.append(
            f"{modality:9} {source:28}" + "".join(f"{counts[modality, source, split] or '':>12}" for split in kinds)
        )
    return lines


if __name__ == "__main__":
    main()
