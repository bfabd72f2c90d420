"""`synesthete model ...`: which model is in use, and the stages of its training."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from engine.paths import typed_path
from engine.printed import json_line

if TYPE_CHECKING:
    from engine.train.recipe import TrainRecipe

app = typer.Typer(help="The model that embeds: what it is, and how to train another.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

Seeds = Annotated[str | None, typer.Option(metavar="N,...", help="Only these seeds of the recipe.")]
RecipeFile = Annotated[
    Path,
    typer.Option("--recipe", metavar="FILE", parser=typed_path, help="The recipe of the training, a TOML file."),
]


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def info(context: typer.Context, as_json: Json = False) -> None:
    """Which model is in use: its files, what it reads, and its card."""
    from engine.model.describe import describe_model, show_model

    description = describe_model(context.obj.settings.model)
    if as_json:
        print(json_line(description))
    else:
        show_model(out, description)


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """Large models that can be had from a hub, with their licences."""
    from dataclasses import asdict

    from engine.model.describe import show_known
    from engine.model.known_models import KNOWN_MODELS

    if as_json:
        rows = [{**asdict(model), "gigabytes": model.gigabytes} for model in KNOWN_MODELS]
        print(json_line({"models": rows}))
    else:
        show_known(out)


@app.command()
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="bundled, hub:ORG/NAME[@REVISION], or a folder.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Take a model whose licence does not allow every use.")
    ] = False,
) -> None:
    """Write into your own settings which model is to be used; the next `index` embeds everything by it."""
    from engine.model.describe import name_to_use
    from engine.settings import user_settings_file
    from engine.user_settings import write_setting

    chosen, remark = name_to_use(name, accept_licence)
    file = user_settings_file()
    write_setting(file, "model", "name", chosen)
    out.print(f'[model] name = "{chosen}" stands in {file}', markup=False)
    if remark:
        err.print(remark, markup=False)


@app.command()
def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="ORG/NAME[@REVISION] of a hub.")],
    only: Annotated[
        str | None, typer.Option(metavar="PART", help="Of the weights, only files with tensors of this name in them.")
    ] = None,
) -> None:
    """Fetch a model from its hub, or go on with a download that was cut off."""
    from engine.model.hub import download as fetch
    from engine.model.hub import parse_name
    from engine.model.known_models import known, warning

    wanted = parse_name(name)
    model = known(wanted.repository)
    if model is not None and warning(model):
        err.print(str(warning(model)), markup=False)
    out.print(str(fetch(wanted, only, show_progress=err.is_terminal)), markup=False)


@app.command()
def train(recipe: RecipeFile, seeds: Seeds = None) -> None:
    """Decouple: train each modality's specialist from the base, and what they are compared with."""
    stages, settings = _training(recipe)
    from engine.train.compose import compose_base

    compose_base(settings)
    from engine.model.families import open_model
    from engine.train.reading import piece_reader

    with piece_reader(open_model(settings.base).media) as read:
        encoded = stages.fill_cache(settings, stages.piece_variants(settings, read))
    out.print(f"{encoded} pieces encoded", markup=False)
    for seed in _chosen(settings, seeds):
        run = stages.open_run(settings, seed)
        if settings.align is not None:
            _say(stages.align(run))
        for modality in settings.specialists:
            _say(stages.train_specialist(run, modality))
        if settings.projectors is not None:
            _say(stages.train_projectors(run))
        if settings.joint is not None:
            _say(stages.train_joint(run))


@app.command()
def fuse(recipe: RecipeFile, seeds: Seeds = None) -> None:
    """Fuse: add the specialists' task vectors to the base."""
    _for_each_seed(recipe, seeds, "fuse")


@app.command()
def recover(recipe: RecipeFile, seeds: Seeds = None) -> None:
    """Recover: tune the projectors that no longer fit the fused backbone, the backbone frozen."""
    _for_each_seed(recipe, seeds, "recover")


@app.command()
def rehearse(recipe: RecipeFile, seeds: Seeds = None) -> None:
    """Rehearse: tune everything a little on all modalities in balance, anchored to the text geometry."""
    _for_each_seed(recipe, seeds, "rehearse")


@app.command()
def evaluate(
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=typed_path, help="Measure every model of this recipe on its held-out data."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    results: Annotated[
        Path | None,
        typer.Option("--out", metavar="RESULTS.json", parser=typed_path, help="Where to write the raw results."),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", parser=typed_path, help="Where to write the tables as Markdown."),
    ] = None,
    rows: Annotated[
        str | None, typer.Option(metavar="ROW,...", help="Only these: base, a stage, or a checkpoint folder.")
    ] = None,
    seeds: Seeds = None,
    device: Annotated[str | None, typer.Option(help="Where to run; default: the recipe's, or a GPU.")] = None,
    mteb: Annotated[
        str | None, typer.Option(metavar="TASK,...", help="Instead: these tasks of mteb, which it fetches.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="FOLDER", help="With --mteb: the model to measure.")] = "bundled",
) -> None:
    """Evaluate: every model of a recipe on what it was not trained on, or one model on public benchmarks."""
    if mteb is not None and recipe is None:
        report = _benchmark(model, mteb.split(","), device)
    elif recipe is not None and mteb is None:
        from engine.evaluate.evaluation import evaluate as measure
        from engine.train.recipe import read_train_recipe

        chosen = None if rows is None else rows.split(",")
        report = measure(read_train_recipe(recipe), None if seeds is None else _numbers(seeds), chosen, device, _tell)
    else:
        raise typer.BadParameter("either --recipe FILE or --mteb TASK,... says what to measure")
    from engine.evaluate.tables import markdown as as_markdown
    from engine.evaluate.tables import show

    if results is not None:
        _write(results, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    if markdown is not None:
        _write(markdown, as_markdown(report))
    if as_json:
        print(json_line(report))
    else:
        show(out, report)


def _benchmark(model: str, tasks: list[str], device: str | None) -> dict[str, Any]:
    from engine.errors import ModelError

    try:
        from engine.evaluate.mteb_model import named_tasks, run_tasks
    except ModuleNotFoundError as error:
        raise ModelError(f"public benchmarks need {error.name}: pip install 'synesthete[evaluate]'") from error
    return run_tasks(model, named_tasks(tasks), device or "cpu", _tell)


def _tell(line: str) -> None:
    err.print(line, markup=False)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text}: seeds are whole numbers with commas between them") from None


def _write(path: Path, text: str) -> None:
    from engine.errors import ModelError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path}: cannot be written ({error.strerror})") from error


def _for_each_seed(recipe: Path, seeds: str | None, stage: Literal["fuse", "recover", "rehearse"]) -> None:
    stages, settings = _training(recipe)
    for seed in _chosen(settings, seeds):
        _say(getattr(stages, stage)(stages.open_run(settings, seed)))


def _chosen(settings: "TrainRecipe", seeds: str | None) -> Sequence[int]:
    return settings.seeds if seeds is None else _numbers(seeds)


def _training(recipe: Path) -> "tuple[ModuleType, TrainRecipe]":
    """The stages, which load torch, and the recipe."""
    from engine.train import stages
    from engine.train.recipe import read_train_recipe

    return stages, read_train_recipe(recipe)


def _say(folder: Path) -> None:
    out.print(str(folder), markup=False)
