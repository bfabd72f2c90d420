"""A query in each of the spaces of a model: an answer for each, never one ranking of both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import QueryError
from engine.model.spaces import SearchModel, Space
from engine.query.calibrate import Background
from engine.query.embed_query import Reading
from engine.query.hits import Apart, Hit
from engine.query.look_up import LookUp
from engine.query.query import Query
from engine.query.search import search
from storage.library import Library
from storage.records import MODALITIES, Modality


def search_spaces(
    library: Library,
    query: Query,
    looked_up: LookUp,
    readings: Sequence[Reading],
    own: NDArray[np.int64],
    model: SearchModel,
    floor: float,
) -> tuple[list[Hit], Apart | None]:
    """The hits in the model's own space, and those in the other, if it has one. Raises QueryError."""
    found: list[list[Hit]] = []
    asked = 0
    for space in model.spaces:
        inside = [reading for each in readings if (reading := in_space(each, space))]
        asked += bool(inside)
        priors = _priors(model, inside, space)
        found.append(search(library, query, looked_up, inside, own, priors, floor, space.modalities) if inside else [])
    if not asked:
        raise QueryError(
            "the parts of this query cannot be compared: no model here knows all of them; ask for each by itself"
        )
    if len(model.spaces) == 1:
        return found[0], None
    other = model.spaces[1]
    return found[0], Apart(other.model, tuple(name for name in MODALITIES if name in other.modalities), tuple(found[1]))


def in_space(reading: Reading, space: Space) -> Reading:
    """``reading`` as it is in ``space``; empty if a wanted part is nothing there. Unwanted parts may be missing."""
    parts = [(part, space.part(part.vector)) for part in reading]
    if any(own is None and part.weight > 0 for part, own in parts):
        return ()
    return tuple(replace(part, vector=own) for part, own in parts if own is not None)


def _priors(
    model: SearchModel, readings: Sequence[Reading], space: Space
) -> Mapping[tuple[Modality, Modality], Background]:
    return {
        (asked, piece): Background(*model.background(asked, piece))
        for asked in {part.modality for reading in readings for part in reading}
        for piece in space.modalities
    }
