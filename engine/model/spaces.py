"""Spaces that are not one another's: a large model that lacks a modality, and the bundled one in its place.

The embeddings of both stand in one library as a direct sum: the numbers of the one first, those of the other after
them, zeros elsewhere. So pieces of different spaces have the cosine zero, whatever happens; what is asked is asked in
each space for itself, and the answers are listed apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.embedder import Embedder
from indexer.pieces import ExtractedPiece, MediaFormat
from storage.records import MODALITIES, Modality


@dataclass(frozen=True)
class Space:
    """Numbers ``start`` to ``stop`` of an embedding, where ``model`` puts pieces of these ``modalities``."""

    model: str
    modalities: frozenset[Modality]
    start: int
    stop: int

    def part(self, vector: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """What ``vector`` is in this space, at unit length and of the same shape; None if it is nothing there."""
        own = np.zeros_like(vector)
        own[self.start : self.stop] = vector[self.start : self.stop]
        length = float(np.linalg.norm(own))
        return own / np.float32(length) if length > 1e-6 else None


class SearchModel(Embedder, Protocol):
    """What searching needs of a model, beyond embedding the pieces of a library."""

    @property
    def spaces(self) -> tuple[Space, ...]: ...

    def embed_query(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """Like ``embed``, for what is asked with; one that is something in several spaces has a part in each."""
        ...

    @property
    def asks_as_it_holds(self) -> bool:
        """Whether ``embed_query`` makes of a piece what ``embed`` does: what is held can be asked with."""
        ...

    def background(self, query: Modality, piece: Modality) -> tuple[float, float]:
        """Mean and standard deviation of the cosine between an unrelated query and piece of these modalities."""
        ...


class Asking:
    """A ``SearchModel`` as the ``Embedder`` of what is asked with."""

    def __init__(self, model: SearchModel) -> None:
        self.modalities, self.dimension, self.fingerprint = model.modalities, model.dimension, model.fingerprint
        self.media, self.embed, self.holds_the_same = model.media, model.embed_query, model.asks_as_it_holds


class Completed:
    """``large`` with ``small`` for the modalities that it lacks, as a ``SearchModel`` of all modalities."""

    asks_as_it_holds = False

    def __init__(self, large: SearchModel, small: SearchModel) -> None:
        self._large, self._small = large, small
        self.modalities = frozenset(MODALITIES)
        self.dimension = large.dimension + small.dimension
        both = f"direct sum {large.fingerprint} {small.fingerprint} {sorted(large.modalities)}"
        self.fingerprint = sha256(both.encode()).hexdigest()
        lacking = self.modalities - large.modalities
        self.spaces = (
            replace(large.spaces[0], stop=large.dimension),
            replace(small.spaces[0], modalities=lacking, start=large.dimension, stop=self.dimension),
        )

    @property
    def media(self) -> MediaFormat:
        """Pictures as the large model wants them, sound as the one that hears it does."""
        if "audio" in self._large.modalities:
            return self._large.media
        return replace(self._large.media, sample_rate=self._small.media.sample_rate)

    def background(self, query: Modality, piece: Modality) -> tuple[float, float]:
        """As the model of the space in which ``piece`` lies knows it."""
        return (self._large if piece in self._large.modalities else self._small).background(query, piece)

    def embed(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """Vectors (len(pieces), dimension), each in the space of its modality alone."""
        vectors = np.zeros((len(pieces), self.dimension), dtype=np.float32)
        edge = self._large.dimension
        seen = [n for n, piece in enumerate(pieces) if piece.modality in self._large.modalities]
        rest = [n for n, piece in enumerate(pieces) if piece.modality not in self._large.modalities]
        if seen:
            vectors[seen, :edge] = self._large.embed([pieces[n] for n in seen])
        if rest:
            vectors[rest, edge:] = self._small.embed([pieces[n] for n in rest])
        return vectors

    def embed_query(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """Vectors (len(pieces), dimension): in the bundled model's space always, in the large one's if it can."""
        vectors = np.zeros((len(pieces), self.dimension), dtype=np.float32)
        edge = self._large.dimension
        seen = [n for n, piece in enumerate(pieces) if piece.modality in self._large.modalities]
        if seen:
            vectors[seen, :edge] = self._large.embed_query([pieces[n] for n in seen])
        vectors[:, edge:] = self._small.embed_query(pieces)
        return vectors


def load_parts(model: SearchModel) -> None:
    """Let ``model`` load every part of it that a query may need: it is asked with words, a picture and a sound."""
    media = model.media
    pieces = (
        ExtractedPiece("text", text="words"),
        ExtractedPiece("image", frames=np.zeros((1, media.image_size, media.image_size, 3), np.uint8)),
        ExtractedPiece("audio", sound=np.zeros(media.sample_rate, np.float32)),
    )
    model.embed_query([piece for piece in pieces if piece.modality in model.modalities])
