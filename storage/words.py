"""The index of words (SQLite's FTS5): names of files, passages, pages, subtitles and what was recognised.

It holds no text of its own: the view ``words_text`` reads that of pieces and segments, and a row of the index bears
twice the number of a piece, or twice that of a segment plus one. Triggers cannot keep it in step while the schema of
the file is not trusted, so whoever changes texts calls ``add`` after and ``remove`` before, in the same transaction.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Join,
    Select,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    not_,
    select,
    table,
)
from sqlalchemy.dialects import sqlite

from storage import tables
from storage.conditions import clauses
from storage.name_words import name_words
from storage.records import Modality, Origin, PieceFilter
from storage.sqlite_file import rows

_NAMES = "INSERT INTO segment (source_id, origin, text) SELECT id, 'name', name_words(path) FROM source ORDER BY id"
_MATCHING = """
    WITH given AS MATERIALIZED (SELECT value FROM json_each(?)), own AS MATERIALIZED (
        SELECT source_id, 2 * id AS number FROM piece WHERE source_id IN given
        UNION ALL SELECT source_id, 2 * id + 1 FROM segment WHERE source_id IN given
    ) SELECT DISTINCT source_id FROM own WHERE number IN (SELECT rowid FROM words WHERE words MATCH ?)"""
_words_text = table("words_text", column("id", Integer), column("source_id"), column("origin"), column("text"))
_words = table("words", column("rowid", Integer), column("rank"), column("words"), column("text"))


@dataclass(frozen=True)
class WordMatch:
    """A text in which words were found: that of piece ``piece_id``, or of a segment (None), and where it stands.

    ``score``: BM25, the higher the better.
    """

    source_id: int
    path: str
    kind: Modality
    piece_id: int | None
    origin: Origin
    text: str
    start: float | None
    end: float | None
    page: int | None
    score: float


def add(connection: Connection, source_id: int, origin: Origin | None = None) -> None:
    """Index the texts of a source, or those of one origin; they must not be indexed yet."""
    texts = select(_words_text.c.id, _words_text.c.text).where(*_of(_words_text.c.source_id == source_id, origin))
    connection.execute(insert(_words).from_select(["rowid", "text"], texts))


def remove(connection: Connection, sources: ColumnElement[bool], origin: Origin | None = None) -> None:
    """Take the texts of the sources that meet a condition on ``tables.source`` out, or those of one origin."""
    ids = select(tables.source.c.id).where(sources)
    texts = select(literal("delete"), _words_text.c.id, _words_text.c.text)
    texts = texts.where(*_of(_words_text.c.source_id.in_(ids), origin))
    connection.execute(insert(_words).from_select(["words", "rowid", "text"], texts))


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


def find(
    connection: Connection, expression: str, condition: PieceFilter, most: int | None = None
) -> Iterator[WordMatch]:
    """Texts that match an FTS5 ``expression``, of sources that pass ``condition``, best first; ``most`` at most.

    Ranked by BM25 (Robertson and Zaragoza 2009) with FTS5's k1 = 1.2 and b = 0.75.
    Raises ValueError when a pattern of the condition is none.
    """
    values = {"expression": expression, "most": -1 if most is None else most}
    found: Iterable[Any]
    if condition.is_empty:
        query, constants = _of_all()
        found = rows(connection, query, constants | values)
    else:
        found = connection.execute(_ranked(*clauses(condition)), values)
    for row in found:
        yield WordMatch(*row)


@cache
def _of_all() -> tuple[str, dict[str, Any]]:
    """The query without a condition, and its constants: building it takes longer than the search."""
    made = _ranked().compile(dialect=sqlite.dialect(paramstyle="named"))
    return str(made), made.params


def _ranked(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The fields of ``WordMatch``, of the best texts whose sources meet ``conditions``."""
    piece, segment, source = tables.piece.c, tables.segment.c, tables.source.c
    source_id = func.coalesce(piece.source_id, segment.source_id)
    # Not FTS5's own column "rank": it is worked out for all that matches, before anything else is asked.
    rank = func.bm25(literal_column("words")).label("rank")
    ranked = select(_words.c.rowid, rank).where(_words.c.words.op("MATCH")(bindparam("expression")))
    if conditions:
        passes = select(literal(1)).where(source.id == source_id, *conditions).exists()
        ranked = ranked.select_from(_with_origin(_words.c.rowid, _words)).where(passes)
    best = ranked.order_by("rank", _words.c.rowid).limit(bindparam("most")).subquery()
    return (
        select(
            source_id,
            source.path,
            source.kind,
            piece.id,
            func.coalesce(segment.origin, case((piece.modality == "document", "page"), else_="passage")),
            func.coalesce(piece.text, segment.text),
            func.coalesce(piece.start, segment.start),
            func.coalesce(piece.end, segment.end),
            func.coalesce(piece.page, segment.page),
            -best.c.rank,
        )
        .select_from(_with_origin(best.c.rowid, best).join(tables.source, source.id == source_id))
        .order_by(best.c.rank, best.c.rowid)
    )


def sources_with(connection: Connection, expression: str) -> set[int]:
    """The sources of which some text matches an FTS5 ``expression``."""
    source_id = func.coalesce(tables.piece.c.source_id, tables.segment.c.source_id)
    query = (
        select(source_id)
        .select_from(_with_origin(_words.c.rowid, _words))
        .where(_words.c.words.op("MATCH")(expression))
    )
    return set(connection.execute(query).scalars()) - {None}


def passing(connection: Connection, sources: Iterable[int], condition: PieceFilter) -> set[int]:
    """Those of ``sources``, by number, that pass ``condition``. Raises ValueError when one of its patterns is none."""
    if condition.is_empty:
        return set(sources)
    query = select(tables.source.c.id).where(*clauses(condition))
    return set(connection.execute(query).scalars()).intersection(sources)


def counts_up_to(connection: Connection, expressions: Sequence[str], most: int) -> list[int]:
    """How many texts match each of some FTS5 expressions; one more than ``most`` stands for any higher number."""
    if not expressions:
        return []
    each = "(SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?))"
    values = [value for expression in expressions for value in (expression, most + 1)]
    return list(rows(connection, f"SELECT {', '.join([each] * len(expressions))}", values)[0])


def matching(connection: Connection, expression: str, sources: Iterable[int]) -> set[int]:
    """Those of ``sources`` of which some text matches an FTS5 ``expression``."""
    return {number for (number,) in rows(connection, _MATCHING, (json.dumps(list(sources)), expression))}


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


def _with_origin(rowid: ColumnElement[int], rows: FromClause) -> Join:
    """``rows`` of the index beside the piece or the segment that each stands for."""
    number, is_segment = rowid.op(">>")(1), rowid.op("&")(1) == 1
    pieces = rows.outerjoin(tables.piece, and_(not_(is_segment), tables.piece.c.id == number))
    return pieces.outerjoin(tables.segment, and_(is_segment, tables.segment.c.id == number))


def _of(condition: ColumnElement[bool], origin: Origin | None) -> list[ColumnElement[bool]]:
    return [condition] if origin is None else [condition, _words_text.c.origin == origin]
