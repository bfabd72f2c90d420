"""Which subtitle files stand beside a recording: ``film.srt``, ``film.en.srt``, ``film.pt-BR.forced.vtt``."""

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from indexer.extract.registry import format_of
from storage.records import Modality

EXTENSIONS = ("srt", "vtt", "ass", "ssa")
RECORDINGS: frozenset[Modality] = frozenset(("audio", "video"))
"""What formats of recordings are kinds of; an animated picture is none."""

_TAGS = re.compile(r"(\.[A-Za-z]{2,8}(-[A-Za-z0-9]{2,8})*){0,2}")
"""Between the recording's name and the extension: a language, and what kind of subtitles they are."""


def subtitles_among(names: Iterable[str], recording: str) -> list[str]:
    """The subtitle files that belong to ``recording``, by name, among the ``names`` of one folder.

    The recording with the longest fitting name has them: ``talk.en.srt`` is not ``talk.mp4``'s if there is a
    ``talk.en.mp4``.
    """
    stems = {Path(name).stem for name in names if is_recording(name)}
    stem = Path(recording).stem
    found = []
    for name in names:
        base = Path(name).stem
        if not is_subtitles(name) or not _belongs(base, stem):
            continue
        if not any(len(other) > len(stem) and _belongs(base, other) for other in stems):
            found.append(name)
    return sorted(found)


def companions(path: Path) -> list[Path]:
    """Files beside ``path`` that are read otherwise once it has come, changed or gone.

    These are the recordings that subtitles may belong to, or the subtitles of a recording. ``path`` may be gone.
    """
    names = _names(path.parent)
    if is_subtitles(path.name):
        found = [name for name in names if is_recording(name) and _belongs(path.stem, Path(name).stem)]
    elif is_recording(path.name):
        found = [name for name in names if is_subtitles(name) and _belongs(Path(name).stem, path.stem)]
    else:
        found = []
    return [path.parent / name for name in found]


def subtitles_beside(recording: Path) -> list[Path]:
    """The subtitle files on disk that belong to ``recording``; none where the folder cannot be listed."""
    return [recording.parent / name for name in subtitles_among(_names(recording.parent), recording.name)]


def is_beside_recording(subtitles: Path) -> bool:
    """Whether a subtitle file on disk belongs to a recording, in which its words are found then."""
    stems = frozenset(Path(name).stem for name in _names(subtitles.parent) if is_recording(name))
    return belongs_to_one_of(subtitles.name, stems)


def belongs_to_one_of(name: str, stems: frozenset[str]) -> bool:
    """Whether subtitles of this name belong to a recording beside them, from the ``stems`` of all recordings there."""
    base = Path(name).stem
    # A tag in the middle of a name may be part of the recording's own.
    return any(base[:end] in stems for end in _ends(base) if _TAGS.fullmatch(base, end))


def _ends(base: str) -> list[int]:
    """Where the recording's name may end: at the end, before the last dot, before the last but one."""
    last = base.rfind(".")
    return [len(base), last, base.rfind(".", 0, max(last, 0))] if last > 0 else [len(base)]


def _names(folder: Path) -> tuple[str, ...]:
    """The names in a folder that matter here, listed anew once it has changed."""
    try:
        return _listed(os.fspath(folder), folder.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=64)
def _listed(folder: str, _modified_ns: int) -> tuple[str, ...]:
    with os.scandir(folder) as listing:
        names = [entry.name for entry in listing if not entry.name.startswith(".")]
    return tuple(name for name in names if is_recording(name) or is_subtitles(name))


def is_recording(name: str) -> bool:
    """Whether a file of this name is a container of sound or film."""
    format = format_of(name)
    return format is not None and format.kind in RECORDINGS


def is_subtitles(name: str) -> bool:
    """Whether a file of this name holds subtitles."""
    return name[-3:].lower() in EXTENSIONS and name[-4:-3] == "."


def _belongs(base: str, stem: str) -> bool:
    return base.startswith(stem) and _TAGS.fullmatch(base, len(stem)) is not None
