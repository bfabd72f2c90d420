"""`synesthete model ...`: which model is in use, and the stages of its training."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.errors import ModelError

if TYPE_CHECKING:  # these load torch
    from engine.train.stages import Run

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
    from engine.model.families import open_model
    from engine.train import stages
    from engine.train.reading import piece_reader
    from engine.train.recipe import read_train_recipe

    settings = read_train_recipe(recipe)
    base = open_model(settings.base)
    with piece_reader(base.media) as read:
        encoded = stages.fill_cache(settings, stages.plain_variants(settings, read))
    out.print(f"{encoded} pieces encoded", markup=False)
    for run in _runs(recipe):
        for modality in settings.specialists:
            _say(stages.train_specialist(run, modality))
        if settings.projectors is not None:
            _say(stages.train_projectors(run))
        if settings.joint is not None:
            _say(stages.train_joint(run))


@app.command()
def fuse(recipe: RecipeFile) -> None:
    """Fuse: add the specialists' task vectors to the base."""
    from engine.train import stages

    for run in _runs(recipe):
        _say(stages.fuse(run))


@app.command()
def recover(recipe: RecipeFile) -> None:
    """Recover: tune the projectors that no longer fit the fused backbone, the backbone frozen."""
    from engine.train import stages

    for run in _runs(recipe):
        _say(stages.recover(run))


@app.command()
def rehearse(recipe: RecipeFile) -> None:
    """Rehearse: tune everything a little on all modalities in balance, anchored to the text geometry."""
    from engine.train import stages

    for run in _runs(recipe):
        _say(stages.rehearse(run))


def _runs(recipe: Path) -> "list[Run]":
    from engine.train.recipe import read_train_recipe
    from engine.train.stages import open_run

    try:
        settings = read_train_recipe(recipe)
        return [open_run(settings, seed) for seed in settings.seeds]
    except ModuleNotFoundError as error:
        raise ModelError(
            f"training needs the package {error.name}: install the extra `train`, as in pip install 'synesthete[train]'"
        ) from error


def _say(folder: Path) -> None:
    out.print(str(folder), markup=False)
