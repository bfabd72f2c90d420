"""Writing a checkpoint folder whole or not at all, and the recipe.toml in it that says how it was made."""

import hashlib
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from engine.errors import ModelError
from storage.atomic import sync_folder


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` to write into; then sync and rename it, or remove it on an error.

    Raises ``ModelError`` when ``path`` exists: a checkpoint is never changed.
    """
    if path.exists():
        raise ModelError(f"{path} exists already; move it away, or choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        sync_folder(temporary)
        temporary.rename(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_surroundings(source: Path, target: Path) -> None:
    """Copy what is neither weights nor about one model alone: config.json, the tokenizer, an index of the shards."""
    for file in sorted(source.iterdir()):
        about_one_model = file.suffix == ".safetensors" or file.name in {"recipe.toml", "README.md"}
        if file.is_file() and not about_one_model:
            shutil.copyfile(file, target / file.name)


def describe(folder: Path) -> dict[str, Any]:
    """A checkpoint as an entry of recipe.toml: its name, and the SHA-256 of each of its weights files."""
    return {"name": folder.name, "sha256": {file.name: sha256(file) for file in sorted(folder.glob("*.safetensors"))}}


def sha256(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_recipe(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as ``folder``/recipe.toml."""
    (folder / "recipe.toml").write_text(tomli_w.dumps(content), encoding="utf-8")


def check_made(folder: Path, content: Mapping[str, Any]) -> None:
    """Raise ``ModelError`` unless recipe.toml of ``folder`` says all that ``content`` says: it may be out of date."""
    try:
        written = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: cannot read recipe.toml: {error}") from error
    for key, value in tomllib.loads(tomli_w.dumps(content)).items():
        if written.get(key) != value:
            raise ModelError(f"{folder} was made with other {key}; move it away to make it anew")
