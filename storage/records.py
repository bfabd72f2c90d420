"""The words of the library as frozen records: what a modality is, and what a source, a piece and a failure are."""

from dataclasses import dataclass
from typing import Literal, get_args

Modality = Literal["text", "image", "video", "audio", "document"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
