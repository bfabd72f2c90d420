"""What a query finds of itself: the pieces of a query file, and of its exact copies in the library."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.paths import absolute_path
from engine.query.held import content_of
from engine.query.query import LikeFile, LikeHit, Part
from storage.catalog import Catalog
from storage.records import PieceLocation


def own_pieces(parts: Sequence[Part], catalog: Catalog) -> NDArray[np.int64]:
    """The numbers of the pieces that are in ``parts``, ascending.

    Asked with a whole file, these are all pieces of the files that have the same bytes; asked with a span, a page or an
    earlier hit, those that lie there, by half at least (windows overlap), and those that half of it or more lies in: a
    second of a sound is part of a window of five. The rest of the file may well answer.
    """
    found = {number for part in parts for number in _pieces_in(part, catalog)}
    return np.array(sorted(found), dtype=np.int64)


def _pieces_in(part: Part, catalog: Catalog) -> Iterator[int]:
    if isinstance(part, LikeFile):
        digest = content_of(absolute_path(part.path), catalog)
        for piece in _pieces_of_copies(digest, catalog):
            if part.page in (None, piece.page) and (part.span is None or _is_inside(piece, part.span)):
                yield piece.id
    elif isinstance(part, LikeHit):
        hit = part.hit
        asked = [(piece.page, piece.text) for piece in catalog.locate(hit.pieces).values()]
        held = catalog.sources_under(hit.path).get(hit.path)
        for piece in [] if held is None else _pieces_of_copies(held.source.content_hash, catalog):
            if hit.start is not None and hit.end is not None:
                if _is_inside(piece, (hit.start, hit.end)):
                    yield piece.id
            elif (piece.page, piece.text) in asked:
                yield piece.id


def _pieces_of_copies(digest: bytes, catalog: Catalog) -> list[PieceLocation]:
    return catalog.pieces_of(held.id for held in catalog.sources_with_content(digest))


def _is_inside(piece: PieceLocation, span: tuple[float, float]) -> bool:
    if piece.start is None or piece.end is None:
        return False
    shorter = min(piece.end - piece.start, span[1] - span[0])
    return min(piece.end, span[1]) - max(piece.start, span[0]) >= shorter / 2
