"""The readouts of sounds, alone and as parts of the model; what is taken off a mixture."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.model.audio_encoder import AudioEncoder
from engine.model.checkpoint import open_checkpoint, save_config, save_weights
from engine.model.config import AudioConfig, Mix, ModelConfig
from engine.model.embedder import BUNDLED
from engine.model.fused_model import FusedModel, PieceInput
from engine.model.readout import EventReadout, SoundReadout
from tests.engine.model.test_checkpoint import TINY

AUDIO = AudioConfig(channels=(2, 2, 4, 4), bands=2, times=4, projector_width=16)
CLASSES = (5, 3)


def hearing(model: float, classes: float, map_: float, events: float = 0.0) -> ModelConfig:
    mix = {**TINY.mix, "audio": Mix(model=model, classes=classes, map=map_, events=events)}
    return replace(TINY, audio=AUDIO, sound_classes=CLASSES, events=events > 0, mix=mix)


def build(config: ModelConfig) -> FusedModel:
    torch.manual_seed(0)
    model = FusedModel(config).eval()
    if isinstance(model.sound_readout, SoundReadout):
        torch.nn.init.normal_(model.sound_readout.class_texts)
    if isinstance(model.event_readout, EventReadout):
        torch.nn.init.normal_(model.event_readout.class_texts)
    return model


@torch.inference_mode()
def test_classifiers_hear_the_whole_block_as_they_were_trained_to() -> None:
    sound = torch.rand(200, 96)
    torch.manual_seed(1)
    whole = AudioEncoder((2, 2, 4, 4), bands=1, times=0)
    parts = AudioEncoder((2, 2, 4, 4), bands=2, times=4)
    parts.load_state_dict(whole.state_dict())
    readout = SoundReadout(AUDIO.features, AUDIO.times, 4, CLASSES, 8)
    for head, logits in zip(readout.heads, readout.classify(parts(sound)), strict=True):
        torch.testing.assert_close(logits, head(whole(sound)))


@torch.inference_mode()
def test_a_mixture_of_certain_classes_is_the_mean_of_their_texts() -> None:
    readout = SoundReadout(AUDIO.features, AUDIO.times, 4, CLASSES, 8)
    torch.nn.init.normal_(readout.class_texts)
    for head, certain in zip(readout.heads, (4, 1), strict=True):
        head[-1].bias.zero_()[certain] = 1000.0
    mixture, mapped = readout(torch.rand(2, AUDIO.features))
    wanted = (readout.class_texts[4] + readout.class_texts[5 + 1]) / 2
    torch.testing.assert_close(mixture, wanted.expand(2, -1))
    assert mapped.shape == (2, 8)


@torch.inference_mode()
def test_readings_are_weighed_as_the_mix_says_and_each_sound_alone() -> None:
    sounds = [PieceInput("audio", sound=torch.rand(frames, 96)) for frames in (100, 200)]
    words = PieceInput("text", tokens=torch.tensor([7, 8]))
    plain, read = build(hearing(1, 0, 0)), build(hearing(0, 1, 1))
    together = read([sounds[0], words, sounds[1]])
    for sound, embedding in zip(sounds, (together[0], together[2]), strict=True):
        torch.testing.assert_close(read([sound])[0], embedding)
        features = read.extract([sound])[0].sound
        assert features is not None
        mixture, mapped = (part.mean(dim=0) for part in read.sound_readout(features))
        torch.testing.assert_close(embedding, torch.nn.functional.normalize(mixture + mapped, dim=0))
        assert not torch.allclose(plain([sound])[0], embedding, atol=1e-3)
    torch.testing.assert_close(plain([words])[0], together[1])


@torch.inference_mode()
def test_events_are_read_beside_the_classes_and_the_map_is_the_sum_of_both_halves() -> None:
    sounds = [
        PieceInput("audio", sound=torch.rand(frames, 96), events=torch.rand(patches, 96, 64))
        for frames, patches in ((100, 2), (200, 5))
    ]
    read = build(hearing(0, 0.5, 1, events=2))
    together = read(sounds)
    for sound, embedding in zip(sounds, together, strict=True):
        torch.testing.assert_close(read([sound])[0], embedding)
        features = read.extract([sound])[0]
        assert features.sound is not None and features.events is not None and features.events.shape == (1, 1024)
        classes, half = (part.mean(dim=0) for part in read.sound_readout(features.sound))
        events, other_half = read.event_readout(features.events, read.event_encoder.classify(features.events))
        expected = 0.5 * classes + 2 * events[0] + half + other_half[0]
        torch.testing.assert_close(embedding, torch.nn.functional.normalize(expected, dim=0))


@torch.inference_mode()
def test_an_event_that_is_heard_in_everything_says_less() -> None:
    readout = EventReadout(4, 3, 3)
    readout.class_texts.copy_(torch.eye(3))
    readout.usual.copy_(torch.tensor([5.0, 0.0, 0.0]))
    mixture, _ = readout(torch.rand(1, 4), torch.tensor([[2.0, 2.0, -9.0]]))
    assert mixture[0, 1] > 0.9 > 0.1 > mixture[0, 0]


@torch.inference_mode()
def test_a_centre_takes_as_much_off_what_the_readings_say_little_of() -> None:
    sound = PieceInput("audio", sound=torch.rand(150, 96))
    loud, soft = build(hearing(0, 1, 1)), build(hearing(0, 0.1, 0.1))
    direction = loud([sound])[0]
    centre = torch.nn.functional.normalize(torch.arange(8.0), dim=0) / 2
    for model in (loud, soft):
        model.centres.by_modality["audio"].copy_(centre)
        torch.testing.assert_close(model([sound])[0], torch.nn.functional.normalize(direction - centre, dim=0))


def test_a_checkpoint_keeps_each_in_a_file_of_its_own(tmp_path: Path) -> None:
    config = hearing(1, 2, 3, events=1)
    model = build(config)
    save_config(replace(config, weights=save_weights(model, tmp_path)), tmp_path)
    shutil.copy(BUNDLED / "tokenizer.json", tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    for part in ("sound_readout", "event_encoder", "event_readout"):
        held = {name for name, file in checkpoint.tensors.items() if file.name == f"{part}.safetensors"}
        assert held == {name for name in model.state_dict() if name.startswith(f"{part}.")}
    sound = PieceInput("audio", sound=torch.rand(150, 96), events=torch.rand(2, 96, 64))
    with torch.inference_mode():
        torch.testing.assert_close(checkpoint.load()([sound]), model([sound]), atol=2e-2, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(hearing(1, 1, 0), sound_classes=()), "sound_classes is empty"),
        (replace(hearing(1, 1, 0, events=1), events=False), "no encoder of events"),
        (replace(hearing(1, 1, 0), audio=replace(AUDIO, times=0)), "sums up stretches of time"),
    ],
)
def test_a_mix_without_what_it_weighs(wrong: ModelConfig, reason: str, tmp_path: Path) -> None:
    save_config(wrong, tmp_path)
    with pytest.raises(ModelError, match=reason):
        open_checkpoint(tmp_path)
