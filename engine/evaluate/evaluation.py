"""Every model of a recipe, for every seed, on every column: the raw results, ready to be written as JSON.

{"recipe", "manifest", "device", "seeds", "took_s",
 "columns": {column: {"measure", "queries", "pool", "chance": {score: value}}},
 "rows":    {row: {seed: {"folder", "scores": {column: {score: value}}, "spearman", "mixed": {way: {...}}}}},
 "missing": [[row, seed], ...],
 "drift":   see drift_report.py}
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.evaluate.columns import SPLITS, TEST, Catalogue, mixed_columns, read_columns
from engine.evaluate.drift_report import report_drift
from engine.evaluate.embed import Inputs
from engine.evaluate.score import score_column, score_mixed, text_pairs, text_retention
from engine.model.families import OmniModel, encoder_fingerprint, load_model, open_model
from engine.train.cache import FeatureCache
from engine.train.data import TrainingData
from engine.train.pairs import Pair, read_pairs
from engine.train.recipe import TrainRecipe

AFTER_SPECIALISTS = ("fused", "recovered", "rehearsed", "joint", "projectors")


class Bench:
    """A recipe's data and columns, on which models are measured one after the other."""

    def __init__(self, recipe: TrainRecipe, device: str) -> None:
        self.recipe, self.device = recipe, open_device(device)
        self._pairs = [pair for pair in read_pairs(recipe.data.manifest) if _wanted(pair, recipe.data.split)]
        if not any(pair.split in SPLITS for pair in self._pairs):
            raise ModelError(f"{recipe.data.manifest}: no row is in any of the splits {', '.join(SPLITS)}")
        self._inputs: dict[str, Inputs] = {}
        self.data = self._inputs_for(self.load(recipe.base)).data
        catalogue = Catalogue(self.data.pairs, self.data.texts)
        self.columns = read_columns(catalogue)
        self.mixed, self._kinds = mixed_columns(catalogue)
        self._texts = _test_texts(catalogue)
        self._text_pairs = text_pairs(len(self._texts))

    def load(self, folder: Path) -> OmniModel:
        """The model in ``folder``, on the device; float32, but a large one in the recipe's dtype."""
        return load_model(folder, self.device, getattr(torch, self.recipe.dtype))

    def embed(self, folder: Path) -> Tensor:
        """Embeddings by the model in ``folder``, as ``Inputs.embed`` gives them."""
        model = self.load(folder)
        return self._inputs_for(model).embed(model, str(folder))

    def measure(self, embeddings: Tensor, base: Tensor) -> dict[str, Any]:
        """All scores of a model by its ``embeddings``; ``base`` are those by the model it was trained from."""
        measured: dict[str, Any] = {
            "scores": {column.name: score_column(embeddings, column) for column in self.columns}
        }
        if len(self._texts) > 1:
            measured["spearman"] = text_retention(base, embeddings, self._texts, self._text_pairs)
        if self.mixed:
            measured["mixed"] = score_mixed(embeddings, self.mixed, self._kinds)
        return measured

    def describe(self) -> dict[str, Any]:
        """The columns: how they are read, how many queries and pieces they have, and what chance would reach."""
        return {
            column.name: {
                "measure": column.measure,
                "queries": len(column.queries),
                "pool": len(column.pool),
                "chance": column.chance,
            }
            for column in [*self.columns, *self.mixed.values()]
        }

    def _inputs_for(self, model: OmniModel) -> Inputs:
        """The features that this model's encoders made; models with the same encoders share them."""
        fingerprint = encoder_fingerprint(model)
        if fingerprint not in self._inputs:
            cache = FeatureCache(self.recipe.data.cache, fingerprint)
            data = TrainingData(self._pairs, cache, open_model(self.recipe.base).tokenizer())
            self._inputs[fingerprint] = Inputs(data, self.recipe.chunk)
        return self._inputs[fingerprint]


