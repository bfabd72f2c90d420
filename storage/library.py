"""A library on disk: the catalog, and the vector index as a cache of it that is brought up to date from it."""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from storage import generations, tables
from storage.catalog import Catalog
from storage.errors import DamagedCatalogError, DataFolderError, LibraryBusyError
from storage.lock import WriterLock
from storage.records import MODALITIES, Modality, PieceFilter
from storage.vectors import Marks, SnapshotError, VectorIndex, load_snapshot

_log = logging.getLogger(__name__)
_PIECES_PER_READ = 20_000
_MISSING = "its manifest is gone"


class Library:
    """Open (or create) the library in data folder ``folder``. Searching is safe from any thread.

    ``home`` is where its catalog and snapshot lie, by default the current one of its generations (``generations.py``).
    Raises DataFolderError, NewerCatalogError or DamagedCatalogError.
    """

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.folder = folder
        self.home = generations.current(folder) if home is None else home
        self.catalog = Catalog(self.home)
        self._index: VectorIndex | None = None
        self._marks = Marks()
        self._saved_marks = Marks()
        self._fault: str | None = None  # why the snapshot could not be used, until it has been said
        self._samples: dict[tuple[Modality, int], NDArray[np.float32]] = {}
        self._samples_marks = Marks()
        self._lock = threading.Lock()

    def close(self) -> None:
        self.catalog.close()

    def is_current(self) -> bool:
        """Whether this is still the generation that answers; another process may have made a later one."""
        return generations.current(self.folder) == self.home

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
        with self._lock:
            if self._index is None:
                return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            return self._index.search(modality, query, limit, among, without)

    def scores(
        self, modality: Modality, query: NDArray[np.float32], ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Those of ``ids`` that the index holds as of the last ``refresh``, ascending, and their cosines."""
        with self._lock:
            if self._index is None:
                return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            return self._index.scores(modality, query, ids)

    def sample(self, modality: Modality, size: int) -> NDArray[np.float32]:
        """Vectors of up to ``size`` pieces spread evenly over those of ``modality``, shape (n, dimension).

        Kept until the index changes. Not to be written to.
        """
        with self._lock:
            count = self._index.count(modality) if self._index is not None else 0
            if self._index is None or count == 0:
                return np.empty((0, 0), dtype=np.float32)
            if self._samples_marks != self._marks:
                self._samples, self._samples_marks = {}, self._marks
            if (modality, size) not in self._samples:
                positions = np.unique(np.linspace(0, count - 1, min(size, count)).astype(np.int64))
                self._samples[modality, size] = self._index.vectors(modality, positions)
            return self._samples[modality, size]

    def matching_pieces(self, condition: PieceFilter) -> Mapping[Modality, NDArray[np.int64]] | None:
        """What ``search`` may choose ``among``, by modality; None when ``condition`` lets everything pass."""
        return None if condition.is_empty else self.catalog.matching_pieces(condition)

    def refresh(self) -> None:
        """Bring the vector index up to what the catalog holds now; the first call loads the snapshot."""
        with self._lock:
            model = self.catalog.model()
            if model is None:
                self._index, self._marks, self._saved_marks = None, Marks(), Marks()
                return
            fingerprint, dimension = model
            loaded = self._index is None or self._index.dimension != dimension
            if loaded:
                self._load(fingerprint, dimension)
            while not self._follow_catalog():
                if loaded:
                    self._start_anew(dimension)
                else:
                    self._load(fingerprint, dimension)
                loaded = True
            if self._saved_marks == Marks() != self._marks:
                self._save_in_passing()

    def save_snapshot(self) -> None:
        """Write the vector index to disk, if it has changed since, and free what only earlier snapshots needed.

        Only under ``writer_lock``.
        """
        with self._lock:
            self._save()
            self.catalog.compact(self._saved_marks.removal)

    def _save(self) -> None:
        model = self.catalog.model()
        if self._index is not None and model is not None and self._marks != self._saved_marks:
            try:
                self._index.save(self._snapshot_folder, self._marks, self._owner(model[0]))
            except OSError as error:
                raise DataFolderError(
                    f"{self._snapshot_folder}: the vector index cannot be written ({error.strerror}); nothing is lost, "
                    "free some space and run `synesthete index` again"
                ) from error
            self._saved_marks = self._marks

    def drop_snapshot(self) -> None:
        """Forget the vector index, on disk and in memory; the next ``refresh`` builds it from the catalog."""
        with self._lock:
            self._index = None
            (self._snapshot_folder / "manifest.json").unlink(missing_ok=True)

    def indexed_ids(self) -> dict[Modality, NDArray[np.int64]]:
        """The numbers of the pieces in the vector index, by modality, for comparing it with the catalog."""
        with self._lock:
            index = self._index
            return {} if index is None else {m: index.ids(m) for m in MODALITIES if index.count(m)}

    @property
    def _snapshot_folder(self) -> Path:
        return self.home / "vectors"

    def _owner(self, fingerprint: str) -> str:
        return f"{self.catalog.identity()} {fingerprint}"

    def _refuse_later_snapshot(self, marks: Marks) -> None:
        """A snapshot that knows more than the catalog was left by a catalog that has since been put back to a copy."""
        with self.catalog.reading() as connection:
            rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all()
        given = {str(row[0]): int(row[1]) for row in rows}
        if marks.piece > given.get("piece", 0) or marks.removal > given.get("removed_piece", 0):
            raise SnapshotError("it is newer than the catalog")

    def _save_in_passing(self) -> None:
        """A snapshot that was missing or damaged is put right by whoever notices, so that it happens and is said once.

        Whoever writes to the library now will do it as well; in a folder that cannot be written to nobody can.
        """
        missing = self._fault == _MISSING
        try:
            with self.writer_lock():
                self._save()
        except (LibraryBusyError, DataFolderError):
            if missing:  # most likely it has not been written yet
                return
        if self._fault is not None:
            _log.warning(
                "the vector index in %s is built anew from the catalog: %s", self._snapshot_folder, self._fault
            )
            self._fault = None

    def _follow_catalog(self) -> bool:
        """Take in what is new; False if the index is so old that the catalog has let go of removals it lacks."""
        assert self._index is not None
        with self.catalog.reading() as connection:
            first = connection.execute(select(func.min(tables.removed_piece.c.sequence))).scalar()
            gone = _last_removal(connection) if first is None else first - 1
            if self._marks != Marks() and self._marks.removal < gone:
                return False
            self._marks = _follow(connection, self._index, self._marks)
            return True

    def _start_anew(self, dimension: int) -> None:
        self._index, self._marks, self._saved_marks, self._samples = VectorIndex(dimension), Marks(), Marks(), {}
        self._fault = _MISSING if self._snapshot_folder.exists() else None

    def _load(self, fingerprint: str, dimension: int) -> None:
        self._start_anew(dimension)
        try:
            snapshot = load_snapshot(self._snapshot_folder, self._owner(fingerprint))
            if snapshot is not None:
                self._refuse_later_snapshot(snapshot[1])
        except SnapshotError as error:
            snapshot, self._fault = None, str(error)
        if snapshot is not None:
            self._index, self._marks = snapshot
            self._saved_marks = self._marks


def _follow(connection: Connection, index: VectorIndex, marks: Marks) -> Marks:
    """Take into ``index`` what has left and what has come since ``marks``; returns the new marks."""
    removed, piece = tables.removed_piece.c, tables.piece.c
    if marks == Marks():  # an empty index need not hear of what left before
        marks = Marks(removal=_last_removal(connection))
    removals = connection.execute(
        select(removed.sequence, removed.piece_id).where(removed.sequence > marks.removal).order_by(removed.sequence)
    ).all()
    index.remove(np.array([row.piece_id for row in removals], dtype=np.int64))
    last_piece = marks.piece
    while True:
        rows = connection.execute(
            select(piece.id, piece.modality, piece.embedding)
            .where(piece.id > last_piece)
            .order_by(piece.id)
            .limit(_PIECES_PER_READ)
        ).all()
        if not rows:
            break
        last_piece = rows[-1].id
        for modality in MODALITIES:
            chosen = [row for row in rows if row.modality == modality]
            if chosen:
                ids = np.array([row.id for row in chosen], dtype=np.int64)
                index.add(modality, ids, _matrix([row.embedding for row in chosen], index.dimension))
    highest = connection.execute(select(func.max(piece.id))).scalar() or 0
    return Marks(max(last_piece, highest), removals[-1].sequence if removals else marks.removal)


def _last_removal(connection: Connection) -> int:
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'removed_piece'"
    return int(connection.exec_driver_sql(query).scalar() or 0)


def _matrix(embeddings: list[bytes], dimension: int) -> NDArray[np.float32]:
    joined = b"".join(embeddings)
    if len(joined) != len(embeddings) * dimension * 2:
        raise DamagedCatalogError("the catalog holds embeddings of a wrong length; run `synesthete check`")
    return np.frombuffer(joined, dtype="<f2").reshape(-1, dimension).astype(np.float32)
