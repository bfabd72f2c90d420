"""Which subtitle files stand beside a recording: ``film.srt``, ``film.en.srt``, ``film.pt-BR.forced.vtt``."""

import os
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from indexer.extract.registry import format_of
from storage.records import Modality

EXTENSIONS = ("srt", "vtt", "ass", "ssa")
RECORDINGS: frozenset[Modality] = frozenset(("audio", "video"))
"""What formats of recordings are kinds of; an animated picture is none."""

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{2,8})*")
"""Up to two stand between the recording's name and the extension: a language, and what kind of subtitles they are."""


@dataclass(frozen=True)
class Folder:
    """The names in one folder that matter here: its recordings by stem, its subtitles by each stem they may go with."""

    recordings: Mapping[str, Sequence[str]]
    subtitles: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Folder":
        recordings: defaultdict[str, list[str]] = defaultdict(list)
        subtitles: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            if is_subtitles(name):
                for stem in _stems(name):
                    subtitles[stem].append(name)
            elif is_recording(name):
                recordings[Path(name).stem].append(name)
        return cls(recordings, subtitles)

    def subtitles_of(self, recording: str) -> list[str]:
        """The subtitle files that belong to the recording of that name, which is in the folder.

        The recording with the longest fitting name has them: ``talk.en.srt`` is not ``talk.mp4``'s if there is a
        ``talk.en.mp4``.
        """
        stem = Path(recording).stem
        return sorted(name for name in self.subtitles.get(stem, ()) if self._owner(name) == stem)

    def _owner(self, subtitles: str) -> str | None:
        return next((stem for stem in _stems(subtitles) if stem in self.recordings), None)


def companions(path: Path) -> list[Path]:
    """Files beside ``path`` that are read otherwise once it has come, changed or gone.

    These are the recordings that subtitles may belong to, or the subtitles of a recording. ``path`` may be gone.
    """
    found: Iterable[str] = ()
    if is_subtitles(path.name):
        recordings = _folder(path.parent).recordings
        found = (name for stem in _stems(path.name) for name in recordings.get(stem, ()))
    elif is_recording(path.name):
        found = _folder(path.parent).subtitles.get(path.stem, ())
    return [path.parent / name for name in found]


def subtitles_beside(recording: Path) -> list[Path]:
    """The subtitle files on disk that belong to ``recording``; none where the folder cannot be listed."""
    return [recording.parent / name for name in _folder(recording.parent).subtitles_of(recording.name)]


def is_beside_recording(subtitles: Path) -> bool:
    """Whether a subtitle file on disk belongs to a recording, in which its words are found then."""
    return belongs_to_one_of(subtitles.name, _folder(subtitles.parent).recordings)


def belongs_to_one_of(name: str, stems: Container[str]) -> bool:
    """Whether subtitles of this name belong to a recording beside them, from the ``stems`` of all recordings there."""
    return any(stem in stems for stem in _stems(name))


def _stems(subtitles: str) -> Iterator[str]:
    """The stems that a recording with subtitles of this name may have, longest first.

    What looks like a tag may be part of the recording's own name.
    """
    stem = Path(subtitles).stem
    yield stem
    for _ in range(2):
        stem, _, tag = stem.rpartition(".")
        if not stem or not _TAG.fullmatch(tag):
            return
        yield stem


def _folder(folder: Path) -> Folder:
    """A folder on disk, listed anew once it has changed; an empty one where it cannot be listed."""
    try:
        return _listed(os.fspath(folder), folder.stat().st_mtime_ns)
    except OSError:
        return Folder({}, {})


@lru_cache(maxsize=64)
def _listed(folder: str, _modified_ns: int) -> Folder:
    with os.scandir(folder) as listing:
        return Folder.of(entry.name for entry in listing if not entry.name.startswith("."))


def is_recording(name: str) -> bool:
    """Whether a file of this name is a container of sound or film."""
    format = format_of(name)
    return format is not None and format.kind in RECORDINGS


def is_subtitles(name: str) -> bool:
    """Whether a file of this name holds subtitles."""
    return name[-3:].lower() in EXTENSIONS and name[-4:-3] == "."
