"""The files of a large model on this disk: whether they are whole, and what they are."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path

PREPROCESSING = 1
"""Raised when our code turns the same piece into other inputs, so that old embeddings are known to be old."""

_FOREIGN = re.compile(r'"(?P<repository>[\w.-]+/[\w.-]+?)--[\w.]+"')
_NO_CONFIG = ("tokenizer.json", "vocab.json", "model.safetensors.index.json")  # large, and without references to code
_NO_MODEL = (".md", ".txt", ".png", ".jpg", ".jpeg", ".gitattributes")


def is_sentence_transformer(folder: Path) -> bool:
    """Whether ``folder`` is one as sentence-transformers writes it."""
    return (folder / "modules.json").is_file()


def missing_files(folder: Path) -> list[str]:
    """Files without which ``folder`` holds no model: what describes it, or weights that its index names."""
    if not any((folder / name).is_file() for name in ("config.json", "modules.json")):
        return ["config.json"]
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return [] if any(path.is_file() for path in folder.rglob("*.safetensors")) else ["model.safetensors"]
    try:
        named = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError):
        return [index.name]
    return [name for name in named if not (folder / name).is_file()]


def foreign_code(folder: Path) -> str | None:
    """Another repository from which the model in ``folder`` would take Python code: "ORG/NAME--module.Class"."""
    for path in sorted(folder.rglob("*.json")):
        if path.name not in _NO_CONFIG:
            found = _FOREIGN.search(path.read_text(encoding="utf-8", errors="replace"))
            if found is not None:
                return found["repository"]
    return None


def fingerprint_of(folder: Path, options: str) -> str:
    """SHA-256, in hex, of all files that decide an embedding, and of ``options``.

    In the cache of a hub a file is a link to one named by its content, which spares reading gigabytes; elsewhere each
    file is read.
    """
    digest = sha256(f"{PREPROCESSING} {options}".encode())
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and each.suffix not in _NO_MODEL):
        digest.update(f"{path.relative_to(folder)}\0{_content(path)}\0".encode())
    return digest.hexdigest()


def _content(path: Path) -> str:
    if path.is_symlink() and path.resolve().parent.name == "blobs":
        return path.resolve().name
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@contextmanager
def offline() -> Iterator[None]:
    """Inside it, huggingface_hub refuses every request, whatever a library asks of it."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
