"""What is answered: hits, each a file with the pieces of it that were found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.records import Modality


@dataclass(frozen=True)
class Moment:
    """A span of a sound or video, in seconds, and its score (cosine)."""

    start: float
    end: float
    score: float


@dataclass(frozen=True)
class Hit:
    """A file that answers, or one place in it. Its fields are those of its best place.

    ``score`` is the cosine similarity; ``relevance`` (0 to 1) is comparable across modalities. ``start`` and ``end`` in
    seconds for sounds and videos, ``page`` from 1 for documents, ``snippet`` for text. ``moments``: its best spans,
    best first. ``pieces``: the numbers, in the library, of the pieces that the best place consists of, so that a hit
    can be asked with.
    """

    path: str
    kind: Modality
    score: float
    relevance: float
    start: float | None
    end: float | None
    page: int | None
    snippet: str | None
    moments: tuple[Moment, ...]
    pieces: tuple[int, ...] = ()


def hit_of(fields: Mapping[str, Any]) -> Hit:
    """The hit whose ``dataclasses.asdict`` is ``fields``, or was before JSON. Raises TypeError and KeyError."""
    moments = tuple(Moment(**each) for each in fields["moments"])
    return Hit(**{**fields, "moments": moments, "pieces": tuple(fields["pieces"])})


@dataclass(frozen=True)
class Apart:
    """Hits among pieces that another ``model`` has embedded, because the one in use cannot read these ``modalities``.

    Their scores and relevance say nothing beside those of other hits.
    """

    model: str
    modalities: tuple[Modality, ...]
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class SearchResult:
    """``took_ms`` counts from the query, with the model ready, to the hits; hits come in order of relevance.

    ``close``: whether any hit is relevant enough to be an answer; if not, they are merely what is nearest. ``apart``:
    an answer of its own, where two models share a library.
    """

    took_ms: float
    hits: tuple[Hit, ...]
    close: bool
    apart: Apart | None = None

    @property
    def all_hits(self) -> tuple[Hit, ...]:
        """The hits, then those that stand apart: as they are numbered."""
        return self.hits + (self.apart.hits if self.apart else ())
