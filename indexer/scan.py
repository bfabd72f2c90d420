"""Walk folders and say which files there are to index, and which names stand in the way. Nothing is opened.

Passed over: symbolic links (what they point to is found where it is), files of no known kind, and what ``ignore`` says.
"""

import math
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from indexer.errors import MissingPathError
from indexer.extract.registry import format_of, formats_of
from indexer.ignore import IGNORE_FILE, NOTHING_SAID, IgnoreOptions, IgnoreRules
from indexer.subtitle_files import RECORDINGS, belongs_to_one_of, is_beside_recording, is_subtitles
from storage.records import TIMES_NS, Failure, FileState, States

NOTHING_KNOWN: States = MappingProxyType({})


@dataclass
class Scan:
    """What was found at and below one path. ``files`` are those that are new or not as they were known; ``left`` is
    what was known and has not been found. ``unread_folders`` are those whose content is unknown, not gone.

    Of files that are as they were known nothing is kept: there may be very many.
    """

    left: dict[str, tuple[int, int]] = field(default_factory=dict)
    files: dict[str, FileState] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    unread_folders: list[str] = field(default_factory=list)

    def may_hold(self, path: str) -> bool:
        """Whether ``path`` was found, or lies where the scan could not look."""
        return (
            path in self.files
            or path in self.failures
            or any(is_at_or_below(path, folder) for folder in self.unread_folders)
        )


def scan(
    root: Path,
    options: IgnoreOptions = NOTHING_SAID,
    largest_megabytes: float = math.inf,
    known: States = NOTHING_KNOWN,
) -> Scan:
    """Scan ``root``, a folder or a single file; nothing stands against a single file but its kind and its size.

    ``known``: the states in which files were read before. Raises MissingPathError if there is no such path.
    """
    found = Scan(dict(known))
    try:
        status = root.stat()
    except OSError as error:
        raise MissingPathError(f"{printable(str(root))}: {_cause(error)}") from error
    if stat.S_ISDIR(status.st_mode):
        rules = IgnoreRules(str(root), options)
        _walk(str(root), rules, found, largest_megabytes)
        _add_complaints(rules, found)
    elif format_of(root) is None:
        _fail(str(root), status, f"files of this kind ({root.suffix or 'no extension'}) cannot be searched", found)
    else:
        _judge(str(root), status, found, largest_megabytes)
    return found


def scan_part(
    root: Path,
    part: str,
    options: IgnoreOptions = NOTHING_SAID,
    largest_megabytes: float = math.inf,
    known: States = NOTHING_KNOWN,
) -> Scan:
    """What a scan of the folder ``root`` finds at and below ``part``, a path in it, which may be gone by now."""
    found = Scan(dict(known))
    path = Path(part)
    try:
        status = path.lstat()
        if os.path.realpath(path.parent) != str(path.parent):  # behind a link, where a scan does not look
            return found
    except (FileNotFoundError, NotADirectoryError):
        return found
    except OSError:
        found.unread_folders.append(part)
        return found
    rules = IgnoreRules(str(root), options)
    is_folder = stat.S_ISDIR(status.st_mode)
    format = format_of(path)
    if rules.is_ignored(part, is_folder=is_folder):
        pass
    elif is_folder:
        if format is not None and format.kind != "text":
            _judge(part, status, found, largest_megabytes)
        _walk(part, rules, found, largest_megabytes)
    elif format is None or stat.S_ISLNK(status.st_mode):
        pass
    elif not (is_subtitles(path.name) and is_beside_recording(path)):
        _judge(part, status, found, largest_megabytes)
    _add_complaints(rules, found)
    return found


