"""What is asked, as a frozen record, and how its parts are read from what a user types."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from engine.errors import QueryError
from storage.records import MODALITIES, Modality, PieceFilter

_SPAN = re.compile(r"(?P<file>.+)@(?P<start>[0-9:.]+)-(?P<end>[0-9:.]+)")
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class LikeFile:
    """A file to be resembled, whole or from ``span[0]`` to ``span[1]`` seconds."""

    path: Path
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Query:
    """What to look for (words, files), what to keep away from, and which files may answer.

    ``after`` and ``before`` bound the files' modification time; ``before`` itself is outside.
    """

    words: str | None = None
    like: tuple[LikeFile, ...] = ()
    not_words: tuple[str, ...] = ()
    not_like: tuple[LikeFile, ...] = ()
    kinds: frozenset[Modality] = frozenset()
    under: Path | None = None
    after: datetime | None = None
    before: datetime | None = None
    limit: int = 10

    def __post_init__(self) -> None:
        if not (self.words or "").strip() and not self.like:
            raise QueryError("nothing to look for: give words, or a file with --like")
        if any(not words.strip() for words in self.not_words):
            raise QueryError("--not needs words")
        if self.limit < 1:
            raise QueryError(f"{self.limit} results cannot be given; ask for one or more")

    @property
    def filter(self) -> PieceFilter:
        return PieceFilter(
            kinds=self.kinds,
            under=None if self.under is None else str(self.under.resolve()),
            after_ns=None if self.after is None else int(self.after.timestamp() * 1e9),
            before_ns=None if self.before is None else int(self.before.timestamp() * 1e9),
        )


def parse_like(text: str) -> LikeFile:
    """``FILE`` or ``FILE@START-END`` with times as seconds or clock (90, 1:30, 0:01:30). Raises QueryError."""
    matched = _SPAN.fullmatch(text)
    if matched is None or Path(text).exists():
        return LikeFile(Path(text))
    start, end = _seconds(matched["start"], text), _seconds(matched["end"], text)
    if end <= start:
        raise QueryError(f"{text}: the span ends before it starts")
    return LikeFile(Path(matched["file"]), (start, end))


def parse_kinds(text: str) -> frozenset[Modality]:
    """Kinds separated by commas. Raises QueryError."""
    kinds = [part.strip().lower() for part in text.split(",") if part.strip()]
    for kind in kinds:
        if kind not in MODALITIES:
            raise QueryError(f"{kind!r} is no kind; there are {', '.join(MODALITIES)}")
    if not kinds:
        raise QueryError(f"--kind needs one or more of {', '.join(MODALITIES)}")
    return frozenset(cast(list[Modality], kinds))


def parse_date(text: str) -> datetime:
    """An ISO date or date and time (2026-05-01, 2026-05-01T14:30), local unless it names a zone. Raises QueryError."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{text!r} is no date; write it like 2026-05-01 or 2026-05-01T14:30") from error


def _seconds(text: str, whole: str) -> float:
    matched = _CLOCK.fullmatch(text)
    if matched is None:
        raise QueryError(f"{whole}: {text!r} is no time; write seconds (90) or a clock time (1:30)")
    hours, minutes, seconds = matched.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
