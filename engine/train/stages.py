"""The stages of decouple, fuse, recover, rehearse: each is the loop with another choice of parameters and rows.

    base         with a section ``align``: projectors for what the base should know already, as a vision-language model
                 knows pictures; backbone frozen
    specialist   from the base: the backbone and the projectors of one modality, on that modality alone
    fuse         base + specialists' task vectors
    recover      from the fused model: the projectors of a modality, whole, with backbone and encoders frozen
    rehearse     from the recovered model: backbone and all projectors, modalities in balance, text anchored
    joint        from the base: what the specialists train, all at once (to compare with)
    projectors   from the base: all projectors, backbone frozen (to compare with)

Each writes a checkpoint folder under ``out``/seed-N/, with a recipe.toml; one that is there already is not made again,
and one that was made from other data, weights or settings is an error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import ModelError
from engine.fuse.checkpoint_folder import check_made, copy_surroundings, describe, new_folder, sha256, write_recipe
from engine.fuse.merge import describe_inputs, merge, open_inputs
from engine.fuse.recipe import FuseRecipe
from engine.fuse.search import SearchResult, search_fusion
from engine.model.families import (
    OmniModel,
    encoder_fingerprint,
    frozen_modules,
    load_model,
    open_model,
    preparer,
    projectors,
    write_model,
)
from engine.model.fused_model import PieceInput
from engine.train.augment import altered_copies
from engine.train.cache import FeatureCache, Variants, piece_key
from engine.train.data import TrainingData
from engine.train.loop import embed_texts, train
from engine.train.lora import add_lora, is_lora, merge_lora
from engine.train.pairs import Pair, read_pairs
from engine.train.processes import join
from engine.train.reading import Reader
from engine.train.recipe import SearchSettings, StageSettings, TrainRecipe
from engine.train.validate import validation_score
from storage.records import Modality

Selection = Callable[[str], bool]


@dataclass(frozen=True)
class Run:
    """One seed of a recipe, with its data."""

    recipe: TrainRecipe
    data: TrainingData
    seed: int

    def folder(self, stage: str) -> Path:
        """Where the checkpoint of a stage of this seed lies."""
        return self.recipe.folder(self.seed, stage)

    @property
    def base(self) -> Path:
        """The checkpoint that the specialists of this seed start from."""
        return self.recipe.base_folder(self.seed)


def fill_cache(recipe: TrainRecipe, variants: Variants) -> int:
    """Encode every row of the manifest that is not in the cache yet; returns how many those were."""
    model = load(recipe, recipe.base, recipe.device)
    return FeatureCache(recipe.data.cache, encoder_fingerprint(model)).fill(
        model, read_pairs(recipe.data.manifest), variants
    )


def piece_variants(recipe: TrainRecipe, read: Reader) -> Variants:
    """The ``variants`` of ``fill_cache``: each piece as it is, then the altered copies the recipe asks for."""
    checkpoint = open_model(recipe.base)
    prepare, sample_rate = preparer(checkpoint), checkpoint.media.sample_rate

    def variants(pair: Pair) -> list[PieceInput]:
        piece = read(pair)
        wanted = recipe.data.copies.get(pair.source, recipe.data.copies.get(pair.modality, 0))
        is_learned = wanted > 0 and pair.split == recipe.data.split
        copies = altered_copies(piece, wanted, sample_rate, piece_key(pair)) if is_learned else ()
        return [prepare(one) for one in (piece, *copies)]

    return variants


def open_run(recipe: TrainRecipe, seed: int) -> Run:
    """Open the rows to learn from. Raises ``ModelError`` as ``open_data`` does."""
    return Run(recipe, open_data(recipe, recipe.data.split), seed)


def open_data(recipe: TrainRecipe, split: str) -> TrainingData:
    """Open the rows of a split. Raises ``ModelError`` when the manifest is wrong or features are missing."""
    model = load(recipe, recipe.base)
    cache = FeatureCache(recipe.data.cache, encoder_fingerprint(model))
    pairs = [pair for pair in read_pairs(recipe.data.manifest) if pair.split == split]
    if not pairs:
        raise ModelError(f"{recipe.data.manifest}: no row is in the split {split}")
    return TrainingData(pairs, cache, open_model(recipe.base).tokenizer())


def align(run: Run) -> Path:
    """Make the base: fit the projectors of ``align``'s modalities (pictures, unless named) to the recipe's base."""
    settings = _present(run.recipe.align, "align")
    return _stage(run, "base", run.recipe.base, settings, settings.modalities or ("image",), backbone=False)


def train_specialist(run: Run, modality: Modality) -> Path:
    """Train the specialist of one modality from the base."""
    settings = run.recipe.specialists[modality]
    return _stage(run, modality, run.base, settings, (modality,), backbone=True)


def train_joint(run: Run) -> Path:
    """Train all modalities at once from the base: what the recipe is compared with."""
    settings = _present(run.recipe.joint, "joint")
    return _stage(run, "joint", run.base, settings, settings.modalities or run.data.modalities, backbone=True)


def train_projectors(run: Run) -> Path:
    """Train the projectors of all modalities beside a frozen backbone: a strong baseline that leaves text as it is."""
    settings = _present(run.recipe.projectors, "projectors")
    chosen = settings.modalities or tuple(name for name in run.data.modalities if name != "text")
    return _stage(run, "projectors", run.base, settings, chosen, backbone=False)


def fuse(run: Run) -> Path:
    """Fuse the specialists of this run as the recipe says, after a search for the coefficients if it asks for one."""
    out = run.folder("fused")
    if not run.recipe.specialists:
        raise ModelError("the recipe has no section specialists: there is nothing to fuse")
    specialists = {modality: run.folder(modality) for modality in run.recipe.specialists}
    recipe = FuseRecipe(base=run.base, specialists=specialists, **run.recipe.fuse.model_dump())
    if out.exists():
        check_made(out, {"made_from": describe_inputs(recipe)})
        return out
    if run.recipe.search is not None:
        best = search(run, recipe, run.recipe.search).best
        recipe = recipe.model_copy(update={"coefficients": dict(best.coefficients)})
    return merge(recipe, out)


def search(run: Run, recipe: FuseRecipe, settings: SearchSettings) -> SearchResult:
    """Search coefficients on validation rows of the specialists' modalities; every try goes to fused.search.jsonl."""
    data = open_data(run.recipe, settings.split)
    chosen = [modality for modality in recipe.specialists if modality in data.modalities]
    base, specialists = open_inputs(recipe)
    return search_fusion(
        load(run.recipe, recipe.base, run.recipe.device),
        base,
        specialists,
        recipe,
        settings.values,
        lambda model: validation_score(model, data, chosen, settings.weight_at_1),
        settings.kind,
        run.folder("fused.search.jsonl"),
    )


