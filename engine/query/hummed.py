"""A sound that is a tune asks by its melody too: a hummed tune sounds like no instrument, and means one all the same."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.query.calibrate import Background, background
from engine.query.candidates import BACKGROUND_SAMPLE, Scale, Scope
from engine.query.embed_query import Reading
from engine.query.tunes import found, join, tune
from storage.library import Library

_UNRELATED = Background(0.33, 0.06)  # scores of windows that have nothing to do with the tune


def tune_of(readings: Sequence[Reading]) -> NDArray[np.float64] | None:
    """The tune that is asked with, if a sound alone asks and is one. Beside other parts a tune does not count."""
    melodies = [
        part.melody for reading in readings for part in reading if len(reading) == 1 and part.melody is not None
    ]
    return tune(melodies[0]) if melodies else None


def tune_scale(library: Library, line: NDArray[np.float64], scope: Scope) -> Scale | None:
    """What the windows of sound that may answer have of a tune, as scores that stand beside cosines; None if there are
    none."""
    melodies = join(library.melodies())
    scores = found(melodies, line)
    may = np.ones(len(scores), dtype=np.bool_)
    if scope.among is not None:
        may &= np.isin(melodies.pieces, scope.among.get("audio", ()))
    may &= ~np.isin(melodies.pieces, scope.without)
    ids, scores = melodies.pieces[may], scores[may]
    if not len(ids) or "audio" not in scope.modalities:
        return None
    places = np.unique(np.linspace(0, len(ids) - 1, min(BACKGROUND_SAMPLE, len(ids))).astype(np.int64))
    return Scale("audio", np.empty(0, np.float32), background(_UNRELATED, scores[places]), len(ids), (ids, scores))
