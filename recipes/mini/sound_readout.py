"""The readouts of sounds, fitted in closed form: class mixtures and one ridge map, centred on the sounds learned from.

What classifiers of sound effects say is judged by recordings alone; the map learns from every sound, each concept by
the root of its number of sounds. Every reading is scaled to a mean square length of one, so that config.mix tells what
weighs how much.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from event_classes import event_texts
from ridge import ridge
from sound_classes import assign, categories, class_counts
from torch import Tensor

from engine.model.config import ModelConfig
from engine.model.event_encoder import EventEncoder
from engine.model.readout import EVENT_TEMPERATURE, EventReadout, SoundReadout
from engine.train.pairs import Pair

PENALTY = 1.0
EVENT_SCALE = 2.0  # of the event encoder's features before the map is fitted, where the other encoder's have one
PRIOR = 0.5  # how much of what a classifier says of every sound is taken off
EVENT_PRIOR = 0.7  # the same for the kinds of events
NOT_RECORDED = ("synthetic", "fluid soundfont", "musescore soundfont", "flite")

Texts = Callable[[Sequence[str]], Tensor]


@dataclass(frozen=True)
class Heard:
    """What the encoders say of sounds: of each its blocks (n, features), and of all their events (sounds, 1024)."""

    blocks: Sequence[Tensor]
    events: Tensor


def fit(
    config: ModelConfig,
    heads: Sequence[dict[str, Tensor]],
    encoder: EventEncoder,
    event_names: Sequence[str],
    pairs: Sequence[Pair],
    heard: Heard,
    texts: Texts,
) -> tuple[SoundReadout, EventReadout]:
    """The readouts for the classifiers whose weights are ``heads`` and for the events that ``encoder`` tells.

    ``heard`` is what the encoders say of ``pairs``; ``texts`` gives the embeddings (n, width) of texts.
    """
    captions = _captions(pairs, texts)
    audio = config.audio
    counts = class_counts(heads)
    sounds = SoundReadout(audio.features, audio.times, audio.channels[-1], counts, config.dimension)
    events = EventReadout(heard.events.shape[1], len(event_names), config.dimension)
    sounds.requires_grad_(False)
    events.requires_grad_(False)
    for head, published in zip(sounds.heads, heads, strict=True):
        head.load_state_dict(published)
    recorded = [place for place, pair in enumerate(pairs) if pair.source not in NOT_RECORDED]
    concepts = [pairs[place].concept for place in recorded]
    _fit_classes(sounds, [heard.blocks[place] for place in recorded], captions[recorded], concepts, texts)
    _fit_events(events, encoder.classify(heard.events), event_texts(event_names, texts))
    _fit_map(sounds, events, heard, captions, [pair.concept for pair in pairs])
    _scale(sounds, events, encoder, heard)
    return sounds, events


def _captions(pairs: Sequence[Pair], texts: Texts) -> Tensor:
    """The mean of each sound's captions, at unit length: (sounds, width)."""
    every = texts([text for pair in pairs for text in pair.texts]).split([len(pair.texts) for pair in pairs])
    return F.normalize(torch.stack([own.mean(dim=0) for own in every]), dim=1)


def _fit_classes(
    readout: SoundReadout, blocks: Sequence[Tensor], captions: Tensor, concepts: Sequence[str], texts: Texts
) -> None:
    """What each class means, and the classifiers' biases without what they say of every sound."""
    meanings = torch.stack([texts(words).mean(dim=0) for words in categories().values()])
    tables = []
    for number, head in enumerate(readout.heads):
        logits = [readout.classify(own)[number] for own in blocks]
        likely = torch.stack([own.log_softmax(dim=1).mean(dim=0) for own in logits])
        chosen, how_well = assign(likely, captions, concepts, F.normalize(meanings, dim=1))
        print(f"classifier {number}: fit {how_well:.2f}")
        usual = torch.cat(logits).softmax(dim=1).mean(dim=0)
        head[-1].bias -= PRIOR * usual.log()
        mean = torch.cat([own - PRIOR * usual.log() for own in logits]).softmax(dim=1).mean(dim=0)
        tables.append(meanings[chosen] - mean @ meanings[chosen])
    readout.class_texts.copy_(torch.cat(tables))


def _fit_events(readout: EventReadout, logits: Tensor, meanings: Tensor) -> None:
    """How usual each kind of event is, and what it means."""
    readout.usual.copy_(EVENT_PRIOR * logits.sigmoid().mean(dim=0).log())
    likely = ((logits - readout.usual) / EVENT_TEMPERATURE).softmax(dim=1)
    readout.class_texts.copy_(meanings - likely.mean(dim=0) @ meanings)


def _fit_map(
    sounds: SoundReadout, events: EventReadout, heard: Heard, captions: Tensor, concepts: Sequence[str]
) -> None:
    """One map from what both encoders say, each half of it kept where its encoder is read."""
    pooled = torch.stack([own.sqrt().mean(dim=0) for own in heard.blocks])
    halves = (pooled, heard.events.sqrt())
    scales = [half.std(dim=0) + 1e-6 for half in halves]
    scales[1] = scales[1] / EVENT_SCALE
    number = Counter(concepts)
    weights = torch.tensor([number[concept] ** -0.5 for concept in concepts])
    features = torch.cat([half / scale for half, scale in zip(halves, scales, strict=True)], dim=1)
    weight, bias = ridge(features, captions, weights, PENALTY)
    mean = (weights.unsqueeze(1) * captions).sum(dim=0) / weights.sum()
    own, others = weight.split([half.shape[1] for half in halves], dim=1)
    sounds.map.load_state_dict({"weight": own / scales[0], "bias": bias - mean})
    events.map.load_state_dict({"weight": others / scales[1], "bias": torch.zeros_like(bias)})


def _scale(sounds: SoundReadout, events: EventReadout, encoder: EventEncoder, heard: Heard) -> None:
    """Bring both mixtures and the map to a mean square length of one."""
    by_class = [torch.stack(sounds(own)).mean(dim=1) for own in heard.blocks]
    classes, mapped = torch.stack(by_class, dim=1)
    mixture, more = events(heard.events, encoder.classify(heard.events))
    sounds.class_texts /= _length(classes)
    events.class_texts /= _length(mixture)
    length = _length(mapped + more)
    for layer in (sounds.map, events.map):
        layer.weight /= length
        layer.bias /= length


def _length(vectors: Tensor) -> Tensor:
    return vectors.square().sum(dim=1).mean().sqrt()
