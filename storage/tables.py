"""The catalog's tables as they are now. How an older file gets there stands in ``migrations.py``."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

# Facts about the whole library, such as the model's fingerprint.
fact = Table(
    "fact",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

# Folders and files that the user named; `status` reports by them. `waiting` files are still to be read, `offline` is
# why none can be, `files_per_second` is the pace of the last run that had enough to do.
root = Table(
    "root",
    metadata,
    Column("path", String, primary_key=True),
    Column("scanned_at", Float, nullable=False),
    Column("waiting", Integer),
    Column("offline", String),
    Column("files_per_second", Float),
)

# File systems mounted where a root is or below it when it was scanned last.
mount = Table(
    "mount",
    metadata,
    Column("root", String, primary_key=True),
    Column("path", String, primary_key=True),
)

source = Table(
    "source",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("duration", Float),
    Column("indexed_at", Float, nullable=False),
    Column("recorded_ns", BigInteger),
    Column("checksum", Integer),
    sqlite_autoincrement=True,
)
Index("source_by_content", source.c.content_hash)

# AUTOINCREMENT: a number is never given twice, so a snapshot of the vector index can be told from the numbers alone
# what it lacks.
piece = Table(
    "piece",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", Integer, ForeignKey("source.id", ondelete="CASCADE"), nullable=False),
    Column("modality", String, nullable=False),
    Column("start", Float),
    Column("end", Float),
    Column("page", Integer),
    Column("text", String),
    Column("embedding", LargeBinary, nullable=False),
    Column("checksum", Integer),
    Column("melody", LargeBinary),
    sqlite_autoincrement=True,
)
Index("piece_by_source", piece.c.source_id)
Index("piece_by_modality", piece.c.modality)

# Every piece that has left, in order: written by a trigger on deletes from `piece`, cascades included.
removed_piece = Table(
    "removed_piece",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("piece_id", Integer, nullable=False),
    sqlite_autoincrement=True,
)

failure = Table(
    "failure",
    metadata,
    Column("path", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("reason", String, nullable=False),
    Column("failed_at", Float, nullable=False),
)

# Words that can be searched exactly, and where in their source they are.
segment = Table(
    "segment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", Integer, ForeignKey("source.id", ondelete="CASCADE"), nullable=False),
    Column("origin", String, nullable=False),
    Column("text", String, nullable=False),
    Column("start", Float),
    Column("end", Float),
    Column("page", Integer),
)
Index("segment_by_source", segment.c.source_id)

# Which origins of words a source has been searched for, with what, and what stood in the way.
transcript = Table(
    "transcript",
    metadata,
    Column("source_id", Integer, ForeignKey("source.id", ondelete="CASCADE"), primary_key=True),
    Column("origin", String, primary_key=True),
    Column("made_from", String, nullable=False),
    Column("problem", String),
)