def evaluate(
    recipe: TrainRecipe,
    seeds: Sequence[int] | None = None,
    rows: Sequence[str] | None = None,
    device: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure ``rows`` (all, unless named) for ``seeds`` (those of the recipe); see the module's docstring.

    A row is "base", a stage of the recipe, any other folder beside those, or a path to a checkpoint folder. ``say``
    hears a line for every model. Raises ``ModelError`` when a row is unknown or features are missing.
    """
    began = time.perf_counter()
    chosen = tuple(recipe.seeds if seeds is None else seeds)
    names = list_rows(recipe, chosen) if rows is None else check_rows(recipe, chosen, rows)
    bench = Bench(recipe, device or default_device(recipe))
    results: dict[str, dict[str, Any]] = {}
    missing = []
    bases: dict[Path, Tensor] = {}
    for seed in chosen:
        start = recipe.base_folder(seed)
        if _is_model(start) and start not in bases:
            bases[start] = bench.embed(start)
        for name in names:
            folder = row_folder(recipe, seed, name)
            if start not in bases or not _is_model(folder):
                missing.append([name, seed])
                continue
            started = time.perf_counter()
            embeddings = bases[folder] if folder in bases else bench.embed(folder)
            measured = bench.measure(embeddings, bases[start])
            results.setdefault(name, {})[str(seed)] = {"folder": str(folder), **measured}
            say(f"{name}, seed {seed}: {time.perf_counter() - started:.1f} s")
    return {
        "recipe": recipe.name,
        "manifest": hashlib.sha256(recipe.data.manifest.read_bytes()).hexdigest(),
        "device": str(bench.device),
        "seeds": list(chosen),
        "columns": bench.describe(),
        "rows": results,
        "missing": missing,
        "drift": report_drift(recipe, results, bench.data, bench.load),
        "took_s": round(time.perf_counter() - began, 1),
    }


def row_folder(recipe: TrainRecipe, seed: int, row: str) -> Path:
    """Where the checkpoint of a row lies for a seed; a row that is a path is the same for all."""
    if row == "base":
        return recipe.base_folder(seed)
    return Path(row) if _is_path(row) else recipe.folder(seed, row)


def list_rows(recipe: TrainRecipe, seeds: Sequence[int]) -> list[str]:
    """The base and the stages of the recipe in their order, made or not, then whatever other checkpoints there are."""
    planned = ["base", *recipe.specialists, *AFTER_SPECIALISTS]
    folders = [recipe.folder(seed, "base").parent for seed in seeds]
    found = {config.parent.name for folder in folders for config in folder.glob("*/config.json")}
    return [*planned, *sorted(name for name in found if name not in planned and not name.startswith("."))]


def check_rows(recipe: TrainRecipe, seeds: Sequence[int], rows: Sequence[str]) -> list[str]:
    """``rows`` as they are. Raises ``ModelError`` for one that is neither a row of the recipe nor a checkpoint."""
    known = list_rows(recipe, seeds)
    for row in rows:
        if row not in known and not (_is_path(row) and _is_model(Path(row))):
            raise ModelError(f"there is no row {row}, nor a checkpoint folder of that name; rows: {', '.join(known)}")
    return list(rows)


def default_device(recipe: TrainRecipe) -> str:
    """The recipe's device; where that is the processor, a GPU if there is one."""
    return "cuda" if recipe.device == "cpu" and torch.cuda.is_available() else recipe.device


def open_device(name: str) -> torch.device:
    """The device of that name. Raises ``ModelError`` when there is none."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # the second from a torch built without CUDA
        raise ModelError(f"device {name}: not to be had on this machine") from error


def _wanted(pair: Pair, train: str) -> bool:
    """Whether a row is measured, or is a sound among which another of the same concept is looked for."""
    return pair.split in SPLITS or (pair.split == train and pair.modality == "audio")


def _test_texts(catalogue: Catalogue) -> Tensor:
    """Places of every caption and passage of the test rows."""
    pairs = [pair for pair in catalogue.pairs if pair.split == TEST]
    texts = {text for pair in pairs for text in (*pair.texts, *([pair.passage] if pair.passage else []))}
    return catalogue.texts(sorted(texts))


def _is_path(row: str) -> bool:
    return "/" in row or row.startswith(".")


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file()
