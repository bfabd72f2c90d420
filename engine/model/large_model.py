"""The fused model at full size: a Qwen3-VL backbone that reads sound through the Qwen3-Omni audio encoder.

Both are transformers' own classes. Text, pictures, video and pages go the way Qwen3-VL takes them (vision tower,
merger, DeepStack, three-dimensional rotary positions); sound enters beside them, as soft tokens from a two-layer
projector. An embedding is the last token's hidden state, normalised. ``extract`` runs the frozen audio encoder, the one
part whose result can be cached; the vision tower belongs to the backbone and is trained with it.

Unlike Qwen3-VL's own processor, no time stamps are written between the frames of a video.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen3VLConfig, Qwen3VLModel
from transformers.models.qwen3_omni_moe.configuration_qwen3_omni_moe import Qwen3OmniMoeAudioEncoderConfig
from transformers.models.qwen3_omni_moe.modeling_qwen3_omni_moe import Qwen3OmniMoeAudioEncoder

from engine.model.fused_model import PieceFeatures, PieceInput
from engine.model.projector import Projector

PICTURE, SOUND = 1, -1  # kinds of a token that is not a word; 1 is transformers' mm_token_type of a picture


@dataclass(frozen=True)
class LargeConfig:
    """config.json of a large checkpoint: ``backbone`` and ``audio`` as transformers describes them, the rest ours.

    ``max_pixels`` bounds a picture, ``max_tokens`` the words of a piece. Every sequence stands between
    ``prefix_tokens`` and ``suffix_tokens``; the embedding is read at the last of these.
    """

    backbone: Mapping[str, Any]
    audio: Mapping[str, Any]
    weights: tuple[str, ...] = ()
    family: Literal["qwen3_vl"] = "qwen3_vl"
    projector_width: int = 4096
    max_tokens: int = 512
    max_pixels: int = 1024 * 32 * 32
    prefix_tokens: tuple[int, ...] = ()
    suffix_tokens: tuple[int, ...] = (151643,)

    @property
    def dimension(self) -> int:
        """Length of an embedding: the width of the language model."""
        return int(self.backbone["text_config"]["hidden_size"])


class LargeModel(nn.Module):
    """Backbone, audio encoder and audio projector. Built with random weights: a checkpoint fills it.

    It takes the same records as ``FusedModel``. In ``PieceInput``, ``sound`` is a log-mel spectrogram (frames, bands)
    as Whisper computes it; in ``PieceFeatures``, ``sound`` is (tokens, encoder width), and ``frames`` are patches
    (time, height, width, values), one time step for every two frames.
    """

    def __init__(self, config: LargeConfig) -> None:
        super().__init__()
        self.config = config
        backbone = Qwen3VLConfig.from_dict(dict(config.backbone))
        audio = Qwen3OmniMoeAudioEncoderConfig.from_dict(dict(config.audio))
        self.vision: Any = backbone.vision_config
        self.backbone: Any = Qwen3VLModel(backbone)
        self.audio_encoder: Any = Qwen3OmniMoeAudioEncoder(audio)
        self.audio_projector = Projector(audio.output_dim, config.projector_width, config.dimension)

    def forward(self, pieces: Sequence[PieceInput]) -> Tensor:
        """L2-normalised embeddings (n, dimension) of pieces of any modality."""
        return self.embed_features(self.extract(pieces))

    def extract(self, pieces: Sequence[PieceInput]) -> list[PieceFeatures]:
        """Run the audio encoder; cut pictures into patches, which the vision tower reads later."""
        sound = self._encode_sound([piece.sound for piece in pieces])
        return [
            PieceFeatures(
                piece.modality, piece.tokens, None if piece.frames is None else self._patches(piece.frames), own
            )
            for piece, own in zip(pieces, sound, strict=True)
        ]

    def embed_features(self, pieces: Sequence[PieceFeatures]) -> Tensor:
        """L2-normalised embeddings (n, dimension) of what ``extract`` returned."""
        embed = self.backbone.get_input_embeddings()
        device: torch.device = embed.weight.device
        layouts = [self._layout(piece) for piece in pieces]
        lengths = torch.tensor([len(ids) for ids, _ in layouts], device=device)
        ids = pad_sequence([ids for ids, _ in layouts], batch_first=True).to(device)
        kinds = pad_sequence([kinds for _, kinds in layouts], batch_first=True).to(device)
        mask = torch.arange(ids.shape[1], device=device) < lengths.unsqueeze(1)
        embeddings = embed(ids)

        sounds = [piece.sound for piece in pieces if piece.sound is not None]
        if sounds:
            tokens = self.audio_projector(torch.cat(sounds).to(device, self.audio_projector.norm.weight.dtype))
            embeddings = embeddings.masked_scatter((kinds == SOUND).unsqueeze(-1), tokens.to(embeddings.dtype))

        grids, deep = None, None
        is_picture = kinds == PICTURE
        frames = [piece.frames for piece in pieces if piece.frames is not None]
        if frames:
            grids = torch.tensor([(1, *step.shape[:2]) for part in frames for step in part], device=device)
            patches = torch.cat([part.flatten(0, 2) for part in frames]).to(device, self.backbone.visual.dtype)
            vision = self.backbone.visual(patches, grid_thw=grids)
            embeddings = embeddings.masked_scatter(is_picture.unsqueeze(-1), vision.pooler_output.to(embeddings.dtype))
            deep = vision.deepstack_features

        positions, _ = self.backbone.get_rope_index(
            ids, is_picture.int(), image_grid_thw=grids, attention_mask=mask.long()
        )
        hidden: Tensor = self.backbone.language_model(
            inputs_embeds=embeddings,
            attention_mask=mask.long(),
            position_ids=positions,
            visual_pos_masks=is_picture if frames else None,
            deepstack_visual_embeds=deep,
            use_cache=False,
        ).last_hidden_state
        last = hidden[torch.arange(len(hidden), device=device), lengths - 1]
        return F.normalize(last.float(), dim=-1)

    def _layout(self, piece: PieceFeatures) -> tuple[Tensor, Tensor]:
        """Token ids of a piece and the kind of each (0 for a word); soft tokens have the id of a picture, or 0."""
        settings = self.backbone.config
        ids, kinds = list(self.config.prefix_tokens), [0] * len(self.config.prefix_tokens)
        if piece.tokens is not None:
            ids += piece.tokens.tolist()
            kinds += [0] * len(piece.tokens)
        if piece.frames is not None:
            time, height, width = piece.frames.shape[:3]
            count = height * width // self.vision.spatial_merge_size**2
            for _ in range(time):
                ids += [
                    settings.vision_start_token_id,
                    *[settings.image_token_id] * count,
                    settings.vision_end_token_id,
                ]
                kinds += [0, *[PICTURE] * count, 0]
        if piece.sound is not None:
            ids += [0] * len(piece.sound)
            kinds += [SOUND] * len(piece.sound)
        ids += self.config.suffix_tokens
        kinds += [0] * len(self.config.suffix_tokens)
        return torch.tensor(ids), torch.tensor(kinds)

    def _encode_sound(self, sounds: Sequence[Tensor | None]) -> list[Tensor | None]:
        present = [sound for sound in sounds if sound is not None]
        if not present:
            return list(sounds)
        device = self.audio_encoder.conv2d1.weight.device
        # One at a time: the encoder pads its chunks to the longest in the batch, and a piece must not see the others.
        encoded = (
            self.audio_encoder(
                input_features=sound.T.to(device), feature_lens=torch.tensor([len(sound)], device=device)
            ).last_hidden_state
            for sound in present
        )
        return [None if sound is None else next(encoded) for sound in sounds]

    def _patches(self, frames: Tensor) -> Tensor:
        """Frames (count, 3, height, width), 0 to 255, as patches (time, height, width, values), merger's order."""
        vision = self.vision
        size, merge, together = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
        unit = size * merge
        height, width = fitting_size(frames.shape[2], frames.shape[3], unit, self.config.max_pixels)
        if frames.shape[2:] != (height, width):
            frames = F.interpolate(frames, (height, width), mode="bicubic", antialias=True).clamp(0, 255)
        values = frames / 127.5 - 1.0
        missing = -len(values) % together
        values = torch.cat([values, values[-1:].expand(missing, -1, -1, -1)])
        time, rows, columns = len(values) // together, height // unit, width // unit
        split = values.reshape(time, together, 3, rows, merge, size, columns, merge, size)
        ordered = split.permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
        return ordered.reshape(time, rows * merge, columns * merge, -1)


def fitting_size(height: int, width: int, unit: int, max_pixels: int) -> tuple[int, int]:
    """Height and width in whole ``unit``s, at least one, near the given ones and of at most ``max_pixels``."""
    scale = min((max_pixels / (height * width)) ** 0.5, 1.0)
    rounding = round if scale == 1.0 else int
    rows, columns = (max(rounding(side * scale / unit), 1) for side in (height, width))
    while rows * columns * unit * unit > max_pixels and max(rows, columns) > 1:
        rows, columns = (rows - 1, columns) if rows >= columns else (rows, columns - 1)
    return rows * unit, columns * unit
