"""What of a text is shown: the part of a passage in which the words that were asked for stand closest together."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

LONGEST = 240
"""Characters of an excerpt."""

_BEFORE = 60
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_ENDINGS = (("ies", "es", "'s", "’s", "s"), ("ing", "ed", "e", "y"))
"""One of the first, then one of the others: "strings" and "string" have one stem."""

_SHORTEST_STEM = 3
_EMPTY = frozenset(
    _WORD.findall(
        "a an and are as at be but by can do does for from had has have how i if in into is it its me my no not of on "
        "or our s so some that the their them there these they this those to was we were what when where which who why "
        "will with you your"
    )
)


def matches(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where in ``text`` (first character, last plus one) a word stands that is in ``words`` too, endings aside.

    Words that carry no meaning of their own, such as articles, do not count.
    """
    wanted = {_stem(word) for part in words for word in _WORD.findall(part) if word.casefold() not in _EMPTY}
    return [found.span() for found in _WORD.finditer(text) if _stem(found[0]) in wanted]


def held_words(text: str, words: Sequence[str]) -> set[str]:
    """Those of ``words``, each a single one, that stand in ``text``, endings aside."""
    stems = {word: _stem(word) for word in words}
    starts = tuple({stem[:_SHORTEST_STEM] for stem in stems.values()})
    # Most words need not be looked at: a stem is how a word begins, unless accents are taken off.
    found = _WORD.findall(text)
    there = {_stem(word) for word in found if word.casefold().startswith(starts) or not word.isascii()}
    return {word for word, stem in stems.items() if stem in there}


def words_with_meaning(text: str) -> list[str]:
    """All words of ``text`` that carry meaning of their own, in lower case, as often as they stand there."""
    return [word for found in _WORD.findall(text) if (word := found.casefold()) not in _EMPTY]


def content_words(texts: Sequence[str]) -> tuple[str, ...]:
    """The different words in ``texts`` that carry meaning of their own; all, if none does."""
    found = list(dict.fromkeys(word.casefold() for text in texts for word in _WORD.findall(text)))
    return tuple([word for word in found if word not in _EMPTY] or found)


def excerpt(text: str | None, words: Sequence[str]) -> str | None:
    """At most ``LONGEST`` characters of ``text`` on one line, cut between words; None when there is no text."""
    line = " ".join((text or "").split())
    if len(line) <= LONGEST:
        return line or None
    start = _best_start(line, matches(line, words))
    end = start + LONGEST
    shown = line[start:end]
    if end < len(line):
        shown = shown.rsplit(" ", 1)[0] + " …"
    return ("… " if start else "") + shown


def _best_start(line: str, found: Sequence[tuple[int, int]]) -> int:
    """The beginning of the window that holds most different matches, a little before the first of them."""
    if not found:
        return 0

    def different(start: int) -> int:
        return len({_stem(line[first:last]) for first, last in found if start <= first and last <= start + LONGEST - 2})

    starts = [_word_start(line, max(0, first - _BEFORE)) for first, _ in found]
    return max([0, *starts], key=lambda start: (different(start), -start))


def _word_start(line: str, at: int) -> int:
    at = max(0, min(at, len(line) - LONGEST))
    return 0 if at == 0 else line.find(" ", at - 1) + 1


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    word = "".join(each for each in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(each))
    for endings in _ENDINGS:
        for ending in endings:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM and not word.endswith("ss"):
                word = word.removesuffix(ending)
                break
    return word
