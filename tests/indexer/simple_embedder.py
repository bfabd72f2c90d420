"""An embedder without a network: coarse statistics of a piece, projected by a fixed random matrix.

It keeps the protocol's promises, likenesses included (the same or a similar picture lies close), and takes no time.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.pieces import ExtractedPiece, MediaFormat
from storage.records import MODALITIES, Modality

_FEATURES = 256


class SimpleEmbedder:
    def __init__(self, dimension: int = 32, name: str = "simple") -> None:
        self._projection = np.random.default_rng(7).normal(size=(_FEATURES, dimension)).astype(np.float32)
        self._name = name

    @property
    def modalities(self) -> frozenset[Modality]:
        return frozenset(MODALITIES)

    @property
    def dimension(self) -> int:
        return self._projection.shape[1]

    @property
    def fingerprint(self) -> str:
        return f"{self._name}-{self.dimension}"

    @property
    def media(self) -> MediaFormat:
        return MediaFormat(image_size=32, sample_rate=8000)

    def embed(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        # One product a piece: the rounding of a matrix product depends on how many rows it has.
        vectors = np.stack([self._features(piece) @ self._projection for piece in pieces])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _features(self, piece: ExtractedPiece) -> NDArray[np.float32]:
        features = np.full(_FEATURES, 1e-3, dtype=np.float32)
        if piece.text:
            features += np.bincount(np.frombuffer(piece.text.encode(), np.uint8), minlength=256) / len(piece.text)
        if piece.frames is not None:
            features += np.histogram(piece.frames, bins=_FEATURES, range=(0, 256))[0] / piece.frames.size
        if piece.sound is not None:
            spectrum = np.abs(np.fft.rfft(piece.sound, n=2 * (_FEATURES - 1)))
            features += spectrum / max(float(spectrum.sum()), 1e-6)
        return features.astype(np.float32)
