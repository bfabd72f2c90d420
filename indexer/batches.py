"""Pieces between the decoders and the embedder: few enough to hold, handed on in batches of pieces that are alike.

Alike are pieces of one modality, whose encoders are the same, and of nearly one length, so that little of a batch is
padding. The oldest piece decides what the next batch holds: none waits for ever.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.pieces import ExtractedPiece
from indexer.plan import File
from storage.records import Modality

_BATCHES_HELD = 4
"""So many batches wait at most: enough to choose from, little enough to hold (a piece is a megabyte or less)."""

_MOST_SECONDS = 1.0
"""How long a batch may take, so that a run that is told to end does so soon."""


@dataclass(frozen=True)
class Waiting:
    """A piece without an embedding: the ``number``-th of its file, counted from 0."""

    file: File
    number: int
    piece: ExtractedPiece


class Batches:
    """A bounded store of pieces between threads. ``size``: how many pieces are embedded together at most."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: list[Waiting] = []
        self._changed = threading.Condition()
        self._pace: dict[Modality, float] = {}

    def put(self, waiting: Waiting, seconds: float) -> bool:
        """Add a piece as soon as there is room; False if there is none within so many seconds."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, seconds):
                return False
            self._waiting.append(waiting)
            self._changed.notify_all()
            return True

    def take(self, seconds: float) -> list[Waiting]:
        """The next batch as soon as a piece waits; empty if none does within so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, seconds):
                return []
            oldest = self._waiting[0].piece
            alike = [each for each in self._waiting if each.piece.modality == oldest.modality]
            alike.sort(key=lambda each: abs(_length(each.piece) - _length(oldest)))
            batch = alike[: self._most(oldest.modality)]
            taken = {id(each) for each in batch}
            self._waiting = [each for each in self._waiting if id(each) not in taken]
            self._changed.notify_all()
            return batch

    def note(self, batch: Sequence[Waiting], seconds: float) -> None:
        """Say how long a batch took."""
        self._pace[batch[0].piece.modality] = seconds / len(batch)

    def __len__(self) -> int:
        return len(self._waiting)

    def _most(self, modality: Modality) -> int:
        pace = self._pace.get(modality)
        return self._size if not pace else max(1, min(self._size, int(_MOST_SECONDS / pace)))

    def _has_room(self) -> bool:
        return len(self._waiting) < _BATCHES_HELD * self._size


def _length(piece: ExtractedPiece) -> int:
    """What the time that a piece takes grows with, to be compared within one modality."""
    if piece.text is not None:
        return len(piece.text)
    return piece.sound.size if piece.sound is not None else piece.frames.size if piece.frames is not None else 0
