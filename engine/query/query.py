"""What is asked, as frozen records: parts that are wanted or not, and which files may answer."""

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.errors import QueryError
from engine.paths import absolute_path, expanded
from engine.printed import printed
from engine.query.hits import Hit
from storage.glob_patterns import glob_expression
from storage.records import MODALITIES, Modality, PieceFilter

_LATEST_NS = 2**63 - 1


@dataclass(frozen=True)
class Words:
    """Words to be looked for. ``weight`` says how much they count beside the other parts of a query."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise QueryError("nothing to look for: the words are empty")
        if not _is_text(self.text):
            raise QueryError(f"{self.text.encode(errors='replace').decode()!r} is no text: its bytes are not UTF-8")
        _check_weight(self.weight)


@dataclass(frozen=True)
class LikeFile:
    """A file to be resembled: whole, from ``span[0]`` to ``span[1]`` seconds, or one ``page`` (from 1)."""

    path: Path
    span: tuple[float, float] | None = None
    page: int | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.span is not None and not 0 <= self.span[0] < self.span[1]:
            raise QueryError(f"{self.path}: the span {self.span[0]:g}-{self.span[1]:g} ends before it starts")
        if self.page is not None and self.page < 1:
            raise QueryError(f"{self.path}: there is no page {self.page}; the first is page 1")
        _check_weight(self.weight)


@dataclass(frozen=True)
class LikeHit:
    """An earlier hit to be resembled: the place that it names, as it stands in the library."""

    hit: Hit
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)


Part = Words | LikeFile | LikeHit


@dataclass(frozen=True)
class Filters:
    """Which files may answer: those that meet every condition named.

    ``kinds``: what the file is. ``under``: a folder, or the file itself. ``globs``: patterns (``*.jpg``), one of which
    matches. The rest are bounds, the lower one included, the upper one not: ``after`` and ``before`` of the time of
    recording, or where the file says nothing of it, of modification; ``longer`` and ``shorter`` of the duration in
    seconds, which only sounds and videos have; ``larger`` and ``smaller`` of the size in bytes.
    Raises QueryError for a condition that makes no sense or that no file can meet.
    """

    kinds: frozenset[Modality] = frozenset()
    under: Path | None = None
    globs: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    longer: float | None = None
    shorter: float | None = None
    larger: int | None = None
    smaller: int | None = None

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in MODALITIES:
                raise QueryError(f"{kind!r} is no kind; there are {', '.join(MODALITIES)}")
        for pattern in self.globs:
            try:
                glob_expression(_expanded_glob(pattern))
            except ValueError as error:
                raise QueryError(f"{pattern!r} is no pattern of file names: {error}") from error
        bounds = (
            ("date", _nanoseconds(self.after), _nanoseconds(self.before)),
            ("duration", self.longer, self.shorter),
            ("size", self.larger, self.smaller),
        )
        for name, least, below in bounds:
            if least is not None and below is not None and least >= below:
                raise QueryError(f"no {name} lies between the two bounds given: the lower one is not below the upper")
            if name != "date" and any(bound is not None and not bound >= 0 for bound in (least, below)):
                raise QueryError(f"a {name} cannot be negative")

    @property
    def condition(self) -> PieceFilter:
        """The same for the library."""
        return PieceFilter(
            kinds=self.kinds,
            under=None if self.under is None else str(absolute_path(self.under)),
            globs=tuple(map(_expanded_glob, self.globs)),
            after_ns=_nanoseconds(self.after),
            before_ns=_nanoseconds(self.before),
            longer=self.longer,
            shorter=self.shorter,
            larger=None if self.larger is None else min(self.larger, _LATEST_NS),
            smaller=None if self.smaller is None else min(self.smaller, _LATEST_NS),
        )


@dataclass(frozen=True)
class Query:
    """What to look for, what to keep away from, which files may answer, and how.

    ``limit``: how many hits. ``each_moment``: every place found is a hit of its own, instead of one hit a file.
    ``each_kind``: so many of every kind of file, the kind with the best hit first, instead of so many in all.
    ``include_self``: the files asked with, and exact copies of them, may answer too. ``cutoff``: the relevance from
    which a hit is close, 0 to 1; None leaves it to the settings. ``exact``: only the words count as they stand, not
    what they mean.
    """

    wanted: tuple[Part, ...]
    unwanted: tuple[Part, ...] = ()
    filters: Filters = field(default_factory=Filters)
    limit: int = 10
    each_moment: bool = False
    each_kind: bool = False
    include_self: bool = False
    cutoff: float | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if not self.wanted:
            raise QueryError("nothing to look for: give words, or a file with --like")
        if self.limit < 1:
            raise QueryError(f"{self.limit} results cannot be given; ask for one or more")
        if self.cutoff is not None and not 0 <= self.cutoff <= 1:
            raise QueryError(f"{self.cutoff:g} is no cut-off; relevance goes from 0 to 1")
        if self.exact and not all(isinstance(part, Words) for part in (*self.wanted, *self.unwanted)):
            raise QueryError("--exact looks for words as they stand: give words, and no file")

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are wanted."""
        return tuple(part.text for part in self.wanted if isinstance(part, Words))


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)  # how Python marks bytes that are no text


def _expanded_glob(pattern: str) -> str:
    """``pattern`` with ``~`` as the user's folder, and without the ``./`` of a shell. Raises QueryError."""
    if not _is_text(pattern):
        raise QueryError(f"{printed(pattern)}: this pattern of file names is not valid UTF-8")
    if pattern.strip("/") and pattern.endswith("/"):
        raise QueryError(f"{pattern!r} is a folder, and files are found by their names: {pattern + '**'!r}")
    return str(expanded(pattern)) if pattern.startswith("~") else re.sub(r"\A(\./+)+", "", pattern)


def _check_weight(weight: float) -> None:
    if not (weight > 0 and math.isfinite(weight)):
        raise QueryError(f"{weight:g} is no weight; a weight is a number above 0")


def _nanoseconds(date: datetime | None) -> int | None:
    """Nanoseconds since 1970, cut to what a catalog can hold: 1677 to 2262."""
    return None if date is None else max(-_LATEST_NS, min(_LATEST_NS, int(date.timestamp() * 1e9)))
