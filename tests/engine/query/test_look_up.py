"""What the catalog says of a query by itself."""

from pathlib import Path

import numpy as np

from engine.query.look_up import look_up, without_words_of
from engine.query.query import Query, Words
from storage.catalog import Catalog
from storage.records import FileState, Piece, Source


def test_a_file_that_is_not_wanted_is_not_raised_by_its_name(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.bind_model("model", 4)
    for name in ("castle.png", "castle by the sea.png"):
        piece = Piece("image", np.ones(4, dtype=np.float16))
        catalog.put_source(Source(f"/pictures/{name}", "image", FileState(1, 1), name.encode()), [piece])
    found = look_up(catalog, Query((Words("castle"),)))
    assert sorted(hit.match.path for hit in found.words) == ["/pictures/castle by the sea.png", "/pictures/castle.png"]
    (piece,) = catalog.pieces_of([catalog.sources_at(["/pictures/castle.png"])["/pictures/castle.png"].id])
    left = without_words_of(np.array([piece.id], dtype=np.int64), found, catalog)
    assert [hit.match.path for hit in left.words] == ["/pictures/castle by the sea.png"]
    catalog.close()
