"""A library on disk: the catalog, and the vector index as a cache of it that is brought up to date from it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage import approximate, exact, generations, snapshot
from storage.accelerator import Accelerator
from storage.approximate import ApproximatePart
from storage.catalog import Catalog
from storage.errors import DataFolderError, LibraryBusyError
from storage.exact import ExactPart
from storage.file_identity import file_identity
from storage.follow import blocks, follow, given_numbers, held_ids, latest_numbers
from storage.lock import WriterLock
from storage.owners import Owned, Owners
from storage.records import MODALITIES, Modality, PieceMelody
from storage.shared_lock import SharedLock
from storage.snapshot import MANIFEST, Entry, SnapshotError
from storage.vectors import Followed, IndexPolicy, Marks, Part, VectorIndex, evenly

Made = TypeVar("Made")

_log = logging.getLogger(__name__)
# The snapshot is written anew when more than this has come and gone since: a start takes it in from the catalog in
# about half a second.
_MOST_BEHIND = 20_000
_SHARE_BEHIND = 1 / 50
_MISSING = "its manifest is gone"


@dataclass(frozen=True)
class IndexSize:
    """How a modality is indexed: the kind, how many pieces, and what these take in the snapshot and in memory."""

    kind: str
    pieces: int
    disk_bytes: int
    memory_bytes: int


class Library:
    """Open (or create) the library in data folder ``folder``. Searching is safe from any thread.

    ``home`` is where its catalog and snapshot lie, by default the current one of its generations (``generations.py``);
    ``policy`` chooses the kinds of index; ``keeps_owners``: whose the pieces are is kept in memory, which pays where
    many questions are asked.
    Raises DataFolderError, NewerCatalogError or DamagedCatalogError.
    """

    def __init__(
        self, folder: Path, home: Path | None = None, policy: IndexPolicy | None = None, keeps_owners: bool = False
    ) -> None:
        self.folder = folder
        self.home = generations.current(folder) if home is None else home
        self.catalog = Catalog(self.home)
        self._catalog_file = file_identity(self.catalog.path)
        self.policy = policy if policy is not None else IndexPolicy()
        self.keeps_owners = keeps_owners
        self._index: VectorIndex | None = None
        self._owner = ""
        self._entries: dict[Modality, Entry] | None = None  # None: what is on disk is not what should be there
        self._manifest_time: int | None = None
        self._fault: str | None = None  # why the snapshot could not be used, until it has been said
        self._owners, self._owners_to = Owners(), 0
        self._melodies: tuple[Marks, Any] = (Marks(), None)
        self._samples: tuple[list[Marks], dict[int, dict[Modality, tuple[int, NDArray[np.float32]]]]] = ([], {})
        self._lock = SharedLock()

    def close(self) -> None:
        self.catalog.close()

    def is_current(self) -> bool:
        """Whether this is still the library that answers: another process may have made a later generation of it, or
        removed all of it and begun anew."""
        return generations.current(self.folder) == self.home and file_identity(self.catalog.path) in (
            self._catalog_file,
            None,
        )

    def writer_lock(self) -> WriterLock:
        """To be held around everything that changes the library."""
        return WriterLock(self.folder)

    def search(
        self,
        modality: Modality,
        query: NDArray[np.float32],
        limit: int,
        among: NDArray[np.int64] | None = None,
        without: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best ``limit`` pieces of ``modality`` as of the last ``refresh``, and their cosines, best first.

        Only pieces ``among`` these numbers, if given, and none ``without``.
        """
        with self._lock.shared():
            if self._index is None:
                return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            return self._index.search(modality, query, limit, among, without)

    def scores(
        self, modality: Modality, query: NDArray[np.float32], ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Those of ``ids`` that the index holds as of the last ``refresh``, ascending, and their cosines."""
        with self._lock.shared():
            if self._index is None:
                return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            return self._index.scores(modality, query, ids)

    def samples(self, size: int) -> dict[Modality, tuple[int, NDArray[np.float32]]]:
        """How many pieces the index holds as of the last ``refresh``, and the vectors of up to ``size`` of them, spread
        evenly, shape (n, dimension): by modality, of those of which it holds any.

        Kept until the index changes. Not to be written to.
        """
        with self._lock.shared():
            index = self._index
            marks = [] if index is None else [part.marks for part in index.parts.values()]
            held, samples = self._samples
            if index is not None and (held != marks or size not in samples):  # others may be at it, and find the same
                kept = samples if held == marks else {}
                counts = {modality: index.count(modality) for modality in MODALITIES}
                kept[size] = {m: (count, index.sample(m, size)) for m, count in counts.items() if count}
                self._samples = marks, kept
                samples = kept
            return {} if index is None else samples[size]

    def owners(self, pieces: NDArray[np.int64]) -> Owned:
        """Whose ``pieces``, shape (n,), are: numbers of their sources, 0 for a piece that has left, and kinds."""
        with self._lock.shared():
            if self._owners_to:
                return self._owners.of(pieces)
        held = Owners()
        held.add(self.catalog.owners(pieces.tolist()).items())
        return held.of(pieces)

    def pieces_by_kind(self) -> dict[Modality, dict[Modality, NDArray[np.int64]]]:
        """The numbers of the pieces in the index, ascending, by what their file is and by their modality."""
        ids = self.indexed_ids()
        owners = self._owners if self._owners_to else Owners()
        if not self._owners_to:
            owners.add(self.catalog.owners_after(0).items())
        with self._lock.shared():
            owned = {modality: owners.of(pieces) for modality, pieces in ids.items()}
        found: dict[Modality, dict[Modality, NDArray[np.int64]]] = {}
        for number, kind in enumerate(MODALITIES):
            of_kind = {
                modality: ids[modality][(sources > 0) & (kinds == number)]
                for modality, (sources, kinds) in owned.items()
            }
            found[kind] = {modality: pieces for modality, pieces in of_kind.items() if len(pieces)}
        return {kind: pieces for kind, pieces in found.items() if pieces}

    def melodies(self, made: Callable[[Sequence[PieceMelody]], Made]) -> Made:
        """What is ``made`` of the melodies of all sounds in the catalog, in the order of their numbers. Kept until the
        library changes, for whoever makes always the same."""
        now = latest_numbers(self.catalog)
        held, kept = self._melodies
        if held != now or kept is None:
            kept = made(self.catalog.melodies())
            self._melodies = now, kept
        found: Made = kept
        return found

    def refresh(self) -> None:
        """Bring the vector index up to what the catalog holds now; the first call loads the snapshot."""
        with self._lock.shared():
            if self._is_up_to_date():
                return
        with self._lock.alone():
            held = self.catalog.vectors_owner()
            if held is None:
                self._index, self._entries = None, None
                return
            owner, dimension = held
            if self._index is None or self._owner != owner:
                self._index = VectorIndex(dimension, partial(self.catalog.vectors, dimension=dimension))
                self._owner, self._entries, self._manifest_time = owner, None, None
            self._take_over_snapshot(self._index)
            self._follow(self._index, [*self._index.parts.items(), *self._index.devices.items()])
            self._follow_owners()
            if self._fault is not None:
                self._mend_snapshot(self._index, self._fault)

    def _is_up_to_date(self) -> bool:
        """Whether ``refresh`` would find nothing to do, as it mostly does."""
        held, index = self.catalog.vectors_owner(), self._index
        if held is None or index is None:
            return held is None and index is None
        now = latest_numbers(self.catalog)
        followed: list[Followed[Any]] = [*index.parts.values(), *index.devices.values()]
        behind = self.keeps_owners and self._owners_to < now.piece
        unchanged = not behind and self._owner == held[0] and self._manifest_changed() == self._manifest_time
        return unchanged and self._fault is None and all(each.marks == now for each in followed)

    def save_snapshot(self) -> None:
        """Give each modality the kind of index that suits it, write what has changed, and free what nobody needs now.

        Only under ``writer_lock``. Training takes seconds to minutes, in which searches go on with what there was.
        """
        index = self._index
        if index is not None:
            for modality, followed in list(index.parts.items()):
                if self.policy.wants_rebuild(followed.target):
                    self._replace(index, modality, self._built(index, modality, len(followed.target.ids)))
        if index is not None:
            with self._lock.alone():
                self._write(index)
                marks = [part.marks for part in index.parts.values()]
                marks += [entry.marks for entry in (self._entries or {}).values()]
            self.catalog.compact(min(mark.removal for mark in marks))  # searches need not wait for the disk

    def _write(self, index: VectorIndex) -> None:
        """Write the parts whose files are missing or far behind, and the manifest, unless all is as it should be."""
        held = {m: (f.target, f.marks) for m, f in index.parts.items() if isinstance(f.target, ApproximatePart)}
        entries = self._entries or {}
        changed = {m: part for m, part in held.items() if _is_behind(entries.get(m), *part)}
        if self._entries is not None and not changed and set(held) == set(entries):
            return
        kept = {m: entry for m, entry in entries.items() if m in held and m not in changed}
        try:
            self._entries = snapshot.write(self._snapshot_folder, self._owner, index.dimension, kept, changed)
        except OSError as error:
            raise DataFolderError(
                f"{self._snapshot_folder}: the vector index cannot be written ({error.strerror}); nothing is lost, "
                "free some space and run `synesthete index` again"
            ) from error
        self._manifest_time, self._fault = self._manifest_changed(), None

    def _mend_snapshot(self, index: VectorIndex, fault: str) -> None:
        """A snapshot that was missing or damaged is put right by whoever notices, so that it is said once.

        Whoever writes to the library now will do it as well; in a folder that cannot be written to nobody can. What
        would have to be trained again is left to the next ``save_snapshot``; until then the catalog serves.
        """
        try:
            with self.writer_lock():
                self._write(index)
        except (LibraryBusyError, DataFolderError):
            if fault == _MISSING:  # most likely it has not been written yet
                return
        _log.warning("the vector index in %s is built anew from the catalog: %s", self._snapshot_folder, fault)
        self._fault = None

    def drop_snapshot(self) -> None:
        """Forget the vector index, on disk and in memory; the next ``refresh`` builds it from the catalog."""
        with self._lock.alone():
            self._index, self._entries, self._manifest_time = None, None, None
            (self._snapshot_folder / MANIFEST).unlink(missing_ok=True)

    def may_accelerate(self, from_pieces: int) -> bool:
        """Whether ``accelerate`` would find something to do."""
        index = self._index
        return index is not None and any(
            index.count(modality) >= max(1, from_pieces) and modality not in index.devices for modality in MODALITIES
        )

    def accelerate(self, accelerator: Accelerator, from_pieces: int) -> list[str]:
        """Let a device search every modality of at least so many pieces; searches go on meanwhile.

        Returns how each is searched from now on. Raises RuntimeError or MemoryError if the device cannot.
        """
        self.refresh()
        index, found = self._index, []
        for modality in MODALITIES if index is not None else ():
            assert index is not None
            count = index.count(modality)
            if count < max(1, from_pieces) or modality in index.devices:
                continue
            with self.catalog.reading() as connection:
                marks = given_numbers(connection)
                vectors = blocks(self.catalog, connection, index.dimension, modality)
                followed = Followed(accelerator.build(index.dimension, count, vectors), marks)
            with self._lock.alone():
                self._follow(index, [(modality, followed), (modality, index.parts[modality])])
                index.devices[modality] = followed
            found.append(f"{modality}: {followed.target.name}")
        return found

    def indexed_ids(self) -> dict[Modality, NDArray[np.int64]]:
        """The numbers of the pieces in the vector index, by modality, for comparing it with the catalog."""
        with self._lock.shared():
            index = self._index
            return {} if index is None else {m: index.ids(m) for m in MODALITIES if index.count(m)}

    def unlike_catalog(self) -> list[Modality]:
        """The modalities of which the vector index holds other pieces than the catalog, both as of one moment."""
        with self._lock.alone(), self.catalog.reading() as connection:
            index = self._index
            if index is not None:
                follow(self.catalog, connection, index.dimension, [*index.parts.items(), *index.devices.items()])
            nothing = np.empty(0, dtype=np.int64)
            indexed = {m: nothing if index is None else np.sort(index.ids(m)) for m in MODALITIES}
            return [m for m in MODALITIES if not np.array_equal(np.sort(held_ids(connection, m)), indexed[m])]

    def wrong_vectors(self) -> dict[Modality, NDArray[np.int64]]:
        """Pieces whose vector in the approximate index is another one than the catalog's, ascending, by modality.

        As of the last ``refresh``. The exact kind has no copy of its own beyond this process.
        """
        with self._lock.shared():
            index, found = self._index, {}
            for modality, followed in index.parts.items() if index is not None else ():
                part = followed.target
                if isinstance(part, ApproximatePart) and len(wrong := part.wrong_codes()):
                    found[modality] = wrong
            return found

    def index_sizes(self) -> dict[Modality, IndexSize]:
        """How each modality is indexed and what that takes, told from the catalog and the manifest alone."""
        held = self.catalog.vectors_owner()
        if held is None:
            return {}
        try:
            entries = snapshot.read_manifest(self._snapshot_folder, *held) or {}
        except SnapshotError:
            entries = {}
        found = {}
        for modality, count in self.catalog.counts().pieces.items():
            entry = entries.get(modality)
            if entry is None:
                found[modality] = IndexSize("exact", count, 0, exact.memory_bytes(held[1], count))
            else:
                memory = approximate.memory_bytes(held[1], count, approximate.lists_for(entry.trained_on))
                found[modality] = IndexSize("approximate", count, entry.size, memory)
        return found

    @property
    def _snapshot_folder(self) -> Path:
        return self.home / "vectors"

    def _follow(self, index: VectorIndex, each: Sequence[tuple[Modality, Followed[Any]]]) -> None:
        now = latest_numbers(self.catalog)
        if all(followed.marks == now for _, followed in each):
            return
        with self.catalog.reading() as connection:
            follow(self.catalog, connection, index.dimension, each)

    def _follow_owners(self) -> None:
        """Whose the pieces are, up to the last one that the vectors have taken in."""
        now = max(part.marks.piece for part in self._index.parts.values()) if self._index is not None else 0
        if self.keeps_owners and now > self._owners_to:
            later = self.catalog.owners_after(self._owners_to)
            self._owners.add(later.items())
            self._owners_to = max([now, *later])  # more may have come meanwhile

    def _built(self, index: VectorIndex, modality: Modality, count: int) -> Followed[Part]:
        """A part of ``modality`` made from the catalog as it is now, of the kind that suits ``count`` pieces."""
        if not self.policy.is_approximate(count):
            made: Followed[Part] = Followed(ExactPart(index.dimension))
        else:
            ids = index.ids(modality)
            _, sample = self.catalog.vectors(evenly(ids, approximate.sample_size(count)), index.dimension)
            made = Followed(approximate.train(index.dimension, count, sample, index.read))
        self._follow(index, [(modality, made)])
        return made

    def _replace(self, index: VectorIndex, modality: Modality, made: Followed[Part]) -> None:
        with self._lock.alone():
            # All of them, so that every modality is of the same moment.
            self._follow(index, [(modality, made), *index.parts.items(), *index.devices.items()])
            index.parts[modality] = made

    def _manifest_changed(self) -> int:
        """When the manifest was written, in nanoseconds; 0 if there is none."""
        try:
            return (self._snapshot_folder / MANIFEST).stat().st_mtime_ns
        except OSError:
            return 0

    def _take_over_snapshot(self, index: VectorIndex) -> None:
        """Load the parts of the snapshot, at the start and whenever another process has written one."""
        while (changed := self._manifest_changed()) != self._manifest_time:
            self._manifest_time = changed
            try:
                self._entries, self._fault = self._load(index), None
            except SnapshotError as error:
                if self._manifest_changed() == changed:  # it was not written anew while it was read
                    self._entries, self._fault = None, str(error)

    def _load(self, index: VectorIndex) -> dict[Modality, Entry] | None:
        """Take every part of the snapshot that is of another training than the one in ``index``."""
        entries = snapshot.read_manifest(self._snapshot_folder, self._owner, index.dimension)
        if entries is None:
            if self._snapshot_folder.exists():
                raise SnapshotError(_MISSING)
            return None
        with self.catalog.reading() as connection:
            given = given_numbers(connection)
        # A snapshot that knows more than the catalog was left by one that has since been put back to a copy.
        if any(entry.marks.piece > given.piece or entry.marks.removal > given.removal for entry in entries.values()):
            raise SnapshotError("it is newer than the catalog")
        loaded: dict[Modality, Followed[Part]] = {}
        for modality, entry in entries.items():
            part = index.parts[modality].target
            if isinstance(part, ExactPart) or part.trained_on != entry.trained_on:
                loaded[modality] = Followed(snapshot.read_part(self._snapshot_folder, entry, index.read), entry.marks)
        index.parts.update(loaded)
        return entries


def _is_behind(entry: Entry | None, part: ApproximatePart, marks: Marks) -> bool:
    """Whether a part's file is missing or so far behind that it is to be written."""
    if entry is None or entry.trained_on != part.trained_on:
        return True
    came = len(part.ids) - int(np.searchsorted(part.ids, entry.marks.piece, side="right"))
    left = marks.removal - entry.marks.removal
    return came + left > min(_MOST_BEHIND, int(len(part.ids) * _SHARE_BEHIND))
