"""The fused model: one backbone that reads every modality as a sequence of soft tokens.

    text      token embeddings of its word pieces
    image     tokens of one frame: the whole picture, then its parts
    video     the tokens of its frames, in order
    document  the word pieces of the page, then the tokens of its rendered picture
    audio     one token for every 2.3 s

It works in two steps. ``extract`` runs the frozen encoders; its result can be cached. ``embed_features`` is everything
that training changes: projectors, backbone, readout.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.model.audio_encoder import AudioEncoder
from engine.model.bert import build_backbone
from engine.model.config import ModelConfig
from engine.model.event_encoder import EVENTS, WIDTHS, EventEncoder
from engine.model.image_encoder import CHANNELS, CLASSES, ImageEncoder, summarise
from engine.model.projector import Projector
from engine.model.readout import EventReadout, PictureReadout, SoundReadout
from storage.records import MODALITIES, Modality

ENCODERS = ("image_encoder", "audio_encoder", "event_encoder")
"""Modules that are taken as they are published, and never trained."""

READOUTS = ("readout", "sound_readout", "event_readout")
"""Modules that are fitted in closed form."""


@dataclass(frozen=True)
class PieceInput:
    """One piece as tensors; what a modality does not have is None.

    ``tokens`` int64 (count,), without prefix and suffix; ``frames`` (count, 3, height, width), RGB, 0 to 255; ``sound``
    a log-mel spectrogram (frames, 96), ``events`` the same sound in patches (count, 96, 64) for the event encoder.
    """

    modality: Modality
    tokens: Tensor | None = None
    frames: Tensor | None = None
    sound: Tensor | None = None
    events: Tensor | None = None


@dataclass(frozen=True)
class PieceFeatures:
    """What the frozen encoders make of a piece.

    ``frames`` (count, 1 + grid**2, 1280), ``sound`` (blocks, features), ``events`` (1, 1024).
    """

    modality: Modality
    tokens: Tensor | None = None
    frames: Tensor | None = None
    sound: Tensor | None = None
    events: Tensor | None = None


class Centres(nn.Module):
    """What all pieces of a modality have in common, and which therefore says nothing of any: taken off each of them.

    Embeddings of one modality lie in a narrow cone (Liang et al., "Mind the Gap", arXiv 2203.02053); a piece near its
    axis is everybody's neighbour. Zero for text, whose geometry is to stay as it is.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.by_modality = nn.ParameterDict({modality: torch.zeros(width) for modality in MODALITIES})

    def forward(self, modalities: Sequence[Modality]) -> Tensor:
        """The centre (n, width) of each piece's modality."""
        return torch.stack([self.by_modality[modality] for modality in modalities])