def is_at_or_below(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies in it; both are absolute, and nothing is looked at."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def printable(path: str) -> str:
    """``path`` with bytes that are no UTF-8 written out, so that it can be stored, printed and sent."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def nearest_printable(path: str) -> str:
    """``path``, or the innermost folder above it whose path is valid UTF-8: what is wrong below it, its scan says."""
    while printable(path) != path:
        path = path.rpartition("/")[0] or "/"
    return path


def require_printable(root: str) -> None:
    """Raise MissingPathError if ``root`` cannot be named in the library."""
    if printable(root) != root:
        raise MissingPathError(f"{printable(root)}: its name is not valid UTF-8; rename it")


def _walk(folder: str, rules: IgnoreRules, found: Scan, largest_megabytes: float) -> None:
    """Take in what is in ``folder`` and below."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            handle = os.open(current, os.O_RDONLY | os.O_DIRECTORY)
            try:
                waiting += _look_into(current, handle, rules, found, largest_megabytes)
            finally:
                os.close(handle)
        except OSError as error:
            found.unread_folders.append(current)
            rules.complaints.pop(f"{current.rstrip('/')}/{IGNORE_FILE}", None)  # of which the same would be said
            path = printable(current)
            found.failures[path] = Failure(path, FileState(0, 0), f"the folder cannot be read: {_cause(error)}")


def _look_into(folder: str, handle: int, rules: IgnoreRules, found: Scan, largest_megabytes: float) -> list[str]:
    """Take in what is in ``folder``; returns the folders in it that are to be looked into.

    Most of a second run over a large library is spent in here. ``handle``: of the folder, opened; the system finds
    files by it without going through the whole path each time. Raises OSError if nothing can be said of a file.
    """
    largest, inside = largest_megabytes * 1e6, folder.rstrip("/") + "/"
    is_text = printable(inside) == inside
    files, left, folders = found.files, found.left, []
    with os.scandir(handle) as listing:
        entries = list(listing)
    names = [entry.name for entry in entries]
    if rules.is_marked(folder, names):
        return []
    formats = formats_of(names)
    recordings = {
        name.rpartition(".")[0]
        for name, format in zip(names, formats, strict=True)
        if format is not None and format.kind in RECORDINGS
    }
    has_rules = rules.names_files_in(folder)
    for entry, name, format in zip(entries, names, formats, strict=True):
        is_file = format is not None and entry.is_file(follow_symlinks=False)
        is_folder = not is_file and entry.is_dir(follow_symlinks=False)
        if not is_file and not is_folder and (format is None or entry.is_symlink()):
            continue
        if recordings and is_subtitles(name) and belongs_to_one_of(name, recordings):
            continue  # its words are found in the recording
        if (has_rules or is_folder or name[0] == ".") and rules.passes_over(folder, name, is_folder=is_folder):
            continue
        path = inside + name
        if is_folder:
            folders.append(path)
            if format is None or format.kind == "text":  # node_modules/chart.js is no one's mistake
                continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # removed since it was listed
            continue
        modified_ns = status.st_mtime_ns
        if is_file and status.st_size <= largest and is_text and name.isascii() and modified_ns in TIMES_NS:
            state = (status.st_size, modified_ns)
            if left.pop(path, None) != state:
                files[path] = FileState(*state)
        else:
            _judge(path, status, found, largest_megabytes)
    return folders


def _add_complaints(rules: IgnoreRules, found: Scan) -> None:
    for path, complaint in rules.complaints.items():
        name = printable(path)
        found.failures[name] = Failure(name, FileState(0, 0), complaint)


def _judge(path: str, status: os.stat_result, found: Scan, largest_megabytes: float) -> None:
    if printable(path) != path:
        _fail(path, status, "its name is not valid UTF-8; rename it", found)
    elif stat.S_ISDIR(status.st_mode):
        _fail(path, status, "a folder with the name of a file; the files in it are indexed on their own", found)
    elif not stat.S_ISREG(status.st_mode):
        _fail(path, status, "not a regular file (a pipe, socket or device)", found)
    elif status.st_size > largest_megabytes * 1e6:
        size = f"{status.st_size / 1e6:.1f} MB, the limit is {largest_megabytes:g} MB"
        _fail(path, status, f"too large: {size} (file_megabytes in the settings)", found)
    elif found.left.pop(path, None) != FileState.of(status):
        found.files[path] = FileState.of(status)


def _fail(path: str, status: os.stat_result, reason: str, found: Scan) -> None:
    name = printable(path)
    found.failures[name] = Failure(name, FileState.of(status), reason)


def _cause(error: OSError) -> str:
    return "no such file or folder" if isinstance(error, FileNotFoundError) else (error.strerror or str(error))
