"""What there is to do: a scan of files on disk, compared with what the catalog holds of them."""

import gc
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.control import Control
from indexer.errors import MissingPathError
from indexer.gone import gone_among, may_exist
from indexer.mounts import concerning, mounted
from indexer.options import PipelineOptions
from indexer.scan import Scan, is_at_or_below, printable, require_printable, scan, scan_part
from storage import roots
from storage.catalog import Catalog
from storage.library import Library
from storage.records import Failure, FileState, States


@dataclass(frozen=True)
class Scope:
    """What is to be looked at: ``path``, which is ``root``, named by the user, or lies below it."""

    root: str
    path: str


@dataclass(frozen=True)
class File:
    """A file to be read, as it looked when it was scanned. ``may_reuse``: embeddings of the same bytes will do."""

    path: str
    state: FileState
    root: str
    may_reuse: bool = True


@dataclass
class _Found:
    """What the scan of a scope found, and what the catalog held there before the run."""

    scan: Scan
    known: States
    failed: States

    def is_file(self, root: str) -> bool:
        """Whether ``root`` is not a folder but a file that was named itself."""
        return root in self.known or root in self.scan.files


@dataclass
class Plan:
    """``changed``: the files to be read. ``missing``: roots of which nothing can be looked at, and why. ``postponed``:
    files that are gone were left in the catalog for now."""

    changed: list[File] = field(default_factory=list)
    unchanged: int = 0
    missing: dict[str, Failure] = field(default_factory=dict)
    postponed: bool = False
    _scopes: dict[Scope, _Found] = field(default_factory=dict)

    @classmethod
    def make(cls, library: Library, scopes: Sequence[Scope], options: PipelineOptions, control: Control) -> "Plan":
        """Scan the scopes. A root that is scanned as a whole is put into the catalog, if it is there."""
        with _uncollected():
            return cls._made(library, scopes, options, control)

    @classmethod
    def _made(cls, library: Library, scopes: Sequence[Scope], options: PipelineOptions, control: Control) -> "Plan":
        plan = cls()
        ignore = replace(options.ignore, apart=os.path.realpath(library.folder))
        options = replace(options, ignore=ignore)
        seen: set[str] = set()
        for scope in scopes:
            try:
                found = plan._look(library, scope, options)
            except MissingPathError as error:
                plan._add_missing(library, scope.root, error)
                continue
            if found is None:
                continue
            plan._scopes[scope] = found
            if len(scopes) > 1:  # they may overlap
                unchanged = found.known.keys() - found.scan.left.keys() - found.scan.files.keys() - seen
                plan.unchanged += len(unchanged)
                seen |= unchanged
            else:
                changed = sum(path in found.known for path in found.scan.files)
                plan.unchanged = len(found.known) - len(found.scan.left) - changed
            for path, state in sorted(found.scan.files.items()):
                if path in seen:
                    continue
                seen.add(path)
                if (found.failed.get(path) != state or options.retry) and control.is_still(path, state):
                    plan.changed.append(File(path, state, scope.root))
        return plan

    @property
    def paths(self) -> tuple[str, ...]:
        """What has been looked at."""
        return tuple(scope.path for scope in self._scopes)

    def waiting(self) -> Counter[str]:
        """How many files are to be read, by root."""
        counts = Counter({scope.root: 0 for scope in self._scopes})
        counts.update(file.root for file in self.changed)
        return counts

    def finish(self, library: Library, on_removed: Callable[[str], None], control: Control) -> int:
        """Commit what the scan itself says: who is gone, what could not be looked at. Returns how many are gone.

        While files are about to appear, those that are gone stay: one may have been moved, and keeps its pieces then.
        """
        removed = 0
        for scope, found in self._scopes.items():
            whole = scope.path == scope.root
            is_gone = whole and found.is_file(scope.root) and scope.root in gone_among([scope.root], library.catalog)
            if whole and not is_gone and not may_exist(scope.root):
                self._keep_offline(library, scope.root, "it went away while it was being indexed")
                continue
            failures = library.catalog.failures_under(scope.path)
            unseen = {path for path in (*found.scan.left, *failures) if not found.scan.may_hold(path)}
            unseen -= _kept_by_others(scope.root, unseen, library.catalog)
            held = library.catalog.sources_at(unseen & found.scan.left.keys())
            if held and not control.is_quiet():
                self.postponed, held = True, {}
            if held:
                library.catalog.remove_sources(held.values())
            for path in sorted(held):
                on_removed(path)
            removed += len(held)
            if settled := unseen & failures.keys():
                library.catalog.remove_failures(settled)
            for path, failure in found.scan.failures.items():
                if path not in failures or failures[path].reason != failure.reason:
                    library.catalog.put_failure(failure)
            if whole and not is_gone:
                library.catalog.put_root(scope.root)
            elif is_gone and not self.postponed:
                removed += library.catalog.forget(scope.root)
        return removed

    def standing_failures(self, library: Library) -> list[Failure]:
        failures = dict(self.missing)
        for scope in self._scopes:
            failures.update(library.catalog.failures_under(scope.path))
        return [failures[path] for path in sorted(failures)]

    def _look(self, library: Library, scope: Scope, options: PipelineOptions) -> _Found | None:
        """Scan one scope; None when nothing can be said of it because its root is offline."""
        require_printable(scope.root)
        whole, root = scope.path == scope.root, Path(scope.root)
        largest = options.limits.file_megabytes
        known, failed = library.catalog.states_under(scope.path)
        before = mounted()
        if whole:
            found = scan(root, options.ignore, largest, known)
        else:
            found = scan_part(root, scope.path, options.ignore, largest, known)
            if not may_exist(scope.root):
                return None
        now = mounted()
        with library.catalog.reading() as connection:
            recorded = roots.mounts(connection, scope.root)
        offline = []
        for place in recorded:
            if place in before and place in now:
                continue
            came_or_went = place in before or place in now  # while it was looked through
            below = [path for path in known if is_at_or_below(path, place)]
            if below and (came_or_went or all(path in found.left for path in below)):
                offline.append(place)
                if is_at_or_below(scope.root, place):
                    raise MissingPathError(f"{scope.root}: {place} is not mounted")
                found.unread_folders.append(place)
                reason = f"it is not mounted now; the {len(below)} files indexed below it are kept"
                found.failures[place] = Failure(place, FileState(0, 0), reason)
        if whole:
            library.catalog.put_root(scope.root)  # before its first source: whatever there is, is below a root
            with library.catalog.writing() as connection:
                roots.put_offline(connection, scope.root, None)
                roots.put_mounts(connection, scope.root, {*concerning(scope.root, now), *offline})
        return _Found(found, known, failed)

    def _add_missing(self, library: Library, root: str, error: MissingPathError) -> None:
        """A file that is gone leaves the library; a folder that is gone may be a disk that is not mounted."""
        name = printable(root)
        reason = str(error).removeprefix(f"{name}: ")
        if name != root:  # nothing at or below it can be in the library
            self.missing[name] = Failure(name, FileState(0, 0), reason)
            return
        known, failed = library.catalog.states_under(root)
        if set(known) == {root} and gone_among([root], library.catalog):
            self._scopes[Scope(root, root)] = _Found(Scan(dict(known)), known, failed)
        else:
            self._keep_offline(library, root, reason)

    def _keep_offline(self, library: Library, root: str, reason: str) -> None:
        known, _ = library.catalog.states_under(root)
        if known:
            with library.catalog.writing() as connection:
                roots.put_offline(connection, root, reason)
            below = f"the {len(known)} files indexed below it are kept (`synesthete forget` removes them)"
            reason += "; it is kept (`synesthete forget` removes it)" if set(known) == {root} else f"; {below}"
        self.missing[root] = Failure(root, FileState(0, 0), reason)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for garbage in cycles: a plan is very many small objects, and none of them is any.

    With it, a plan of 100,000 files takes half as long again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _kept_by_others(root: str, paths: Collection[str], catalog: Catalog) -> set[str]:
    """Those of ``paths`` that are at or below another path that the user named, and not gone: its own scans judge them.

    So a file that a rule ignores stays in the library once it was named itself.
    """
    named = [each for each in catalog.roots() if each != root and is_at_or_below(each, root)]
    theirs = {path for path in paths if any(is_at_or_below(path, each) for each in named)}
    return theirs - gone_among(theirs, catalog)
