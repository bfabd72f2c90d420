"""Rows to measure on, beside the tiny training data: new concepts, new clips, photos, categories, stamps."""

import json
from pathlib import Path
from typing import Any

NEW = ("white", "black", "grey", "brown")  # the sounds of "red" and "blue" have new clips


def add_held_out(manifest: Path) -> Path:
    """Turn the validation rows of ``make_data`` into test rows, and add what the other columns need."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in manifest.read_text().splitlines()]
    more: list[dict[str, Any]] = []
    for row in rows:
        concept = row["concept"]
        if concept in NEW:
            row["split"] = "test"
        if row["modality"] == "audio" and concept in ("red", "blue"):
            for number, end in enumerate((0.2, 0.3)):
                clip = {"split": "test", "new_clip": True, "start": 0.0, "end": end}
                more.append({**row, **clip, "text": f"{concept} sound {number}"})
        if row["modality"] == "image" and concept in NEW:
            more.append({**row, "text": f"the colour {concept}", "source": "openclipart-png"})
        if row["modality"] == "image" and concept in ("pink", "cyan", "violet"):
            more.append({**row, "split": "stamps", "concept": f"stamp {concept}"})
            more.append({**row, "split": "photos", "concept": f"photo {concept}", "text": [concept, "a picture"]})
            kind = "a" if concept == "pink" else "the"
            more.append({**row, "split": "categories", "concept": f"kind {concept}", "text": kind})
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows + more))
    return manifest
