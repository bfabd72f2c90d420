"""The frozen encoder of sound events: a MobileNet over log-mel spectrograms, trained to name what is heard.

YAMNet (Plakal and Ellis, 2019), trained on AudioSet: patches of 0.96 s to scores of 521 kinds of events. Layout of the
network: Howard et al., "MobileNets", arXiv 1704.04861. Batch normalisation is folded into the convolutions, and the
spectrogram is taken at 44.1 kHz, the rate of the other encoder of sound, with bins as wide as those at 16 kHz.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.model.audio_encoder import SAMPLE_RATE, even_starts, level, mel_triangles, windows

FRAME, FRAME_HOP, FFT = 1102, 441, 1408  # samples: 25 ms, 10 ms, and bins of 31.3 Hz
PUBLISHED_FRAME = 400  # samples at 16 kHz; a longer frame sums up to larger magnitudes
BANDS, LOWEST, HIGHEST = 64, 125.0, 7500.0  # hertz
OFFSET = 1e-3
PATCH = 96  # frames
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
STEM = 32
EVENTS = 521


class SeparableConv(nn.Module):
    """A 3 x 3 convolution of each channel by itself, then one of 1 x 1 over all; ReLU after both."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.depthwise(_pad(x, self.depthwise.stride[0])))
        return F.relu(self.pointwise(x))


class EventEncoder(nn.Module):
    """Patches of a log-mel spectrogram of one sound (n, 96, 64) to the features of the whole sound (1, 1024).

    The mean over the patches, each weighing as much as it is loud: a bell that dies away is a bell, not mostly silence.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, STEM, 3, 2)
        inputs = (STEM, *WIDTHS[:-1])
        self.blocks = nn.Sequential(*map(SeparableConv, inputs, WIDTHS, STRIDES))
        self.classifier = nn.Linear(WIDTHS[-1], EVENTS)

    def forward(self, patches: Tensor) -> Tensor:
        loudness = patches.exp().sum(dim=2).mean(dim=1)
        return (loudness / loudness.sum()).unsqueeze(0) @ self.describe(patches)

    def describe(self, patches: Tensor) -> Tensor:
        """Features (n, 1024) of each patch."""
        x = F.relu(self.stem(_pad(patches.unsqueeze(1), 2)))
        features: Tensor = self.blocks(x.contiguous(memory_format=torch.channels_last)).mean(dim=(2, 3))
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Logits (n, 521) of the kinds of events, each for itself, of features (n, 1024)."""
        scores: Tensor = self.classifier(features)
        return scores


def _pad(x: Tensor, stride: int) -> Tensor:
    """Zeros around even sides, as TensorFlow's "SAME" pads them for a 3 x 3 convolution."""
    return F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))


def event_patches(sound: Tensor) -> Tensor:
    """Log-mel patches (n, 96, 64) of mono sound (samples,) at 44.1 kHz, spread evenly and overlapping little.

    What is shorter than a patch is followed by silence; the sound is levelled as for the other encoder.
    """
    sound = F.pad(level(sound), (0, max(FRAME - len(sound), 0)))
    frames = sound.unfold(0, FRAME, FRAME_HOP) * torch.hann_window(FRAME)
    magnitudes = torch.fft.rfft(frames, FFT).abs() * (PUBLISHED_FRAME / FRAME)
    bands = torch.log(magnitudes @ event_filters().T + OFFSET)
    bands = F.pad(bands, (0, 0, 0, max(PATCH - len(bands), 0)), value=math.log(OFFSET))
    count = windows(len(bands), PATCH, PATCH)
    return torch.stack([bands[start : start + PATCH] for start in even_starts(len(bands) - PATCH, count)])


@lru_cache(maxsize=1)
def event_filters() -> Tensor:
    """Triangles from 125 to 7500 Hz, each with a peak of one: (64, 705)."""
    hertz = torch.arange(FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / FFT
    return mel_triangles(hertz, LOWEST, HIGHEST, BANDS).float()
