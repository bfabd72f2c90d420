"""The approximate parts of the vector index on disk: a file a modality, and a manifest that says which files count.

Exact parts have no file, they are read from the catalog; so is what has come since a part was written. The manifest is
written last, in one rename: before it the old files count, after it the new ones; what no manifest names is removed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storage.approximate import ApproximatePart, restored
from storage.atomic import replaced_file, sync_folder
from storage.records import MODALITIES, Modality
from storage.vectors import Marks
from storage.wrong_codes import VectorReader

MANIFEST = "manifest.json"
_FORMAT = 2


class SnapshotError(Exception):
    """A snapshot is missing a file, damaged, or of another model; the catalog makes it superfluous."""


@dataclass(frozen=True)
class Entry:
    """What the manifest says of a part's file."""

    name: str
    sha256: str
    size: int
    trained_on: int
    marks: Marks


def write(
    folder: Path,
    owner: str,
    dimension: int,
    kept: Mapping[Modality, Entry],
    changed: Mapping[Modality, tuple[ApproximatePart, Marks]],
) -> dict[Modality, Entry]:
    """Write the ``changed`` parts anew beside those ``kept`` as they are, which is all there is from then on.

    Returns the entries of the new manifest. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = dict(kept)
    for modality, (part, marks) in changed.items():
        data = part.serialized().tobytes()
        digest = hashlib.sha256(data).hexdigest()
        name = f"{modality}-{marks.piece}-{marks.removal}-{digest[:8]}.faiss"
        with replaced_file(folder / name) as path:
            path.write_bytes(data)
        entries[modality] = Entry(name, digest, len(data), part.trained_on, marks)
    parts = {modality: _as_json(entry) for modality, entry in entries.items()}
    manifest = {"format": _FORMAT, "owner": owner, "dimension": dimension, "parts": parts}
    with replaced_file(folder / MANIFEST) as path:
        path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    in_use = {entry.name for entry in entries.values()} | {MANIFEST}
    for path in folder.iterdir():
        if path.name not in in_use:
            path.unlink(missing_ok=True)
    sync_folder(folder)
    return entries


def read_manifest(folder: Path, owner: str, dimension: int) -> dict[Modality, Entry] | None:
    """The parts there are files of; None if there is no manifest. Raises SnapshotError.

    ``owner`` names the catalog and the model that it must be of.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SnapshotError(f"its manifest cannot be read ({error})") from error
    try:
        if (manifest["format"], manifest["owner"], manifest["dimension"]) != (_FORMAT, owner, dimension):
            raise SnapshotError("it belongs to another catalog, model or version")
        return {m: _from_json(manifest["parts"][m]) for m in MODALITIES if m in manifest["parts"]}
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotError(f"its manifest is not complete ({error!r})") from error


def read_part(folder: Path, entry: Entry, read: VectorReader) -> ApproximatePart:
    """The part of an entry, every byte of its file held against the checksum. Raises SnapshotError."""
    try:
        data = np.fromfile(folder / Path(entry.name).name, dtype=np.uint8)
    except FileNotFoundError as error:
        raise SnapshotError(f"{entry.name} is missing") from error
    except OSError as error:
        raise SnapshotError(f"{entry.name} cannot be read ({error.strerror})") from error
    if hashlib.sha256(data.data).hexdigest() != entry.sha256:
        raise SnapshotError(f"{entry.name} is damaged (its checksum differs)")
    try:
        return restored(data, entry.trained_on, read)
    except (ValueError, RuntimeError) as error:
        raise SnapshotError(f"{entry.name} cannot be used ({error})") from error


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "sha256": entry.sha256,
        "size": entry.size,
        "trained_on": entry.trained_on,
        "piece_mark": entry.marks.piece,
        "removal_mark": entry.marks.removal,
    }


def _from_json(found: Mapping[str, Any]) -> Entry:
    marks = Marks(int(found["piece_mark"]), int(found["removal_mark"]))
    return Entry(str(found["name"]), str(found["sha256"]), int(found["size"]), int(found["trained_on"]), marks)
