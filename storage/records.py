"""The words of the library as frozen records: modalities, sources, pieces, failures, roots."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

Modality = Literal["text", "image", "video", "audio", "document"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
Origin = Literal["name", "passage", "page", "subtitle", "recognised", "speech"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
"""Where words come from: the file's name, its text, what is written beside a film, seen in a picture or heard."""


TIMES_NS = range(-(2**63), 2**63)
"""The times, in nanoseconds since 1970, that the catalog can hold: from 1677 to 2262. A file may claim any other."""


class FileState(NamedTuple):
    """What a file looked like from outside when it was read: enough to see cheaply that it has changed."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileState":
        return cls(status.st_size, min(max(status.st_mtime_ns, TIMES_NS[0]), TIMES_NS[-1]))


States = Mapping[str, tuple[int, int]]
"""Size and time of change of files, by path: as ``FileState``, to which each is equal, but quicker to make."""


@dataclass(frozen=True)
class Source:
    """A file in the library. ``kind`` is what the file is; its pieces may be of other modalities (a soundtrack).

    ``duration`` in seconds, for sounds and videos. ``recorded_ns``: when it was recorded (nanoseconds since 1970), if
    the file itself says so.
    """

    path: str
    kind: Modality
    state: FileState
    content_hash: bytes
    duration: float | None = None
    recorded_ns: int | None = None


@dataclass(frozen=True)
class StoredSource:
    """A source together with its row number, which never changes while the source stays in the library."""

    id: int
    source: Source


@dataclass(frozen=True)
class Piece:
    """The smallest thing with an embedding. ``start``, ``end`` in seconds, ``page`` from 1, ``text`` as a snippet.

    ``melody``: what can be hummed of a sound, in the codes of whoever extracts it, 0 for nothing.
    """

    modality: Modality
    embedding: NDArray[np.float16]
    text: str | None = None
    start: float | None = None
    end: float | None = None
    page: int | None = None
    melody: bytes | None = None


@dataclass(frozen=True)
class TextSegment:
    """Words of a source that can be searched exactly, with or without an embedding of their own.

    ``start``, ``end`` in seconds, ``page`` from 1: where in the source they are.
    """

    text: str
    origin: Origin
    start: float | None = None
    end: float | None = None
    page: int | None = None


@dataclass(frozen=True)
class Transcript:
    """The words of a source that were found apart from its pieces: its subtitles, writing in its pictures, or speech.

    ``made_from`` notes what they were made from besides the source's bytes, so that it can be seen when they have to be
    made again. ``problem``: why some are missing.
    """

    origin: Origin
    made_from: str
    segments: tuple[TextSegment, ...] = ()
    problem: str | None = None


class PieceLocation(NamedTuple):
    """Where a piece comes from, without its embedding: what an answer shows."""

    id: int
    source_id: int
    path: str
    kind: Modality
    modality: Modality
    text: str | None
    start: float | None
    end: float | None
    page: int | None


class PieceMelody(NamedTuple):
    """What can be hummed of a piece of sound, from ``start`` (in seconds) of its source on."""

    id: int
    source_id: int
    start: float
    melody: bytes


class Owner(NamedTuple):
    """The source that a piece belongs to: its number, and what the file is."""

    source_id: int
    kind: Modality


@dataclass(frozen=True)
class Failure:
    """A file that could not be read, and why. It is tried again once its ``state`` has changed."""

    path: str
    state: FileState
    reason: str


@dataclass(frozen=True)
class RootState:
    """A folder or file that the user named. ``scanned_at``: seconds since 1970. ``indexed``, ``failed``, ``waiting``:
    files; the last are those a scan has found and nobody has read yet. ``files_per_second``: the pace of the last run
    that had enough to do. ``offline``: why nothing of it can be read now."""

    path: str
    scanned_at: float
    indexed: int
    waiting: int
    failed: int
    files_per_second: float | None
    offline: str | None


@dataclass(frozen=True)
class PieceFilter:
    """Which sources may answer: those that meet every condition named; empty means all.

    ``under``: the source at this path, or below it. ``globs``: one of these patterns matches (see ``glob_patterns``).
    The rest are bounds, the lower one included, the upper one not: ``after_ns``, ``before_ns`` of the time of recording
    (where the file says nothing of it, of modification), ``longer``, ``shorter`` of the duration in seconds (a source
    without one passes neither), ``larger``, ``smaller`` of the size in bytes. ``sources``, ``not_sources``: the numbers
    of the only ones that pass (None: of all), and of some that do not.
    """

    kinds: frozenset[Modality] = frozenset()
    under: str | None = None
    globs: tuple[str, ...] = ()
    after_ns: int | None = None
    before_ns: int | None = None
    longer: float | None = None
    shorter: float | None = None
    larger: int | None = None
    smaller: int | None = None
    sources: frozenset[int] | None = None
    not_sources: frozenset[int] = frozenset()

    @property
    def is_empty(self) -> bool:
        return self == PieceFilter()


@dataclass(frozen=True)
class LibraryCounts:
    """How much a library holds."""

    sources: dict[Modality, int]
    pieces: dict[Modality, int]
    failures: int
