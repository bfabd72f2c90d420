"""The readout of sounds, fitted in closed form: class mixture and ridge map, both centred on the sounds learned from.

What classifiers say is judged by recordings alone; the map learns from every sound, each concept by the root of its
number of sounds.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from ridge import ridge
from sound_classes import assign, categories, class_counts
from torch import Tensor

from engine.model.config import ModelConfig
from engine.model.readout import SoundReadout
from engine.train.pairs import Pair

PENALTY = 0.2
PRIOR = 0.5  # how much of what a classifier says of every sound is taken off
NOT_RECORDED = ("synthetic", "fluid soundfont", "musescore soundfont", "flite")

Texts = Callable[[Sequence[str]], Tensor]


def fit(
    config: ModelConfig,
    heads: Sequence[dict[str, Tensor]],
    pairs: Sequence[Pair],
    blocks: Sequence[Tensor],
    texts: Texts,
) -> SoundReadout:
    """The readout for the classifiers whose weights are ``heads``.

    ``blocks`` holds of each sound of ``pairs`` what the encoder says of its blocks, (n, features); ``texts`` gives the
    embeddings (n, width) of texts.
    """
    captions = _captions(pairs, texts)
    audio = config.audio
    counts = class_counts(heads)
    readout = SoundReadout(audio.features, audio.times, audio.channels[-1], counts, config.dimension)
    readout.requires_grad_(False)
    for head, published in zip(readout.heads, heads, strict=True):
        head.load_state_dict(published)
    recorded = [place for place, pair in enumerate(pairs) if pair.source not in NOT_RECORDED]
    concepts = [pairs[place].concept for place in recorded]
    _fit_classes(readout, [blocks[place] for place in recorded], captions[recorded], concepts, texts)
    _fit_map(readout, blocks, captions, [pair.concept for pair in pairs])
    return readout


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


def _fit_map(readout: SoundReadout, blocks: Sequence[Tensor], captions: Tensor, concepts: Sequence[str]) -> None:
    pooled = torch.stack([own.mean(dim=0) for own in blocks])
    number = Counter(concepts)
    weights = torch.tensor([number[concept] ** -0.5 for concept in concepts])
    spread = pooled.std(dim=0) + 1e-6
    weight, bias = ridge(pooled / spread, captions, weights, PENALTY)
    mean = (weights.unsqueeze(1) * captions).sum(dim=0) / weights.sum()
    readout.map.load_state_dict({"weight": weight / spread, "bias": bias - mean})
