"""The recipe of a whole training: data, base, and settings for every stage. See recipes/mini.toml for an example."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from engine.fuse.recipe import DtypeName, FuseMethod, Recipe, read_recipe
from storage.records import Modality

STAGES = ("align", "projectors", "joint", "recover", "rehearse")


class LoraSettings(Recipe):
    """Low-rank adaptation of every linear layer of the backbone. Hu et al., arXiv 2106.09685."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)


class StageSettings(Recipe):
    """One run of the loop.

    ``batch`` examples a step over all processes; ``chunk`` pieces and texts in memory at once, in each process. ``lr``
    rises over the share ``warmup`` of the steps and falls to zero along a cosine; ``projector_lr``, where given, takes
    its place outside the backbone. ``anchor`` weighs the loss that holds texts where the base has them. ``negatives``
    are those of the whole batch, or of the same modality alone. ``noise`` is the relative noise on what the encoders
    say. ``dropout`` switches on what the backbone has of it. Without ``lora``, parameters are trained in full.
    ``modalities``: those of the data, unless named.
    """

    steps: int = Field(ge=1)
    batch: int = Field(default=128, ge=2)
    chunk: int = Field(default=256, ge=1)
    lr: float = Field(default=1e-4, gt=0)
    projector_lr: float | None = Field(default=None, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.1, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    temperature: float = Field(default=0.02, gt=0)
    anchor: float = Field(default=0.0, ge=0)
    negatives: Literal["batch", "modality"] = "batch"
    noise: float = Field(default=0.0, ge=0)
    dropout: bool = False
    save_every: int = Field(default=200, ge=1)
    lora: LoraSettings | None = None
    modalities: tuple[Modality, ...] | None = None


class SearchSettings(Recipe):
    """A search for the coefficients of fusion: the ``values`` to try, on the rows of ``split``."""

    values: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    kind: Literal["grid", "coordinate"] = "coordinate"
    weight_at_1: float = Field(default=0.75, ge=0, le=1)
    split: str = "validation"


class DataSettings(Recipe):
    """A manifest (``pairs.py``), where to keep features, which split to learn from.

    ``copies`` says of how many altered copies of each of its pieces (``augment.py``) to keep the features too: by
    modality, or by source, which goes first.
    """

    manifest: Path
    cache: Path
    split: str = "train"
    copies: dict[str, int] = Field(default={})


class ComposeSettings(Recipe):
    """A base to be put together: ``backbone`` and ``audio`` are folders or hub:ORG/NAME; see ``compose.py``."""

    backbone: str
    audio: str
    projector_width: int = Field(default=4096, ge=1)


class TrainRecipe(Recipe):
    """Everything from base to rehearsed model. What stands under ``common`` holds for each stage that does not differ.

    With ``compose`` the base is made first. A recipe may do without specialists and what follows from them, if it has
    ``projectors`` alone. With ``search``, the coefficients under ``fuse`` give way to those it finds. ``recover`` names
    the modalities whose projectors it tunes; audio, unless it says otherwise. ``dtype`` is that of a large model's
    frozen weights; what is trained is float32.
    """

    name: str
    base: Path
    out: Path
    data: DataSettings
    seeds: tuple[int, ...] = (0,)
    device: str = "cpu"
    dtype: DtypeName = "float32"
    common: dict[str, Any] = Field(default={})
    compose: ComposeSettings | None = None
    align: StageSettings | None = None
    specialists: dict[Modality, StageSettings] = Field(default={})
    fuse: FuseMethod = FuseMethod(coefficients={})
    search: SearchSettings | None = None
    recover: StageSettings | None = None
    rehearse: StageSettings | None = None
    projectors: StageSettings | None = None
    joint: StageSettings | None = None

    def folder(self, seed: int, stage: str) -> Path:
        """Where the checkpoint of a stage lies: "image" and so on for specialists, else the stage's name."""
        return self.out / f"seed-{seed}" / stage

    def base_folder(self, seed: int) -> Path:
        """The checkpoint that the specialists of a seed start from: the base, or what ``align`` made of it."""
        return self.base if self.align is None else self.folder(seed, "base")

    @property
    def chunk(self) -> int:
        """Pieces that fit into memory at once, by the last stage there is."""
        return (self.rehearse or self.projectors or StageSettings(steps=1)).chunk

    @model_validator(mode="before")
    @classmethod
    def _spread_common(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(common := raw.get("common", {}), dict):
            return raw
        spread = dict(raw)
        for stage in STAGES:
            if isinstance(raw.get(stage), dict):
                spread[stage] = {**common, **raw[stage]}
        if isinstance(raw.get("specialists"), dict):
            spread["specialists"] = {
                name: {**common, **own} if isinstance(own, dict) else own for name, own in raw["specialists"].items()
            }
        return spread

    @model_validator(mode="after")
    def _one_coefficient_each(self) -> Self:
        if set(self.fuse.coefficients) != set(self.specialists):
            raise ValueError("fuse.coefficients must name each specialist, and nothing else")
        return self


def read_train_recipe(path: Path) -> TrainRecipe:
    """The recipe at ``path``; paths in it are relative to it. Raises ``ModelError`` in one line."""
    recipe = read_recipe(path, TrainRecipe)
    here = path.parent
    data = recipe.data.model_copy(update={"manifest": here / recipe.data.manifest, "cache": here / recipe.data.cache})
    if recipe.compose is not None:
        parts = {"backbone": recipe.compose.backbone, "audio": recipe.compose.audio}
        local = {key: part if part.startswith("hub:") else str(here / part) for key, part in parts.items()}
        recipe = recipe.model_copy(update={"compose": recipe.compose.model_copy(update=local)})
    return recipe.model_copy(update={"base": here / recipe.base, "out": here / recipe.out, "data": data})
