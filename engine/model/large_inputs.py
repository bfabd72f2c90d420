"""Pieces as the large model wants them: word pieces, frames as they are, and Whisper's log-mel spectrogram of sound."""

from functools import lru_cache

import torch
from tokenizers import Tokenizer
from transformers import WhisperFeatureExtractor

from engine.model.fused_model import PieceInput
from engine.model.large_checkpoint import SAMPLE_RATE
from engine.model.large_model import LargeConfig
from indexer.pieces import ExtractedPiece


def prepare_large(piece: ExtractedPiece, tokenizer: Tokenizer, config: LargeConfig) -> PieceInput:
    """One piece as tensors; its sound must be at 16 kHz. Raises ``ValueError`` for a piece without content."""
    tokens = frames = sound = None
    if piece.text is not None:
        tokens = torch.tensor(tokenizer.encode(piece.text, add_special_tokens=False).ids, dtype=torch.long)
    if piece.frames is not None:
        frames = torch.from_numpy(piece.frames).permute(0, 3, 1, 2).float()
    if piece.sound is not None:
        extractor = _extractor(int(config.audio["num_mel_bins"]))
        spectrogram = extractor(
            piece.sound, sampling_rate=SAMPLE_RATE, padding="longest", truncation=False, return_tensors="np"
        ).input_features[0]
        sound = torch.from_numpy(spectrogram).T.contiguous()
    if tokens is None and frames is None and sound is None:
        raise ValueError(f"a piece of modality {piece.modality} has neither text nor frames nor sound")
    return PieceInput(piece.modality, tokens, frames, sound)


@lru_cache(maxsize=1)
def _extractor(bands: int) -> WhisperFeatureExtractor:
    return WhisperFeatureExtractor(feature_size=bands)  # type: ignore[no-untyped-call]
