"""From the parts of a query to points in the library's space: a query file is taken apart like one of the library.

Unless the library holds it, and has done so already.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.errors import QueryError
from engine.model.spaces import Asking
from engine.paths import absolute_path
from engine.query.exact import without_quotes
from engine.query.held import same_source
from engine.query.query import LikeFile, LikeHit, Part, Query, Words
from engine.query.tunes import Codes, join
from indexer.decoders import Decoders
from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractedPiece
from storage.catalog import Catalog
from storage.records import MODALITIES, Modality, PieceLocation, PieceMelody

AGAINST = -0.5
"""What a part that is not wanted counts: it bends the query, at full weight it would outvote what is wanted."""

_PIECES_PER_BATCH = 32

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class PartVector:
    """One part of a query: a unit vector, shape (dimension,), what it was made from, and its signed weight.

    ``text``: what is written in a file; ``melody``: the codes of a sound, shape (frames, voices).
    """

    modality: Modality
    vector: Vector
    weight: float
    text: str = ""
    melody: Codes | None = None


@dataclass
class _Found:
    """What is in a part of a query: vectors by modality, texts, and melodies."""

    vectors: dict[Modality, list[Vector]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    melodies: list[PieceMelody] = field(default_factory=list)

    def add(self, modality: Modality, vector: Vector, text: str | None) -> None:
        self.vectors.setdefault(modality, []).append(vector)
        if text:
            self.texts.append(text)


Reading = tuple[PartVector, ...]
"""A query as it may be meant: one vector for each wanted part, then those of the parts that are not wanted."""


def embed_query(query: Query, embedder: Asking, decoders: Decoders, catalog: Catalog) -> list[Reading]:
    """The readings of ``query``. Most have one; with a video there are two, what it shows and how it sounds.

    All files are decoded by one process. Raises QueryError.
    """
    with ExitStack() as stack:
        worker = cache(lambda: stack.enter_context(decoders.lent()))
        wanted = [_senses(part, embedder, worker, catalog) for part in query.wanted]
        unwanted = [_senses(part, embedder, worker, catalog) for part in query.unwanted]
    against = [
        replace(part, weight=AGAINST * part.weight / len(senses)) for senses in unwanted for part in senses.values()
    ]
    # Several films are all meant by what they show, or all by how they sound.
    meant = dict.fromkeys(modality for senses in wanted if len(senses) > 1 for modality in senses)
    return [(*(_meant(senses, sense) for senses in wanted), *against) for sense in meant or [None]]


def _meant(senses: Mapping[Modality, PartVector], sense: Modality | None) -> PartVector:
    return senses[sense if sense is not None and sense in senses else next(iter(senses))]


def _senses(
    part: Part, embedder: Asking, worker: Callable[[], ExtractionWorker], catalog: Catalog
) -> dict[Modality, PartVector]:
    """One vector for each modality found in a part: the mean over its pieces."""
    if isinstance(part, Words):
        words = ExtractedPiece("text", text=without_quotes(part.text))
        return {"text": PartVector("text", embedder.embed([words])[0], part.weight)}
    if isinstance(part, LikeHit):
        found = _in_hit(part, catalog)
    else:
        found = _held(part, catalog) if embedder.holds_the_same and part.span is None else _Found()
        found = found if found.vectors else _in_file(part, embedder, worker())
    text = "\n\n".join(found.texts)
    melody = join(found.melodies).codes if found.melodies else None
    return {
        modality: PartVector(
            modality, _mean(found.vectors[modality]), part.weight, text, melody if modality == "audio" else None
        )
        for modality in MODALITIES
        if modality in found.vectors
    }


def _in_hit(part: LikeHit, catalog: Catalog) -> _Found:
    found = _of_pieces(catalog.locate(part.hit.pieces).values(), catalog)
    if not part.hit.pieces or sum(map(len, found.vectors.values())) < len(part.hit.pieces):
        raise QueryError(f"{part.hit.path}: the file has changed or gone since it was found; search again")
    return found


def _held(part: LikeFile, catalog: Catalog) -> _Found:
    """What the library holds of a file, or of a page of it; nothing if it does not hold the file as it is."""
    held = same_source(absolute_path(part.path), catalog)
    if held is None:
        return _Found()
    return _of_pieces((each for each in catalog.pieces_of([held.id]) if part.page in (None, each.page)), catalog)


def _of_pieces(pieces: Iterable[PieceLocation], catalog: Catalog) -> _Found:
    pieces = list(pieces)
    embeddings = catalog.embeddings([piece.id for piece in pieces])
    found = _Found()
    for piece in pieces:
        if piece.id in embeddings:
            found.add(*embeddings[piece.id], piece.text)
    if sounds := [piece.id for piece in pieces if piece.modality == "audio"]:
        found.melodies = catalog.melodies_of(sounds)
    return found


def _in_file(part: LikeFile, embedder: Asking, worker: ExtractionWorker) -> _Found:
    found = _Found()
    path = absolute_path(part.path)
    has_pages = False
    try:
        waiting: list[ExtractedPiece] = []
        for piece in worker.open(path, part.span).pieces:
            has_pages |= piece.page is not None
            if part.page is None or piece.page == part.page:
                waiting.append(piece)
            if len(waiting) == _PIECES_PER_BATCH:
                _embed_into(found, waiting, embedder)
                waiting = []
            if part.page is not None and _is_past(part.page, piece):
                break  # the rest of a book need not be drawn
        _embed_into(found, waiting, embedder)
    except ExtractionError as error:
        raise QueryError(f"{part.path}: {error}") from error
    if not found.vectors:
        raise QueryError(
            f"{part.path}: there is nothing in it to search by"
            if part.page is None
            else f"{part.path}: there is no page {part.page} in it"
            if has_pages
            else f"{part.path}: it has no pages"
        )
    return found


def _is_past(page: int, piece: ExtractedPiece) -> bool:
    """Whether nothing of ``page`` comes after ``piece``. A drawn page is one piece, a slide may be several."""
    return piece.page is None or piece.page > page or (piece.page == page and piece.frames is not None)


def _embed_into(found: _Found, pieces: Sequence[ExtractedPiece], embedder: Asking) -> None:
    """Vectors are as exact as those that are held: a file finds the same, held or not."""
    if pieces:
        for piece, vector in zip(pieces, embedder.embed(pieces).astype("<f2").astype(np.float32), strict=True):
            found.add(piece.modality, vector, piece.text)
            if piece.melody is not None:
                number = len(found.melodies)
                found.melodies.append(PieceMelody(number, 0, piece.start or 0.0, piece.melody.tobytes()))


def _mean(vectors: Sequence[Vector]) -> Vector:
    mean: Vector = np.mean(vectors, axis=0, dtype=np.float32)
    return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-12))
