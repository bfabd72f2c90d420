"""Hold a library against its own promises, name what breaks them, and mend what can be mended."""

import itertools
import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select

from storage import generations, tables, words
from storage.catalog import Catalog
from storage.errors import DamagedCatalogError, DataFolderError
from storage.library import Library
from storage.lock import WriterLock
from storage.salvage import Survey, mark, salvage, survey
from storage.sqlite_file import REPAIR, open_reader

_DAMAGED = "catalog.sqlite.damaged"
_REMOVED = "`synesthete check --repair`"
_AGAIN = "`synesthete check --repair` has it indexed again"


@dataclass(frozen=True)
class Finding:
    """Something wrong: ``what`` names it (and the file it concerns), ``advice`` says how to put it right."""

    what: str
    advice: str


def check(library: Library) -> list[Finding]:
    """All findings; an empty list means that the library is as it should be. Nothing in the catalog is changed."""
    return check_folder(library.folder)


def check_folder(folder: Path) -> list[Finding]:
    """The findings in data folder ``folder``, whether or not its library can be opened.

    Raises DataFolderError, NewerCatalogError.
    """
    try:
        library = Library(folder)
    except DamagedCatalogError as error:
        return [Finding(str(error).partition(";")[0], REPAIR), *_catalog_findings(generations.current(folder))]
    try:
        findings = _catalog_findings(library.home)
        following = generations.unfinished(folder)
        if (following / "catalog.sqlite").exists() and not _is_sound(following):
            findings.append(Finding(f"{following}: the unfinished re-embedding is damaged", _REMOVED))
        if not findings:  # an index of what is damaged proves nothing
            findings = _index_findings(library) + _word_findings(library.home)
        return findings
    except DamagedCatalogError as error:
        return [Finding(str(error).partition(";")[0], REPAIR)]
    finally:
        library.close()


def repair(folder: Path) -> list[str]:
    """Mend what ``check_folder`` finds; returns what was done, a line each.

    The files that were hurt leave the library and are read again by the next ``index``. A catalog that SQLite finds
    damaged is put together anew beside the old one, which stays as it is under the name ``catalog.sqlite.damaged`` (the
    next one ``catalog.sqlite.damaged-2``).
    Raises LibraryBusyError, DataFolderError, NewerCatalogError.
    """
    with WriterLock(folder):
        done = []
        following = generations.unfinished(folder)
        if following.exists() and not _is_sound(following):
            generations.remove(following)
            done.append(f"{following}: removed; `synesthete index` begins the re-embedding again")
        home = generations.current(folder)
        if not (home / "catalog.sqlite").exists():
            Catalog(home).close()
        opens = _opens(home)
        found = survey(home / "catalog.sqlite")
        if found.faults or not opens:
            done += _put_together(folder, home, found)
        elif found.hurt or found.orphans:
            done += _mark(home, found)
        done += _mend_words(generations.current(folder))
        library = Library(folder)
        try:
            if done or _index_findings(library):
                library.drop_snapshot()
                library.refresh()
                library.save_snapshot()
                done.append("the vector index has been built anew from the catalog")
        finally:
            library.close()
        generations.remove_superseded(folder)
        return done


def _put_together(folder: Path, home: Path, found: Survey) -> list[str]:
    path, place = home / "catalog.sqlite", generations.repaired(folder)
    kept = _place_to_keep(path, folder)
    generations.remove(place)
    salvage(path, found.whole, sorted(found.hurt), place)
    for suffix in ("", "-wal"):
        _keep(path.with_name(path.name + suffix), kept.with_name(kept.name + suffix))
    generations.switch(folder, place)
    done = [f"{path}: {len(found.whole)} files were read whole; the damaged catalog is kept as {kept}"]
    done += _read_again(found)
    return [*done, "run `synesthete index` on your folders: files whose entries were lost are found again by it"]


def _mark(home: Path, found: Survey) -> list[str]:
    catalog = Catalog(home)
    try:
        mark(catalog, sorted(found.hurt))
        if found.orphans:
            with catalog.writing() as connection:
                held = select(tables.source.c.id)
                connection.execute(delete(tables.piece).where(tables.piece.c.source_id.not_in(held)))
    finally:
        catalog.close()
    orphans = [f"{found.orphans} pieces that belonged to no source have been removed"] if found.orphans else []
    return _read_again(found) + orphans


def _read_again(found: Survey) -> list[str]:
    return [f"{path}: {fault}; the next `index` reads it again" for path, fault in sorted(found.hurt.items())]


def _mend_words(home: Path) -> list[str]:
    if not _word_findings(home):
        return []
    catalog = Catalog(home)
    try:
        with catalog.writing() as connection:
            words.rebuild(connection)
    finally:
        catalog.close()
    return ["the index of words has been built anew from the catalog"]


def _place_to_keep(path: Path, folder: Path) -> Path:
    """The first name that is not another catalog's; a repair that was broken off may have given one to this already."""
    names = itertools.chain([_DAMAGED], (f"{_DAMAGED}-{number}" for number in itertools.count(2)))
    return next(place for name in names if not (place := folder / name).exists() or place.samefile(path))


def _keep(path: Path, place: Path) -> None:
    """Let a file be found under another name, too; it is not touched itself."""
    try:
        place.unlink(missing_ok=True)
        if not path.exists():
            return
        try:
            os.link(path, place)
        except OSError:  # a file system without links
            shutil.copy2(path, place)
    except OSError as error:
        raise DataFolderError(f"{place}: the damaged catalog cannot be kept ({error.strerror})") from error


def _opens(home: Path) -> bool:
    try:
        Catalog(home).close()
    except DamagedCatalogError:
        return False
    return True


def _is_sound(home: Path) -> bool:
    # Opening it finishes what was broken off when the file was made.
    return _opens(home) and not _catalog_findings(home)


def _catalog_findings(home: Path) -> list[Finding]:
    path = home / "catalog.sqlite"
    found = survey(path)
    findings = [Finding(f"{path}: {fault}", REPAIR) for fault in found.faults]
    findings += [Finding(f"{hurt}: {fault}", _AGAIN) for hurt, fault in sorted(found.hurt.items())]
    if found.orphans:
        findings.append(Finding(f"{path}: {found.orphans} pieces belong to no source", REPAIR))
    return findings


def _word_findings(home: Path) -> list[Finding]:
    path = home / "catalog.sqlite"
    with closing(open_reader(path)) as connection:
        fault = words.fault(connection)
    return [] if fault is None else [Finding(f"{path}: {fault}", REPAIR)]


def _index_findings(library: Library) -> list[Finding]:
    library.refresh()
    wrong = library.wrong_vectors()
    faults = {modality: f"holds {len(ids):,} vectors that are not the catalog's" for modality, ids in wrong.items()}
    faults |= dict.fromkeys(library.unlike_catalog(), "differs from the catalog")
    return [
        Finding(f"the vector index of {modality} pieces {fault}", "run `synesthete rebuild --vectors`")
        for modality, fault in sorted(faults.items())
    ]
