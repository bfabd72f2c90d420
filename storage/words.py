"""The index of words (SQLite's FTS5): names of files, passages, pages, subtitles and what was recognised.

It holds no text of its own: the view ``words_text`` reads that of pieces and segments, and a row of the index bears
twice the number of a piece, or twice that of a segment plus one. Triggers cannot keep it in step while the schema of
the file is not trusted, so whoever changes texts calls ``add`` after and ``remove`` before, in the same transaction.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    column,
    delete,
    func,
    insert,
    literal,
    not_,
    select,
    table,
)

from storage import tables
from storage.conditions import clauses
from storage.name_words import name_words
from storage.records import Modality, Origin, PieceFilter

_NAMES = "INSERT INTO segment (source_id, origin, text) SELECT id, 'name', name_words(path) FROM source ORDER BY id"
_words_text = table("words_text", column("id", Integer), column("source_id"), column("origin"), column("text"))
_words = table("words", column("rowid", Integer), column("rank"), column("words"), column("text"))
# Rows are fetched as they are asked for: whoever has seen enough sources stops.
_ROWS_PER_FETCH = 50


@dataclass(frozen=True)
class WordMatch:
    """A text in which words were found: that of piece ``piece_id``, or of a segment (None), and where it stands."""

    source_id: int
    path: str
    kind: Modality
    piece_id: int | None
    origin: Origin
    text: str
    start: float | None
    end: float | None
    page: int | None


def add(connection: Connection, source_id: int, origin: Origin | None = None) -> None:
    """Index the texts of a source, or those of one origin; they must not be indexed yet."""
    rows = select(_words_text.c.id, _words_text.c.text).where(*_of(_words_text.c.source_id == source_id, origin))
    connection.execute(insert(_words).from_select(["rowid", "text"], rows))


def remove(connection: Connection, sources: ColumnElement[bool], origin: Origin | None = None) -> None:
    """Take the texts of the sources that meet a condition on ``tables.source`` out, or those of one origin."""
    ids = select(tables.source.c.id).where(sources)
    rows = select(literal("delete"), _words_text.c.id, _words_text.c.text)
    rows = rows.where(*_of(_words_text.c.source_id.in_(ids), origin))
    connection.execute(insert(_words).from_select(["words", "rowid", "text"], rows))


def add_source(connection: Connection, source_id: int, path: str) -> None:
    """Let a source of which nothing is indexed yet be found by its texts and the name at the end of ``path``."""
    _insert_name(connection, source_id, path)
    add(connection, source_id)


def rename(connection: Connection, source_id: int, path: str) -> None:
    """Let a source be found by the name at the end of ``path``, in place of the one it had."""
    segment = tables.segment.c
    remove(connection, tables.source.c.id == source_id, "name")
    connection.execute(delete(tables.segment).where(segment.source_id == source_id, segment.origin == "name"))
    _insert_name(connection, source_id, path)
    add(connection, source_id, "name")


def rebuild(connection: Connection) -> None:
    """Make the index anew from the rows, with the names of all sources."""
    connection.execute(delete(tables.segment).where(tables.segment.c.origin == "name"))
    connection.exec_driver_sql(_NAMES)
    connection.exec_driver_sql("INSERT INTO words (words) VALUES ('rebuild')")


def fault(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the index of words, compared with the rows; None if nothing is. The file is only read.

    FTS5's own check wants to write. So the index is made anew in temporary tables, and every place in which a word
    stands is compared.
    """
    try:
        with closing(connection.cursor()) as cursor:
            tokenizer = "tokenize='unicode61 remove_diacritics 2'"
            cursor.execute(f"CREATE VIRTUAL TABLE temp.anew USING fts5(text, content='', {tokenizer})")
            cursor.execute("INSERT INTO temp.anew (rowid, text) SELECT id, text FROM main.words_text")
            cursor.execute("CREATE VIRTUAL TABLE temp.anew_places USING fts5vocab(temp, anew, 'instance')")
            cursor.execute("CREATE VIRTUAL TABLE temp.held_places USING fts5vocab(main, words, 'instance')")
            difference = "SELECT * FROM {} EXCEPT SELECT * FROM {} LIMIT 1"
            pairs = [("temp.anew_places", "temp.held_places"), ("main.words_docsize", "temp.anew_docsize")]
            queries = [difference.format(*two) for one, other in pairs for two in ((one, other), (other, one))]
            same = all(cursor.execute(query).fetchone() is None for query in queries)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return f"the index of words cannot be read ({error})"
    finally:
        for name in ("held_places", "anew_places", "anew"):
            try:
                connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            except sqlite3.Error:
                break
    return None if same else "the index of words differs from the catalog"