def recover(run: Run) -> Path:
    """Projector Recovery: full-parameter tuning of projectors, backbone and encoders frozen (arXiv 2606.09331)."""
    settings = _present(run.recipe.recover, "recover")
    if settings.lora is not None:
        raise ModelError("recover trains whole projectors beside a frozen backbone: it takes no lora")
    chosen = settings.modalities or ("audio",)
    return _stage(run, "recovered", run.folder("fused"), settings, chosen, backbone=False)


def rehearse(run: Run) -> Path:
    """Balanced rehearsal over all modalities, from the recovered model."""
    settings = _present(run.recipe.rehearse, "rehearse")
    return _stage(
        run, "rehearsed", run.folder("recovered"), settings, settings.modalities or run.data.modalities, backbone=True
    )


def selection(model: OmniModel, modalities: Sequence[Modality], settings: StageSettings, backbone: bool) -> Selection:
    """Which parameters a stage trains: the projectors of ``modalities``; with ``backbone``, that too, or its adapters.

    The vision tower of a large model is left out where no modality needs it; encoders and word embeddings always are.
    """
    entrances = tuple(f"{name}." for modality in modalities for name in projectors(model, modality))
    fixed = tuple(f"{name}." for name in frozen_modules(model))

    def trainable(name: str) -> bool:
        if settings.lora is not None and backbone and name.startswith("backbone."):
            return is_lora(name)
        if name.startswith(fixed):
            return False
        return name.startswith(entrances) or (backbone and name.startswith("backbone."))

    return trainable


def load(recipe: TrainRecipe, folder: Path, device: torch.device | str = "cpu") -> OmniModel:
    """The model in ``folder``; a large one with its weights in the recipe's dtype."""
    return load_model(folder, device, getattr(torch, recipe.dtype))


def _stage(
    run: Run, stage: str, start: Path, settings: StageSettings, modalities: Sequence[Modality], backbone: bool
) -> Path:
    """Train from ``start`` and write the checkpoint of ``stage``."""
    out = run.folder(stage)
    content = {
        "stage": stage,
        "seed": run.seed,
        "modalities": list(modalities),
        "settings": settings.model_dump(mode="json", exclude_none=True, exclude={"chunk", "save_every"}),
        "made_from": {"start": describe(start), "manifest": sha256(run.recipe.data.manifest)},
    }
    if out.exists():
        check_made(out, content)
        return out
    for modality in modalities:
        if modality not in run.data.modalities:
            raise ModelError(f"{run.recipe.data.manifest}: {stage} needs rows of {modality} in {run.recipe.data.split}")
    processes, device = join(run.recipe.device)
    base_texts = embed_texts(load(run.recipe, run.recipe.base, device), run.data) if settings.anchor else None
    model = load(run.recipe, start, device)
    if FeatureCache(run.recipe.data.cache, encoder_fingerprint(model)).folder != run.data.cache.folder:
        raise ModelError(f"model {start}: its encoders are not those that the features were made with")
    lora = settings.lora if backbone else None
    if lora is not None:
        add_lora(model, lora, run.seed)
    trainable = selection(model, modalities, settings, backbone)
    work = out.with_name(f"{stage}.work")
    result = train(model, run.data, settings, trainable, work, run.seed, modalities, base_texts, processes)
    if lora is not None:
        merge_lora(model)
    if processes.is_first:
        with new_folder(out) as folder:
            copy_surroundings(start, folder)
            write_model(model, folder)
            loss = {"first": result.first_loss, "last": result.last_loss}
            write_recipe(folder, {**content, "loss": loss})
    processes.wait()
    return out


def _present(settings: StageSettings | None, stage: str) -> StageSettings:
    if settings is None:
        raise ModelError(f"the recipe has no section {stage}")
    return settings
