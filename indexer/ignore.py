"""Which files and folders are passed over: hidden ones, caches, what ``.synesthete-ignore`` and the settings name.

Rules count from a named folder downwards. What a user names is taken in, whatever is said about it further up.
"""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pathspec import GitIgnoreSpec

from indexer.fingerprint import open_regular

IGNORE_FILE = ".synesthete-ignore"
MARKERS = frozenset((".nomedia", ".trackerignore"))
"""Files by which Android and GNOME are told to pass over a folder and all below it."""

CACHES = frozenset(
    ("node_modules", "bower_components", "__pycache__", "__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN")
)
CACHE_TAG = "CACHEDIR.TAG"
_CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
"""How a cache says that it is one (https://bford.info/cachedir/)."""

_MOST_RULES = 1_000_000


@dataclass(frozen=True)
class IgnoreOptions:
    """``patterns``: as in ``.gitignore``, as though they stood in a file at ``/``. ``hidden``, ``caches``: take in.
    ``apart``: the folder of the library itself, which holds no files of the user."""

    patterns: tuple[str, ...] = ()
    hidden: bool = False
    caches: bool = False
    apart: str = ""


NOTHING_SAID = IgnoreOptions()


@dataclass(frozen=True)
class _Rules:
    """The patterns of one ignore file, which lies in ``folder``; ``above`` are those of the folders above."""

    folder: str
    spec: GitIgnoreSpec
    above: "_Rules | None"


class IgnoreRules:
    """The rules below one named folder. They are read once a folder: make a new one when an ignore file has changed.

    ``complaints``: what is wrong with ignore files, by their paths.
    """

    def __init__(self, root: str, options: IgnoreOptions) -> None:
        self.complaints: dict[str, str] = {}
        self._root, self._options = root.rstrip("/") or "/", options
        always = compiled(options.patterns)[0]
        self._always = _Rules("/", always, None) if options.patterns else None
        self._read: dict[str, _Rules | None] = {}

    def is_ignored(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether ``path`` is passed over, by its own name or because a folder between it and the root is.

        Looks for the marks of a cache in these folders on the disk; ``path`` itself need not exist any more.
        """
        if path == self._root:
            return False
        within = os.path.relpath(path, self._root).split("/")
        folder = self._root
        for depth, name in enumerate(within, start=1):
            last = depth == len(within)
            here = f"{folder.rstrip('/')}/{name}"
            if self.passes_over(folder, name, is_folder=is_folder or not last):
                return True
            if (not last or is_folder) and self.is_marked(here, _marks_in(here)):
                return True
            folder = here
        return False

    def passes_over(self, folder: str, name: str, *, is_folder: bool) -> bool:
        """Whether a rule names ``name`` in ``folder``, which is not passed over itself."""
        if name.startswith(".") and not self._options.hidden:
            return True
        if is_folder and name in CACHES and not self._options.caches:
            return True
        if is_folder and f"{folder.rstrip('/')}/{name}" == self._options.apart:
            return True
        rules, path = self._rules_of(folder), f"{folder.rstrip('/')}/{name}"
        while rules is not None:
            within = path[len(rules.folder.rstrip("/")) + 1 :] + ("/" if is_folder else "")
            verdict = rules.spec.check_file(within).include
            if verdict is not None:
                return verdict
            rules = rules.above
        return False

    def names_files_in(self, folder: str) -> bool:
        """Whether any pattern may name a file in ``folder``; if not, a name that begins with no dot is not ignored."""
        return self._rules_of(folder) is not None

    def is_marked(self, folder: str, names: Collection[str]) -> bool:
        """Whether a folder with these ``names`` in it says of itself that it is to be passed over."""
        if folder == self._root:
            return False
        if not MARKERS.isdisjoint(names):
            return True
        return CACHE_TAG in names and not self._options.caches and _is_cache_tag(f"{folder}/{CACHE_TAG}")

    def _rules_of(self, folder: str) -> _Rules | None:
        if folder not in self._read:
            above = self._always if folder == self._root else self._rules_of(os.path.dirname(folder))  # noqa: PTH120
            lines = self._lines(f"{folder.rstrip('/')}/{IGNORE_FILE}")
            self._read[folder] = _Rules(folder, compiled(lines)[0], above) if lines else above
        return self._read[folder]

    def _lines(self, path: str) -> list[str]:
        try:
            with open_regular(path) as file:
                lines = file.read(_MOST_RULES).decode("utf-8", "surrogateescape").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            self.complaints[path] = f"its rules cannot be read: {error.strerror}"
            return []
        wrong = compiled(lines)[1]
        if wrong:
            self.complaints[path] = f"line {wrong[0]} is no pattern; it is passed over"
        return lines


def compiled(lines: Iterable[str]) -> tuple[GitIgnoreSpec, list[int]]:
    """The patterns, and the numbers, from 1, of lines that are none."""
    good, wrong = [], []
    for number, line in enumerate(lines, start=1):
        try:
            good.append(GitIgnoreSpec.from_lines([line]))
        except Exception:  # the library lets errors of several kinds through
            wrong.append(number)
    return GitIgnoreSpec([pattern for spec in good for pattern in spec.patterns]), wrong


def _marks_in(folder: str) -> set[str]:
    return {name for name in (*MARKERS, CACHE_TAG) if os.path.lexists(PurePath(folder, name))}


def _is_cache_tag(path: str) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(len(_CACHE_SIGNATURE)) == _CACHE_SIGNATURE
    except OSError:
        return False
