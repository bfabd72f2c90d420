"""The frozen sound encoder: a small CNN over log-mel spectrograms, trained to sort sound effects.

Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects Libraries", ISMIR 2022 (model
X-Sequential-CE, its embedding network alone). As in the picture encoder, batch normalisation is folded in.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SAMPLE_RATE = 44_100
FRAME, FRAME_HOP = 2048, 1024  # samples
BANDS = 96
BLOCK, BLOCK_HOP = 100, 50  # frames; a block is 2.3 s, and the next one begins no later than half of that after it
SPECTROGRAM_SCALE = 9.457798957824707  # the largest value seen when the encoder was trained
LARGEST_GAIN = 30.0


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions with ReLU, then a maximum over ``pool`` x ``pool``."""

    def __init__(self, inputs: int, outputs: int, pool: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(F.relu(self.first(x))))
        return F.max_pool2d(x, self.pool)


class AudioEncoder(nn.Module):
    """A log-mel spectrogram (frames, 96) to features of its blocks (n, channels[-1] x (bands + times)).

    The convolutions run once over the whole spectrogram; blocks, which overlap by half, are cut from what they make of
    it. Published, each block was run through by itself: twice the work for the same retrieval (docs/LOG.md).

    Of a block there is one part for each of ``bands`` equal ranges of frequency, then one for each of ``times`` equal
    stretches of time. The published encoder has one band alone; finer ones tell high from low, and what comes first
    from what comes last.
    """

    def __init__(self, channels: Sequence[int], bands: int = 1, times: int = 0) -> None:
        super().__init__()
        self.bands, self.times = bands, times
        widths = [1, *channels]
        pools = [2] * (len(channels) - 1) + [1]
        self.blocks = nn.Sequential(*map(ConvBlock, widths[:-1], widths[1:], pools))
        self.stride = 2 ** pools.count(2)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Of each part of a block the mean over frequency, then the maximum over time."""
        x: Tensor = self.blocks(spectrogram[None, None])
        width = BLOCK // self.stride
        count = windows(len(spectrogram), BLOCK, BLOCK_HOP)
        x = torch.cat([x[:, :, start : start + width] for start in even_starts(x.shape[2] - width, count)])
        parts = [*x.tensor_split(self.bands, dim=3)]
        if self.times:
            parts += x.tensor_split(self.times, dim=2)
        return torch.cat([part.mean(dim=3).amax(dim=2) for part in parts], dim=1)


def log_mel(sound: Tensor) -> Tensor:
    """The spectrogram (frames, 96) of mono sound (samples,) at 44.1 kHz, zero-padded to a block where it is shorter.

    The spectrogram is compressed by a logarithm with an offset, so a quiet recording would look like another sound: it
    is levelled first.
    """
    sound = level(sound)
    window = torch.hann_window(FRAME, periodic=False)
    spectrum = torch.stft(sound, FRAME, FRAME_HOP, window=window, pad_mode="constant", return_complex=True)
    bands = mel_filters() @ spectrum.abs().square()
    frames = torch.log10(10_000.0 * bands + 1.0).T / SPECTROGRAM_SCALE
    return F.pad(frames, (0, 0, 0, max(BLOCK - len(frames), 0)))


def level(sound: Tensor) -> Tensor:
    """The sound raised to a peak of one, by ``LARGEST_GAIN`` at most so that silence stays silent."""
    return sound * min(LARGEST_GAIN, 1.0 / max(float(sound.abs().max()), 1e-9))


def windows(frames: int, length: int, hop: int) -> int:
    """How many windows of ``length`` cover so many frames if each begins ``hop`` after another, at the latest."""
    return max(-(-(frames - length) // hop), 0) + 1


def even_starts(last: int, count: int) -> list[int]:
    """``count`` places, as evenly spread from 0 to ``last`` as whole numbers can be."""
    starts: list[int] = torch.linspace(0, last, count).round().long().tolist()
    return starts


@lru_cache(maxsize=1)
def mel_filters() -> Tensor:
    """Triangles from 0 Hz to half the sample rate, each summing to one: (96, 1025)."""
    hertz = torch.linspace(0, SAMPLE_RATE / 2, FRAME // 2 + 1, dtype=torch.float64)
    triangles = mel_triangles(hertz, 0.0, SAMPLE_RATE / 2, BANDS)
    return (triangles / triangles.sum(dim=1, keepdim=True)).float()


def mel_triangles(hertz: Tensor, lowest: float, highest: float, bands: int) -> Tensor:
    """Triangles on the HTK mel scale over bins at ``hertz``, each with a peak of one: float64 (bands, bins).

    mel(f) = 1127 ln(1 + f / 700); a triangle's sides are straight in mel, not in hertz.
    """
    ends = torch.tensor([lowest, highest], dtype=torch.float64)
    mel, (first, last) = 1127 * torch.log1p(hertz / 700), (1127 * torch.log1p(ends / 700)).tolist()
    edges = torch.linspace(first, last, bands + 2, dtype=torch.float64)
    low, centre, high = (edges[start : start + bands, None] for start in range(3))
    return torch.minimum((mel - low) / (centre - low), (high - mel) / (high - centre)).clamp(min=0)
