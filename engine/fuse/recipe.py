"""Recipes: TOML files that say how a model is made, checked before anything is read or written."""

import tomllib
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import ModelError
from storage.records import Modality

Kind = TypeVar("Kind", bound="Recipe")
MethodName = Literal["sum", "ties", "dare"]
DtypeName = Literal["float32", "float16", "bfloat16"]


class Recipe(BaseModel):
    """Base of all recipes and their sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FuseMethod(Recipe):
    """How task vectors are combined.

    ``keep`` is TIES's share of entries kept, ``drop`` DARE's probability that an entry is dropped. ``owned`` names the
    modules that one modality has to itself: they are copied from its specialist. ``dtype`` is that of the files.
    """

    method: MethodName = "sum"
    coefficients: dict[Modality, float]
    keep: float = Field(default=0.2, gt=0, le=1)
    drop: float = Field(default=0.5, ge=0, lt=1)
    seed: int = 0
    owned: dict[str, Modality] = {"audio_encoder": "audio", "audio_projector": "audio"}
    dtype: DtypeName = "float32"


class FuseRecipe(FuseMethod):
    """``base`` plus the task vectors of ``specialists``, all of them folders."""

    base: Path
    specialists: dict[Modality, Path]

    @model_validator(mode="after")
    def _one_coefficient_each(self) -> Self:
        if not self.specialists:
            raise ValueError("there are no specialists")
        if set(self.coefficients) != set(self.specialists):
            raise ValueError("coefficients must name each specialist, and nothing else")
        return self


def read_fuse_recipe(path: Path) -> FuseRecipe:
    """The recipe at ``path``; folders in it are relative to it. Raises ``ModelError`` in one line."""
    recipe = read_recipe(path, FuseRecipe)
    specialists = {name: path.parent / folder for name, folder in recipe.specialists.items()}
    return recipe.model_copy(update={"base": path.parent / recipe.base, "specialists": specialists})


def read_recipe(path: Path, kind: type[Kind]) -> Kind:
    """A recipe of any kind. Raises ``ModelError`` in one line: no file, bad TOML, an unknown key, a bad value."""
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelError(f"{path}: the recipe cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise ModelError(f"{path}: {_first_fault(error)}") from error
    except ValueError as error:
        raise ModelError(f"{path}: this is not valid TOML: {error}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key {where}"
    message = fault["msg"].removeprefix("Value error, ").splitlines()[0]
    return f"{where}: {message}" if where else message
