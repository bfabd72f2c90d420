"""The readouts of sounds, fitted to made-up sounds that say what they are."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sound_readout
import torch
import torch.nn.functional as F
from event_classes import meanings
from sound_classes import categories
from torch import Tensor

from engine.model.config import AudioConfig, ModelConfig
from engine.model.event_encoder import EVENTS, EventEncoder
from engine.model.readout import EventReadout, SoundReadout
from engine.train.pairs import Pair

WIDTH, LACKING = 24, (3, 40, 77)
CONFIG = ModelConfig(
    {"model_type": "bert", "hidden_size": WIDTH}, (), audio=AudioConfig(channels=(4, 8, 16, 90), bands=1, times=2)
)
CATEGORIES = list(categories().values())
NAMES = [text for words in CATEGORIES for text in words]
NAMES += [f"event {number}" for number in range(len(NAMES), EVENTS)]
HELD = [number for number in range(len(CATEGORIES)) if number not in LACKING]


def texts(asked: Sequence[str]) -> Tensor:
    """An embedding for every text, by its letters; the texts of a category are near each other."""
    near = {text: number for number, words in enumerate(CATEGORIES) for text in words}
    found = []
    for text in asked:
        own = torch.Generator().manual_seed(sum(text.encode()))
        draw = torch.Generator().manual_seed(near.get(text.removeprefix("a sound of "), 1000))
        found.append(torch.randn(WIDTH, generator=draw) + 0.1 * torch.randn(WIDTH, generator=own))
    return F.normalize(torch.stack(found), dim=1)


def heads() -> list[dict[str, Tensor]]:
    """A classifier whose class is the highest number among the first of what the encoder says."""
    classes = len(HELD)
    eye = torch.eye(90)
    first = torch.cat([eye, torch.zeros(166, 90)])
    return [
        {
            "0.weight": first,
            "0.bias": torch.zeros(256),
            "2.weight": torch.eye(128, 256),
            "2.bias": torch.zeros(128),
            "4.weight": 8 * torch.eye(classes, 128),
            "4.bias": torch.linspace(-1, 1, classes),
        }
    ]


@pytest.fixture(scope="module")
def sounds() -> tuple[list[Pair], list[Tensor]]:
    """Six sounds of one or two blocks for each category that the classifier has, one of them computed."""
    draw = torch.Generator().manual_seed(0)
    pairs, blocks = [], []
    for place, number in enumerate(HELD):
        for copy in range(6):
            words = CATEGORIES[number][copy % len(CATEGORIES[number])]
            said = (f"a sound of {words}", words)
            source = "synthetic" if copy == 5 else "recordings"
            pairs.append(Pair("audio", said, words, "train", Path("sound.flac"), source=source))
            heard = F.one_hot(torch.tensor(place), 90).float() + 0.05 * torch.rand(90, generator=draw)
            blocks.append(heard.repeat(1 + copy % 2, 3) + 0.01 * torch.rand(1 + copy % 2, 270, generator=draw))
    return pairs, blocks


def encoder() -> EventEncoder:
    """Hears one event at a time: that whose number is the number of the largest feature."""
    encoder = EventEncoder().requires_grad_(False)
    encoder.classifier.weight.copy_(9 * torch.eye(EVENTS, 1024))
    encoder.classifier.bias.fill_(-5.0)
    return encoder


def heard(pairs: Sequence[Pair], blocks: Sequence[Tensor]) -> sound_readout.Heard:
    """Each sound's blocks, and the event whose name is what the sound is."""
    places = [NAMES.index(pair.texts[1]) for pair in pairs]
    return sound_readout.Heard(blocks, F.one_hot(torch.tensor(places), 1024).float())


def fit(pairs: Sequence[Pair], blocks: Sequence[Tensor]) -> tuple[SoundReadout, EventReadout]:
    return sound_readout.fit(CONFIG, heads(), encoder(), NAMES, pairs, heard(pairs, blocks), texts)


def test_every_reading_says_what_a_sound_is_is_centred_and_of_one_length(
    sounds: tuple[list[Pair], list[Tensor]],
) -> None:
    pairs, blocks = sounds
    by_class, by_event = fit(pairs, blocks)
    assert not any(weight.requires_grad for one in (by_class, by_event) for weight in one.parameters())
    meant = F.normalize(torch.stack([texts([pair.texts[1]])[0] for pair in pairs]), dim=1)
    classes, half = (torch.stack([by_class(one)[number].mean(dim=0) for one in blocks]) for number in range(2))
    features = heard(pairs, blocks).events
    events, other_half = by_event(features, encoder().classify(features))
    for reading in (classes, events, half + other_half):
        nearest = (F.normalize(reading, dim=1) @ (meant - meant.mean(dim=0)).T).argmax(dim=1)
        assert (nearest // 6 == torch.arange(len(pairs)) // 6).float().mean() > 0.9  # six sounds a category
        assert float(reading.square().sum(dim=1).mean()) == pytest.approx(1.0, abs=1e-4)
    recorded = [place for place, pair in enumerate(pairs) if pair.source == "recordings"]
    assert torch.cat([by_class(blocks[place])[0] for place in recorded]).mean(dim=0).abs().max() < 1e-5
    assert events.mean(dim=0).abs().max() < 1e-5


def test_what_was_computed_does_not_judge_the_classifiers(sounds: tuple[list[Pair], list[Tensor]]) -> None:
    pairs, blocks = sounds
    other = [block.flip(1) if pair.source == "synthetic" else block for pair, block in zip(pairs, blocks, strict=True)]
    (before, _), (after, _) = fit(pairs, blocks), fit(pairs, other)
    scale = after.class_texts.norm() / before.class_texts.norm()
    torch.testing.assert_close(scale * before.class_texts, after.class_texts)
    assert not torch.allclose(before.map.weight, after.map.weight)


def test_a_name_of_an_event_says_each_thing_it_names() -> None:
    assert meanings("roaring cats (lions, tigers)") == ["roaring cats", "lions", "tigers"]
    assert meanings("bee, wasp, etc.") == ["bee", "wasp"]
    assert meanings("bell") == ["bell"]
