"""Projector Drift, as figures: what fusing took from each modality that has a projector, and what recovery gave back.

{"geometry": {seed: {"norms", "relative_norms", "cosines"}},
 "modalities": {modality: {"column", "pieces", "seeds": {seed: {
     "recall":   {"specialist", "fused", "recovered", "rehearsed": {"recall@1", "recall@10"}},
     "retained": recall@1 of the recovered model as a share of the specialist's,
     "shift":    {"fused", "recovered", "rehearsed": from the specialist, see engine/fuse/drift.py}}}}}}
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.evaluate.columns import TEST
from engine.fuse.drift import measure_drift
from engine.fuse.task_vectors import TensorFolder, measure_geometry
from engine.model.families import OmniModel, projectors
from engine.model.fused_model import PieceFeatures
from engine.train.data import TrainingData
from engine.train.recipe import TrainRecipe
from storage.records import Modality

# The columns that tell of a modality, the first that was measured.
COLUMNS: dict[Modality, tuple[str, ...]] = {
    "audio": ("text to audio, new clip", "text to audio, new concept"),
    "image": ("text to image",),
    "video": ("text to video",),
    "document": ("text to page",),
}
LATER = ("fused", "recovered", "rehearsed")
PIECES = 256

Rows = Mapping[str, Mapping[str, Mapping[str, Any]]]
Load = Callable[[Path], OmniModel]


def report_drift(recipe: TrainRecipe, rows: Rows, data: TrainingData, load: Load) -> dict[str, Any]:
    """The report on all specialists among the measured ``rows`` (the ``rows`` of an evaluation)."""
    modalities = {}
    for modality in recipe.specialists:
        column = _column(rows.get(modality, {}), modality)
        if column is not None:
            pieces = sample_pieces(data, modality, min(PIECES, recipe.chunk))
            seeds = {seed: _one_seed(rows, seed, modality, column, pieces, load) for seed in rows[modality]}
            modalities[modality] = {"column": column, "pieces": len(pieces), "seeds": seeds}
    return {"geometry": report_geometry(recipe, rows), "modalities": modalities}


def report_geometry(recipe: TrainRecipe, rows: Rows) -> dict[str, Any]:
    """For each seed, how the task vectors of the measured specialists lie; "image, audio" names a pair of them."""
    geometries = {}
    for seed in rows.get("base", {}):
        folders = {name: Path(rows[name][seed]["folder"]) for name in recipe.specialists if seed in rows.get(name, {})}
        if folders:
            base = TensorFolder(Path(rows["base"][seed]["folder"]))
            geometry = measure_geometry(base, {name: TensorFolder(folder) for name, folder in folders.items()})
            cosines = {", ".join(pair): cosine for pair, cosine in geometry.cosines.items()}
            geometries[seed] = {**asdict(geometry), "cosines": cosines}
    return geometries


def sample_pieces(data: TrainingData, modality: Modality, count: int) -> list[PieceFeatures]:
    """At most ``count`` test pieces of a modality, evenly spaced over its rows."""
    rows = [row for row, pair in enumerate(data.pairs) if pair.modality == modality and pair.split == TEST]
    chosen = [rows[place * len(rows) // count] for place in range(count)] if len(rows) > count else rows
    return data.first_pieces(chosen)


def _one_seed(
    rows: Rows, seed: str, modality: Modality, column: str, pieces: Sequence[PieceFeatures], load: Load
) -> dict[str, Any]:
    made = [row for row in LATER if seed in rows.get(row, {})]
    recall = {
        name: {score: rows[row][seed]["scores"][column][score] for score in ("recall@1", "recall@10")}
        for name, row in (("specialist", modality), *((row, row) for row in made))
    }
    report: dict[str, Any] = {"recall": recall}
    if "recovered" in recall and recall["specialist"]["recall@1"] > 0:
        report["retained"] = recall["recovered"]["recall@1"] / recall["specialist"]["recall@1"]
    specialist = load(Path(rows[modality][seed]["folder"]))
    entrance = projectors(specialist, modality)
    if entrance and pieces:
        report["shift"] = {
            row: asdict(measure_drift(specialist, load(Path(rows[row][seed]["folder"])), pieces, entrance[0]))
            for row in made
        }
    return report


def _column(seeds: Mapping[str, Mapping[str, Any]], modality: Modality) -> str | None:
    """The column to judge a modality by, among those its specialist was measured on."""
    measured = {column for seed in seeds.values() for column in seed["scores"]}
    return next((column for column in COLUMNS.get(modality, ()) if column in measured), None)
