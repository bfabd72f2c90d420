"""The nearest files by their pieces, against brute force."""

from pathlib import Path

import numpy as np

from engine.duplicates.candidates import LEAST_COSINE, candidate_pairs
from storage.catalog import Catalog
from storage.records import FileState, Piece, Source


def test_all_near_files_are_found_and_a_file_is_not_its_own_copy(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    catalog = Catalog(tmp_path)
    vectors = random.normal(size=(40, 8))
    vectors[20:30] = vectors[:10] + random.normal(size=(10, 8)) * 0.1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for file, own in enumerate(vectors.reshape(20, 2, 8)):
        pieces = [Piece("image", vector.astype(np.float16)) for vector in own]
        catalog.put_source(Source(f"/{file}", "image", FileState(1, 1), bytes([file])), pieces)
    located = catalog.pieces_of(held.id for held in catalog.sources_under("/").values())
    pieces_of: dict[int, list[int]] = {}
    for location in located:
        pieces_of.setdefault(int(location.path[1:]), []).append(location.id)
    cosines = (vectors.astype(np.float16).astype(np.float32) @ vectors.astype(np.float16).astype(np.float32).T) >= (
        LEAST_COSINE
    )
    near = cosines.reshape(20, 2, 20, 2).any(axis=(1, 3))
    expected = {(one, other) for one in range(20) for other in range(one + 1, 20) if near[one, other]}
    assert len(expected) >= 5
    assert candidate_pairs(catalog, pieces_of, 8) == expected
