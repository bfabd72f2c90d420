"""Which rows are learned from: by the words of their concepts, so that no held-out word occurs in what is trained on.

Every word has a place of its own, given by its hash: test, validation or train. A row goes where the rarest place among
the deciding words of its concept says; a caption of a training row that bears any held-out word is dropped. Words too
common to hold out (``common_words``) and words that say nothing (``EMPTY``) decide nothing and may occur anywhere.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

TEST, VALIDATION = 0.09, 0.05
"""Shares of words. A concept of two words has two chances, so about twice as many rows are held out."""

SEED = "w2"
"""Goes into the hash of every word: of a few tried, one that takes a like share of pictures and of sounds."""

MOST_CONCEPTS = 60
MOST_GLOSSES = 0.005
"""A word in more concepts than this, or in a larger share of all dictionary entries, is common."""

CLIPS_NEEDED = 3
CLIPS_HELD_OUT = 1 / 6
MOST_WORDS = 12
"""A caption is cut after so many words; a list of tags where a comma comes before."""

EMPTY = frozenset(
    """a about above after again against all also an and another any anything are around as at away back be because
    been before being below between both but by can cannot could did do does doing down during each either else
    etc every few for from get had has have having he her here him his how if in into is it its itself just less
    let like made make many may me more most much must my near no nor not of off on one only or other our out over
    own per same she should so some someone something such than that the their them then there these they thing
    this those through to too toward under until up upon us use used using usually very was we were what when
    where which while who whom whose why will with within without would you your""".split()  # noqa: SIM905, shorter
)


def content_words(text: str) -> frozenset[str]:
    """The words of a text that say something: lower case, without plural endings."""
    found = re.findall(r"[^\W\d_]+", text.lower().replace("'s ", " ").replace("’s ", " "))
    return frozenset(singular(word) for word in found if len(word) > 1 and word not in EMPTY)


def singular(word: str) -> str:
    """``word`` without a simple plural ending: cherries, foxes, dogs; glass, bus and iris stay."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def common_words(concepts: Iterable[str], glosses: Sequence[str] = ()) -> frozenset[str]:
    """Words that decide nothing: those of more than MOST_CONCEPTS different concepts, or of very many glosses."""
    by_concept = Counter(word for concept in set(concepts) for word in content_words(concept))
    by_gloss = Counter(word for gloss in glosses for word in content_words(gloss))
    most = MOST_GLOSSES * len(glosses)
    return frozenset(word for word, count in by_concept.items() if count > MOST_CONCEPTS) | frozenset(
        word for word, count in by_gloss.items() if count > most
    )


def place(key: str) -> float:
    """A number in [0, 1) that depends on ``key`` alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def split_of_word(word: str, common: Collection[str]) -> str:
    """Where the hash of a word puts it; a common word is never held out."""
    if word in common:
        return "train"
    where = place(f"{SEED} {word}")
    return "test" if where < TEST else "validation" if where < TEST + VALIDATION else "train"


def split_of(text: str, common: Collection[str]) -> str:
    """The split of a concept, or of whatever bears its words: test before validation before train."""
    places = {split_of_word(word, common) for word in content_words(text)}
    return "test" if "test" in places else "validation" if "validation" in places else "train"


def may_stand_in(text: str, split: str, common: Collection[str]) -> bool:
    """Whether a text may be shown in ``split``: in train without held-out words, in validation without test words."""
    allowed = {"train": ("train",), "validation": ("train", "validation")}
    return split not in allowed or split_of(text, common) in allowed[split]


def captions(texts: Iterable[str], split: str, common: Collection[str]) -> list[str]:
    """What is left of the captions of a row in ``split``: none with a word held out, of a list the tags without."""
    kept = []
    for text in texts:
        tags = [tag for tag in text.split(", ") if may_stand_in(tag, split, common)]
        while len(tags) > 1 and len(" ".join(tags).split()) > MOST_WORDS:
            tags.pop()
        kept.append(" ".join(", ".join(tags).split()[:MOST_WORDS]).strip(" ,"))
    return [text for text in dict.fromkeys(kept) if text]


def new_clips(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """File -> "test" or "validation" for the clips held out from concepts that are learned from their other clips.

    ``rows`` are (concept, file) of the training split, each file under a name of its own; a concept with fewer than
    CLIPS_NEEDED clips is left alone, and one clip at least stays of every other.
    """
    by_concept = defaultdict(set)
    for concept, file in rows:
        by_concept[concept].add(file)
    held_out = {}
    for files in by_concept.values():
        if len(files) >= CLIPS_NEEDED:
            chosen = sorted((file for file in files if place(f"clip {file}") < CLIPS_HELD_OUT), key=place)
            for file in chosen[: len(files) - 1]:
                held_out[file] = "validation" if place(f"kind {file}") < CLIPS_HELD_OUT else "test"
    return held_out
