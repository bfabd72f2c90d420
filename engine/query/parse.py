"""The parts and filters of a query, read from what a user types. Everything here raises QueryError."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import cast

from engine.errors import QueryError
from engine.paths import is_there
from engine.query.hits import Hit
from engine.query.query import LikeFile, LikeHit, Words
from storage.records import MODALITIES, Modality

_WEIGHTED = re.compile(r"(?P<part>.+)\^(?P<weight>-?(?:\d+(?:\.\d*)?|\.\d+))", re.DOTALL)
_HIT = re.compile(r"#(\d+)")
_SPAN = re.compile(r"(?P<file>.+)@(?P<start>[0-9:.]+)-(?P<end>[0-9:.]+)")
_PAGE = re.compile(r"(?P<file>.+)#(?P<page>\d+)")
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def _no_earlier_hit(number: int) -> Hit:
    raise QueryError(f"#{number}: there is no earlier answer here")


def parse_words(text: str) -> Words:
    """``WORDS`` or ``WORDS^WEIGHT``."""
    part, weight = _weighted(text)
    return Words(part, weight)


def parse_like(text: str, earlier: Callable[[int], Hit] = _no_earlier_hit, here: Path = Path()) -> LikeFile | LikeHit:
    """``FILE``, ``FILE@START-END``, ``FILE#PAGE`` or ``#NUMBER``, each perhaps with ``^WEIGHT``.

    Times are seconds or clock times (90, 1:30, 0:01:30). ``earlier`` gives the hit that had a number, ``here`` is the
    folder from which names are read. A file that has the very name, as far as it goes, is that file.
    """
    if not text.strip():
        raise QueryError("--like and --not-like need the name of a file")
    if is_there(here / text):
        return LikeFile(here / text)
    part, weight = _weighted(text)
    if is_there(here / part):
        return LikeFile(here / part, weight=weight)
    if (hit := _HIT.fullmatch(part)) is not None:
        return LikeHit(earlier(int(hit[1])), weight)
    if (span := _SPAN.fullmatch(part)) is not None:
        start, end = _seconds(span["start"], part), _seconds(span["end"], part)
        if end <= start:
            raise QueryError(f"{part}: the span ends before it starts")
        return LikeFile(_from(here, span["file"]), (start, end), weight=weight)
    if (page := _PAGE.fullmatch(part)) is not None:
        return LikeFile(_from(here, page["file"]), page=int(page["page"]), weight=weight)
    return LikeFile(_from(here, part), weight=weight)


def parse_kinds(text: str) -> frozenset[Modality]:
    """Kinds separated by commas."""
    kinds = [part.strip().lower() for part in text.split(",") if part.strip()]
    for kind in kinds:
        if kind not in MODALITIES:
            raise QueryError(f"{kind!r} is no kind; there are {', '.join(MODALITIES)}")
    if not kinds:
        raise QueryError(f"--kind needs one or more of {', '.join(MODALITIES)}")
    return frozenset(cast(list[Modality], kinds))


def parse_folder(text: str, here: Path = Path()) -> Path:
    """A folder, its name read from ``here``; an empty name would silently mean the current one."""
    if not text.strip():
        raise QueryError("--under needs the name of a folder")
    return _from(here, text)


def parse_date(text: str) -> datetime:
    """An ISO date or date and time (2026-05-01, 2026-05-01T14:30), local unless it names a zone."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{text!r} is no date; write it like 2026-05-01 or 2026-05-01T14:30") from error


def parse_duration(text: str) -> float:
    """Seconds (90) or a clock time (1:30, 0:01:30)."""
    return _seconds(text.strip(), "a duration")


def parse_size(text: str) -> int:
    """Bytes: 500, 500kB, 1.5MB, 2G (thousands), or 64KiB (of 1024)."""
    matched = _SIZE.fullmatch(text.strip())
    if matched is None:
        raise QueryError(f"{text!r} is no size; write it like 500kB, 1.5MB or 2GB")
    number, unit, binary = matched.groups()
    factor = (1024.0 if binary else 1000.0) ** _POWERS[(unit or "").lower()]
    return round(float(number) * float(factor))


def _from(here: Path, name: str) -> Path:
    return Path(name) if name.startswith("~") else here / name


def _weighted(text: str) -> tuple[str, float]:
    matched = _WEIGHTED.fullmatch(text)
    return (text, 1.0) if matched is None else (matched["part"], float(matched["weight"]))


def _seconds(text: str, whole: str) -> float:
    matched = _CLOCK.fullmatch(text)
    if matched is None:
        raise QueryError(f"{whole}: {text!r} is no time; write seconds (90) or a clock time (1:30)")
    hours, minutes, seconds = matched.groups()
    if (minutes and float(seconds) >= 60) or (hours and int(minutes) >= 60):
        raise QueryError(f"{whole}: {text!r} is no time; minutes and seconds beside a larger unit go up to 59")
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
