"""What a query file hides of itself."""

from pathlib import Path

import numpy as np
import pytest

from engine.query.copies import own_pieces
from engine.query.query import LikeFile
from indexer.fingerprint import content_hash
from storage.catalog import Catalog
from storage.records import FileState, Piece, Source


@pytest.mark.parametrize(
    ("span", "hidden"),
    [
        (None, [0.0, 2.5, 5.0, 7.5]),
        ((0.0, 2.0), [0.0]),
        ((3.0, 4.0), [0.0, 2.5]),
        ((9.0, 9.5), [5.0, 7.5]),
        ((0.0, 5.0), [0.0, 2.5]),
        ((2.0, 9.0), [0.0, 2.5, 5.0]),
    ],
)
def test_a_span_hides_the_windows_that_it_lies_in(
    tmp_path: Path, span: tuple[float, float] | None, hidden: list[float]
) -> None:
    """However short it is."""
    (tmp_path / "a.wav").write_bytes(b"a sound")
    catalog = Catalog(tmp_path / "data")
    catalog.bind_model("model", 4)
    vector = np.ones(4, dtype=np.float16)
    windows = [Piece("audio", vector, start=start, end=start + 5) for start in (0.0, 2.5, 5.0, 7.5)]
    content = content_hash(tmp_path / "a.wav")
    catalog.put_source(Source(str(tmp_path / "a copy.wav"), "audio", FileState(1, 1), content, 12.5), windows)
    own = own_pieces([LikeFile(tmp_path / "a.wav", span)], catalog)
    assert [piece.start for piece in catalog.locate(own.tolist()).values()] == hidden
    catalog.close()