class FusedModel(nn.Module):
    """Backbone, encoders and projectors; see the module's docstring. Built random: a checkpoint fills it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        image, audio, width = config.image, config.audio, config.dimension
        self.backbone = build_backbone(config.backbone)
        self.image_encoder = ImageEncoder()
        self.image_projector = Projector(CHANNELS, image.projector_width, width)
        self.readout = PictureReadout(CHANNELS, CLASSES, width, image.temperature, image.top_classes)
        self.audio_encoder = AudioEncoder(audio.channels, audio.bands, audio.times)
        self.audio_projector = Projector(audio.features, audio.projector_width, width)
        self.sound_readout = (
            SoundReadout(audio.features, audio.times, audio.channels[-1], config.sound_classes, width)
            if config.sound_classes
            else nn.Identity()
        )
        self.event_encoder = EventEncoder() if config.events else nn.Identity()
        self.event_readout = EventReadout(WIDTHS[-1], EVENTS, width) if config.events else nn.Identity()
        self.centres = Centres(width)

    def forward(self, pieces: Sequence[PieceInput]) -> Tensor:
        """L2-normalised embeddings (n, dimension) of pieces of any modality."""
        return self.embed_features(self.extract(pieces))

    def extract(self, pieces: Sequence[PieceInput]) -> list[PieceFeatures]:
        """Run the encoders: over all frames at once, which must share a size, and over each sound."""
        frames = _apply(self._summarise_frames, [piece.frames for piece in pieces])
        sound = [None if piece.sound is None else self.audio_encoder(piece.sound) for piece in pieces]
        events = [None if piece.events is None else self.event_encoder(piece.events) for piece in pieces]
        return [
            PieceFeatures(piece.modality, piece.tokens, *parts)
            for piece, *parts in zip(pieces, frames, sound, events, strict=True)
        ]

    def embed_features(self, pieces: Sequence[PieceFeatures]) -> Tensor:
        """L2-normalised embeddings (n, dimension) of what ``extract`` returned, wherever that lies."""
        worded = [place for place, piece in enumerate(pieces) if self._reads_words_apart(piece)]
        words = [PieceFeatures("text", tokens=pieces[place].tokens) for place in worded]
        pooled = self.encode(*self.soft_tokens([*pieces, *words]))
        mixed = self._mix(pieces, pooled[: len(pieces)])
        if worded:
            weights = torch.tensor([[self.config.mix[pieces[place].modality].words] for place in worded]).to(mixed)
            mixed = mixed.index_add(0, torch.tensor(worded, device=mixed.device), weights * pooled[len(pieces) :])
        # Brought to length one first, as the embeddings were whose mean the centre is: else it would take most off the
        # pieces of which the readings say least, and those are short.
        centres = self.centres([piece.modality for piece in pieces])
        return F.normalize(F.normalize(mixed, dim=-1) - centres, dim=-1)

    def _reads_words_apart(self, piece: PieceFeatures) -> bool:
        has_both = piece.tokens is not None and len(piece.tokens) > 0 and piece.frames is not None
        return has_both and self.config.mix[piece.modality].words > 0

    def soft_tokens(self, pieces: Sequence[PieceFeatures]) -> tuple[Tensor, Tensor]:
        """The sequence of each piece (n, longest, width), prefix and suffix included, and their lengths (n,).

        What stands after the end of a sequence is not to be read.
        """
        embed = self.backbone.get_input_embeddings()
        device = embed.weight.device
        fixed = torch.tensor([*self.config.prefix_tokens, *self.config.suffix_tokens], dtype=torch.long)
        words = _apply(embed, [fixed, *(piece.tokens for piece in pieces)], device)
        frames = _apply(self.image_projector, [piece.frames for piece in pieces], device)
        sound = _apply(self.audio_projector, [piece.sound for piece in pieces], device)
        tables = [part.flatten(0, -2) for part in (*words, *frames, *sound) if part is not None]
        places = _places(words, frames, sound, len(self.config.prefix_tokens))
        longest = max(len(own) for own in places)
        index = torch.tensor([own + [0] * (longest - len(own)) for own in places], device=device)
        return torch.cat(tables)[index], torch.tensor([len(own) for own in places], device=device)

    def encode(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Backbone and pooling: padded sequences (n, longest, width) to L2-normalised vectors (n, width)."""
        mask = torch.arange(sequences.shape[1], device=sequences.device) < lengths.unsqueeze(1)
        hidden = self.backbone(inputs_embeds=sequences, attention_mask=mask.long()).last_hidden_state
        if self.config.pooling == "last":
            pooled = hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
        else:
            pooled = (hidden * mask.unsqueeze(-1)).sum(dim=1) / lengths.unsqueeze(1)
        return F.normalize(pooled, dim=-1)

    def _mix(self, pieces: Sequence[PieceFeatures], embeddings: Tensor) -> Tensor:
        """The embeddings with the readings of their pictures and sounds added, as config.mix weighs them."""
        mixes = [self.config.mix[piece.modality] for piece in pieces]
        weights = torch.tensor([mix.model for mix in mixes], device=embeddings.device)
        mixed = embeddings * weights.unsqueeze(1)
        by_class, by_event = [mix.classes for mix in mixes], [mix.events for mix in mixes]
        for reader, inputs, shares in (
            (self._read_pictures, [None if piece.frames is None else piece.frames[:, 0] for piece in pieces], by_class),
            (self._read_sounds, [piece.sound for piece in pieces], by_class),
            (self._read_events, [piece.events for piece in pieces], by_event),
        ):
            wanted = [one if share or mix.map else None for one, share, mix in zip(inputs, shares, mixes, strict=True)]
            readings = _apply(reader, wanted, embeddings.device)
            read = [(place, own.mean(dim=0)) for place, own in enumerate(readings) if own is not None]
            if read:
                added = [shares[place] * mixture + mixes[place].map * mapped for place, (mixture, mapped) in read]
                places = torch.tensor([place for place, _ in read], device=mixed.device)
                mixed = mixed.index_add(0, places, torch.stack(added))
        return mixed

    def _read_pictures(self, pooled: Tensor) -> Tensor:
        """Both closed-form readings (n, 2, width) of pooled picture features (n, 1280)."""
        return torch.stack(self.readout(pooled, self.image_encoder.classify(pooled)), dim=1)

    def _read_sounds(self, blocks: Tensor) -> Tensor:
        """Both closed-form readings (n, 2, width) of the features of blocks of sound."""
        return torch.stack(self.sound_readout(blocks), dim=1)

    def _read_events(self, features: Tensor) -> Tensor:
        """Both closed-form readings (n, 2, width) of the features of sounds, by their events."""
        encoder: Any = self.event_encoder
        return torch.stack(self.event_readout(features, encoder.classify(features)), dim=1)

    def _summarise_frames(self, frames: Tensor) -> Tensor:
        return summarise(self.image_encoder(frames), self.config.image.grid)


def _apply(
    function: Callable[[Tensor], Tensor], parts: Sequence[Tensor | None], device: torch.device | None = None
) -> list[Tensor | None]:
    """``function`` over all parts at once, joined along the first dimension and split again; None stays None."""
    present = [part for part in parts if part is not None]
    if not present:
        return list(parts)
    results = iter(torch.split(function(torch.cat(present).to(device)), [len(part) for part in present]))
    return [None if part is None else next(results) for part in parts]


def _places(
    words: Sequence[Tensor | None], frames: Sequence[Tensor | None], sound: Sequence[Tensor | None], prefix: int
) -> list[list[int]]:
    """For each piece the rows of its tokens, where the tokens of ``words``, ``frames`` and ``sound`` lie end to end.

    The first entry of ``words`` holds prefix and suffix, and belongs to every piece.
    """
    rows: list[range] = []
    end = 0
    for part in (*words, *frames, *sound):
        count = 0 if part is None else part[..., 0].numel()
        rows.append(range(end, end + count))
        end += count
    fixed, own = rows[0], rows[1:]
    count = len(own) // 3
    return [
        [*fixed[:prefix], *own[place], *own[count + place], *own[2 * count + place], *fixed[prefix:]]
        for place in range(count)
    ]
