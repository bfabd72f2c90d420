"""Hold a library against its own promises and name what breaks them. Nothing is changed."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from storage import tables
from storage.errors import DamagedCatalogError
from storage.library import Library
from storage.records import MODALITIES, Modality, PieceFilter

# Unit vectors rounded to float16 stay well within this of length 1.
_LENGTH_TOLERANCE = 0.01


@dataclass(frozen=True)
class Finding:
    """Something wrong: ``what`` names it (and the file it concerns), ``advice`` says how to put it right."""

    what: str
    advice: str


def check(library: Library) -> list[Finding]:
    """All findings; an empty list means that the library is as it should be."""
    findings = _check_file(library)
    if findings:  # what a damaged file says of itself proves nothing
        return findings
    findings = _check_embeddings(library)
    if findings:
        return findings
    library.refresh()
    return _check_index(library)


def _check_file(library: Library) -> list[Finding]:
    advice = "restore catalog.sqlite from a backup, or remove it and index again"
    try:
        with library.catalog.reading() as connection:
            lines = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except DamagedCatalogError as error:
        return [Finding(str(error), advice)]
    findings = [Finding(f"{library.catalog.path}: {line}", advice) for line in lines if line != "ok"]
    if orphans:
        findings.append(Finding(f"{library.catalog.path}: {len(orphans)} pieces belong to no source", advice))
    return findings


def _check_embeddings(library: Library) -> list[Finding]:
    model = library.catalog.model()
    findings = []
    query = select(tables.source.c.path, tables.piece.c.id, tables.piece.c.modality, tables.piece.c.embedding)
    query = query.select_from(tables.source).outerjoin(tables.piece)
    with library.catalog.reading() as connection:
        for path, piece_id, modality, embedding in connection.execute(query).yield_per(1000):
            wrong = None
            if piece_id is None:
                wrong = "it has no pieces"
            elif model is None or len(embedding) != 2 * model[1] or modality not in MODALITIES:
                wrong = f"piece {piece_id} has no embedding of the library's model"
            else:
                length = float(np.linalg.norm(np.frombuffer(embedding, dtype="<f2").astype(np.float32)))
                if not abs(length - 1) <= _LENGTH_TOLERANCE:
                    wrong = f"the embedding of piece {piece_id} is not a unit vector"
            if wrong is not None:
                findings.append(Finding(f"{path}: {wrong}", f"run `synesthete forget '{path}'` and index it again"))
    return findings


def _check_index(library: Library) -> list[Finding]:
    held, indexed = library.catalog.matching_pieces(PieceFilter()), library.indexed_ids()
    nothing = np.empty(0, dtype=np.int64)

    def differs(modality: Modality) -> bool:
        return not np.array_equal(held.get(modality, nothing), np.sort(indexed.get(modality, nothing)))

    return [
        Finding(f"the vector index of {modality} pieces differs from the catalog", "run `synesthete rebuild --index`")
        for modality in MODALITIES
        if differs(modality)
    ]
