"""Rows of transcripts: words that were found in a source apart from its pieces, and a note of what they were found in.

Functions on a transaction of the catalog (``Catalog.reading``, ``Catalog.writing``).
"""

from typing import Any

from sqlalchemy import Connection, delete, insert, literal, select

from storage import tables, words
from storage.conditions import at_or_below
from storage.records import Failure, FileState, Origin, TextSegment, Transcript


def notes_under(connection: Connection, path: str) -> dict[int, dict[Origin, str]]:
    """What the transcripts of the sources at or below ``path`` were made from, by number of the source and origin."""
    note = tables.transcript.c
    rows = connection.execute(
        select(note.source_id, note.origin, note.made_from)
        .join(tables.source)
        .where(at_or_below(tables.source.c.path, path))
    )
    found: dict[int, dict[Origin, str]] = {}
    for source_id, origin, made_from in rows:
        found.setdefault(source_id, {})[origin] = made_from
    return found


def problems_under(connection: Connection, path: str) -> list[Failure]:
    """The sources at or below ``path`` of which some words are missing, and why."""
    source, note = tables.source.c, tables.transcript.c
    if connection.execute(select(note.source_id).where(note.problem.is_not(None)).limit(1)).first() is None:
        return []  # as is usual: no need to go through all sources
    rows = connection.execute(
        select(source.path, source.size, source.modified_ns, note.problem)
        .join(tables.transcript)
        .where(at_or_below(source.path, path), note.problem.is_not(None))
        .order_by(source.path, note.origin)
    )
    return [Failure(row.path, FileState(row.size, row.modified_ns), row.problem) for row in rows]


def of_source(connection: Connection, source_id: int, origin: Origin) -> Transcript:
    """The transcript of this origin that the source has."""
    note, segment = tables.transcript.c, tables.segment.c
    kept = select(note.made_from, note.problem).where(note.source_id == source_id, note.origin == origin)
    made_from, problem = connection.execute(kept).one()
    columns = (segment.text, segment.origin, segment.start, segment.end, segment.page)
    rows = select(*columns).where(segment.source_id == source_id, segment.origin == origin).order_by(segment.id)
    segments = tuple(TextSegment(*row) for row in connection.execute(rows))
    return Transcript(origin, made_from, segments, problem)


def put(connection: Connection, source_id: int, transcript: Transcript) -> None:
    """Write a transcript in place of the one of the same origin."""
    note, segment = tables.transcript, tables.segment
    words.remove(connection, tables.source.c.id == source_id, transcript.origin)
    for table in (note, segment):
        connection.execute(delete(table).where(table.c.source_id == source_id, table.c.origin == transcript.origin))
    connection.execute(
        insert(note).values(
            source_id=source_id,
            origin=transcript.origin,
            made_from=transcript.made_from,
            problem=transcript.problem,
        )
    )
    if transcript.segments:
        connection.execute(insert(segment), [_segment_row(source_id, each) for each in transcript.segments])
        words.add(connection, source_id, transcript.origin)


def copy_rows(connection: Connection, original_id: int, source_id: int) -> None:
    """Give a source the transcripts of another one with the same bytes; their words are not indexed yet."""
    for table, names in (
        (tables.transcript, ("origin", "made_from", "problem")),
        (tables.segment, ("origin", "text", "start", "end", "page")),
    ):
        rows = select(literal(source_id), *(table.c[name] for name in names))
        rows = rows.where(table.c.source_id == original_id, table.c.origin != "name")
        connection.execute(insert(table).from_select(["source_id", *names], rows))


def delete_rows(connection: Connection, source_id: int) -> None:
    """Let go of all transcripts of a source whose content is about to be replaced."""
    for table in (tables.transcript, tables.segment):
        connection.execute(delete(table).where(table.c.source_id == source_id))


def _segment_row(source_id: int, segment: TextSegment) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "origin": segment.origin,
        "text": segment.text.encode(errors="replace").decode(),  # files may hold lone surrogates, which are no text
        "start": segment.start,
        "end": segment.end,
        "page": segment.page,
    }
