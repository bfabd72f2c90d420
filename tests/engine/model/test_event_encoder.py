"""The encoder of sound events says what the published one says, and its patches cover all of a sound."""

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.model.audio_encoder import SAMPLE_RATE
from engine.model.checkpoint import open_checkpoint
from engine.model.embedder import BUNDLED
from engine.model.event_encoder import (
    EVENTS,
    FFT,
    FRAME,
    FRAME_HOP,
    OFFSET,
    PATCH,
    EventEncoder,
    event_filters,
    event_patches,
)

PUBLISHED = {383: 0.988, 387: 0.967, 388: 0.940, 382: 0.888}
"""What YAMNet itself, run by TensorFlow at 16 kHz, says of ``dial_tone``: telephone, dial tone, busy signal, alarm."""


def dial_tone(seconds: float) -> Tensor:
    time = np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    both = 0.5 * (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time))
    return torch.from_numpy(both.astype(np.float32))


@pytest.fixture(scope="module")
def encoder() -> EventEncoder:
    model = open_checkpoint(BUNDLED).load()
    assert isinstance(model.event_encoder, EventEncoder)
    return model.event_encoder


@torch.inference_mode()
def test_says_of_a_dial_tone_what_the_published_model_says(encoder: EventEncoder) -> None:
    features = encoder(event_patches(dial_tone(0.975)))
    assert features.shape == (1, 1024)
    scores = encoder.classify(features).sigmoid()[0]
    assert scores.shape == (EVENTS,)
    assert scores.topk(4).indices.tolist() == list(PUBLISHED)
    for event, score in PUBLISHED.items():
        assert scores[event] == pytest.approx(score, abs=0.02)


@torch.inference_mode()
def test_a_quiet_sound_is_heard_as_the_loud_one_is(encoder: EventEncoder) -> None:
    loud = dial_tone(0.975)
    torch.testing.assert_close(encoder(event_patches(0.1 * loud)), encoder(event_patches(loud)), rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_a_sound_that_ends_in_silence_is_still_that_sound(encoder: EventEncoder) -> None:
    tone = dial_tone(1.92)
    followed = encoder(event_patches(torch.cat([tone, torch.zeros(6 * SAMPLE_RATE)])))
    alike = torch.nn.functional.cosine_similarity(encoder(event_patches(tone)), followed)
    assert float(alike) > 0.95


@pytest.mark.parametrize(("frames", "patches"), [(1, 1), (96, 1), (97, 2), (192, 2), (193, 3), (500, 6)])
def test_patches_follow_each_other(frames: int, patches: int) -> None:
    assert event_patches(torch.rand(FRAME + (frames - 1) * FRAME_HOP)).shape == (patches, PATCH, 64)


def test_patches_begin_with_the_sound_and_end_with_it() -> None:
    sound = torch.rand(FRAME + 219 * FRAME_HOP) - 0.5
    usual = event_patches(sound)
    for changed, patch, frame in ((slice(0, 200), 0, 0), (slice(-200, None), -1, -1)):
        other = sound.clone()
        other[changed] = 0.0
        differs = (event_patches(other) != usual).flatten(2).any(dim=2)
        assert differs[patch, frame] and int(differs.sum()) <= 3


@pytest.mark.parametrize("samples", [1, 100, FRAME - 1])
def test_what_is_shorter_than_a_frame_is_followed_by_silence(samples: int) -> None:
    patches = event_patches(torch.full((samples,), 0.5))
    assert patches.shape == (1, PATCH, 64)
    assert torch.allclose(patches[0, 1:], torch.tensor(OFFSET).log())


def test_a_tone_sounds_in_its_band() -> None:
    time = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    for hertz in (200.0, 1000.0, 4000.0):
        loudest = int(event_patches(torch.sin(2 * torch.pi * hertz * time))[0].mean(dim=0).argmax())
        assert abs(loudest - int(event_filters()[:, round(hertz * FFT / SAMPLE_RATE)].argmax())) <= 1