def find(connection: Connection, expression: str, condition: PieceFilter) -> Iterator[WordMatch]:
    """Texts that match an FTS5 ``expression``, of sources that pass ``condition``, best first.

    Ranked by BM25 (Robertson and Zaragoza 2009) with FTS5's k1 = 1.2 and b = 0.75.
    Raises ValueError when a pattern of the condition is none.
    """
    piece, segment, source = tables.piece.c, tables.segment.c, tables.source.c
    number = _words.c.rowid.op(">>")(1)
    of_piece = _words.c.rowid.op("&")(1) == 0
    source_id = func.coalesce(piece.source_id, segment.source_id)
    # A look-up for each row that matches: joined, the sources might be gone through first.
    path, kind = (
        select(column).where(source.id == source_id).scalar_subquery() for column in (source.path, source.kind)
    )
    query = (
        select(
            source_id,
            path,
            kind,
            piece.id,
            func.coalesce(segment.origin, case((piece.modality == "document", "page"), else_="passage")),
            func.coalesce(piece.text, segment.text),
            func.coalesce(piece.start, segment.start),
            func.coalesce(piece.end, segment.end),
            func.coalesce(piece.page, segment.page),
        )
        .select_from(_words)
        .outerjoin(tables.piece, and_(of_piece, piece.id == number))
        .outerjoin(tables.segment, and_(not_(of_piece), segment.id == number))
        .where(_words.c.words.op("MATCH")(expression), source_id.is_not(None))
        .order_by(_words.c.rank)
        .execution_options(yield_per=_ROWS_PER_FETCH)
    )
    if not condition.is_empty:
        query = query.where(select(literal(1)).where(source.id == source_id, *clauses(condition)).exists())
    for row in connection.execute(query):
        yield WordMatch(*row)


def sources_with(connection: Connection, expression: str) -> set[int]:
    """The sources of which some text matches an FTS5 ``expression``."""
    piece, segment = tables.piece.c, tables.segment.c
    matching = select(_words.c.rowid).where(_words.c.words.op("MATCH")(expression)).subquery()
    number, bit = matching.c.rowid.op(">>")(1), matching.c.rowid.op("&")(1)
    found: set[int] = set()
    for held, kind in ((piece, 0), (segment, 1)):
        query = select(held.source_id).where(held.id.in_(select(number).where(bit == kind)))
        found.update(connection.execute(query).scalars())
    return found


def count_up_to(connection: Connection, expression: str, most: int) -> int:
    """How many texts match an FTS5 ``expression``; what goes beyond ``most`` is not counted."""
    matching = select(literal(1)).select_from(_words).where(_words.c.words.op("MATCH")(expression)).limit(most + 1)
    return int(connection.execute(select(func.count()).select_from(matching.subquery())).scalar_one())


def all_of(words: Sequence[str]) -> str:
    """The FTS5 expression for texts in which all ``words`` stand; their characters have no meaning of their own."""
    return " AND ".join(map(_quoted, words))


def any_of(words: Sequence[str]) -> str:
    """The FTS5 expression for texts in which one of ``words`` stands."""
    return " OR ".join(map(_quoted, words))


def _insert_name(connection: Connection, source_id: int, path: str) -> None:
    connection.execute(insert(tables.segment).values(source_id=source_id, origin="name", text=name_words(path)))


def _quoted(words: str) -> str:
    return '"' + words.replace('"', " ").replace("\0", " ") + '"'


def _of(condition: ColumnElement[bool], origin: Origin | None) -> list[ColumnElement[bool]]:
    return [condition] if origin is None else [condition, _words_text.c.origin == origin]
