"""The protocol every model sits behind: pieces in, vectors out. The indexer knows nothing else of a model."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.pieces import ExtractedPiece, MediaFormat
from storage.records import Modality


class Embedder(Protocol):
    """Turns pieces of any of its ``modalities`` into points of one space.

    ``fingerprint`` names the model's weights and preprocessing: two embedders with the same fingerprint give the same
    vectors.
    """

    @property
    def modalities(self) -> frozenset[Modality]: ...

    @property
    def dimension(self) -> int: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def media(self) -> MediaFormat: ...

    def embed(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """L2-normalised vectors, shape (len(pieces), dimension); each depends on its own piece alone."""
        ...
