"""`synesthete model ...`: which model is in use, and the stages of its training."""

import json
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

if TYPE_CHECKING:
    from engine.train.recipe import TrainRecipe

app = typer.Typer(help="The model that embeds: what it is, and how to train another.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True)

RecipeFile = Annotated[Path, typer.Option("--recipe", metavar="FILE", help="The recipe of the training, a TOML file.")]


@app.command()
def info(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Which model is in use, and its card."""
    from engine.model.embedder import ModelEmbedder

    checkpoint = ModelEmbedder.load(context.obj.settings.model.name).checkpoint
    if as_json:
        description = {
            "folder": str(checkpoint.folder),
            "fingerprint": checkpoint.fingerprint,
            "dimension": checkpoint.config.dimension,
            "card": checkpoint.card(),
        }
        print(json.dumps(description, ensure_ascii=False))
    else:
        out.print(f"folder       {checkpoint.folder}\nfingerprint  {checkpoint.fingerprint}", markup=False)
        out.print(f"dimension    {checkpoint.config.dimension}\n\n{checkpoint.card()}", markup=False)


@app.command()
def train(recipe: RecipeFile) -> None:
    """Decouple: train each modality's specialist from the base, and what they are compared with."""
    stages, settings = _training(recipe)
    from engine.model.families import open_model
    from engine.train.reading import piece_reader

    with piece_reader(open_model(settings.base).media) as read:
        encoded = stages.fill_cache(settings, stages.plain_variants(settings, read))
    out.print(f"{encoded} pieces encoded", markup=False)
    for seed in settings.seeds:
        run = stages.open_run(settings, seed)
        for modality in settings.specialists:
            _say(stages.train_specialist(run, modality))
        if settings.projectors is not None:
            _say(stages.train_projectors(run))
        if settings.joint is not None:
            _say(stages.train_joint(run))


@app.command()
def fuse(recipe: RecipeFile) -> None:
    """Fuse: add the specialists' task vectors to the base."""
    _for_each_seed(recipe, "fuse")


@app.command()
def recover(recipe: RecipeFile) -> None:
    """Recover: tune the projectors that no longer fit the fused backbone, the backbone frozen."""
    _for_each_seed(recipe, "recover")


@app.command()
def rehearse(recipe: RecipeFile) -> None:
    """Rehearse: tune everything a little on all modalities in balance, anchored to the text geometry."""
    _for_each_seed(recipe, "rehearse")


def _for_each_seed(recipe: Path, stage: Literal["fuse", "recover", "rehearse"]) -> None:
    stages, settings = _training(recipe)
    for seed in settings.seeds:
        _say(getattr(stages, stage)(stages.open_run(settings, seed)))


def _training(recipe: Path) -> "tuple[ModuleType, TrainRecipe]":
    """The stages, which load torch, and the recipe."""
    from engine.train import stages
    from engine.train.recipe import read_train_recipe

    return stages, read_train_recipe(recipe)


def _say(folder: Path) -> None:
    out.print(str(folder), markup=False)
