"""The sound encoder goes through a sound once, and its blocks cover all of it."""

import pytest
import torch

from engine.model.audio_encoder import AudioEncoder


@pytest.fixture(scope="module")
def encoder() -> AudioEncoder:
    """Random, and nothing in it is below zero, so that whatever is heard comes through."""
    torch.manual_seed(0)
    encoder = AudioEncoder((2, 2, 4, 4), bands=2, times=4).requires_grad_(False)
    for weights in encoder.parameters():
        weights.abs_()
    return encoder


@pytest.mark.parametrize(("frames", "blocks"), [(100, 1), (101, 2), (150, 2), (151, 3), (216, 4)])
def test_a_block_begins_every_fifty_frames_at_least(encoder: AudioEncoder, frames: int, blocks: int) -> None:
    assert encoder(torch.rand(frames, 96)).shape == (blocks, 4 * (2 + 4))


def test_blocks_begin_with_the_sound_and_end_with_it(encoder: AudioEncoder) -> None:
    sound = torch.rand(216, 96)
    usual = encoder(sound)
    for place, changed in ((slice(0, 8), 0), (slice(208, 216), -1)):
        other = sound.clone()
        other[place] = 5.0
        differs = (encoder(other) != usual).any(dim=1)
        assert differs[changed] and not differs.all()
