"""EfficientNet-Lite0: the frozen picture encoder.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in its Lite form:
no squeeze-and-excitation, ReLU6 everywhere. Inference only, so each batch normalisation is folded into the
convolution before it (``recipes/mini/base.py`` does that); what remains is convolutions and clipping.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 1280
CLASSES = 1000

_AT_ONCE = 4

# kernel, stride of the first block, expansion, channels, blocks
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow pads "SAME": to ceil(size / stride), the odd pixel at the right and bottom."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        height, width = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[-2:])
        padded = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow again (Sandler et al., MobileNetV2, 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = SameConv2d(inputs, width, 1) if expansion > 1 else None
        self.depthwise = SameConv2d(width, width, kernel, stride, groups=width)
        self.project = SameConv2d(width, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class ImageEncoder(nn.Module):
    """Pictures to a feature map, and a pooled feature to the logits of the 1,000 ImageNet classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, stride=2)
        blocks, inputs = [], 32
        for kernel, stride, expansion, outputs, count in STAGES:
            for index in range(count):
                blocks.append(InvertedResidual(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = SameConv2d(inputs, CHANNELS, 1)
        self.classifier = nn.Linear(CHANNELS, CLASSES)

    def forward(self, pixels: Tensor) -> Tensor:
        """Feature map (n, 1280, height / 32, width / 32) of RGB pictures (n, 3, height, width) with values 0 to 255.

        On a processor a few pictures at a time, channels last: what lies between two layers then stays in its cache,
        and a picture takes a third of the time that it takes in a batch of 32, channels first.
        """
        if pixels.device.type != "cpu":
            return self._feature_map(pixels)
        return torch.cat(
            [self._feature_map(part.to(memory_format=torch.channels_last)) for part in torch.split(pixels, _AT_ONCE)]
        )

    def _feature_map(self, pixels: Tensor) -> Tensor:
        x = F.relu6(self.stem((pixels - 127.0) / 128.0))
        return F.relu6(self.head(self.blocks(x)))

    def classify(self, pooled: Tensor) -> Tensor:
        """Logits (..., 1000) of the mean over the feature map (..., 1280)."""
        logits: Tensor = self.classifier(pooled)
        return logits


def summarise(feature_map: Tensor, grid: int) -> Tensor:
    """The mean of the whole map, then of each of ``grid`` x ``grid`` overlapping parts: (n, 1 + grid * grid, 1280)."""
    whole = feature_map.mean(dim=(2, 3)).unsqueeze(1)
    parts = F.adaptive_avg_pool2d(feature_map, grid).flatten(2).transpose(1, 2)
    return torch.cat([whole, parts], dim=1)
