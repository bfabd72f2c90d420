"""The hits that the command line showed last, kept beside the library so that the next query can name one: ``#3``."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from engine.errors import QueryError
from engine.query.hits import Hit, hit_of
from storage.atomic import replaced_file

_NAME = "last_answer.json"
_log = logging.getLogger(__name__)


def keep_answer(folder: Path, hits: Sequence[Hit]) -> None:
    """Keep ``hits`` in ``folder``, in place of those before.

    A folder that cannot be written to keeps nothing, or the hits before, which is said.
    """
    try:
        with replaced_file(folder / _NAME) as path:
            path.touch(mode=0o600)
            path.write_text(json.dumps([asdict(hit) for hit in hits]), encoding="utf-8")
    except OSError:  # to be able to search is worth more than to be able to refer to it
        try:
            (folder / _NAME).unlink(missing_ok=True)
        except OSError as error:
            if (folder / _NAME).exists():
                _log.warning("%s: %s; #1 still names a line of an earlier answer", folder, error.strerror)


def kept_hit(folder: Path, number: int) -> Hit:
    """The hit shown in line ``number`` (from 1) of the last answer. Raises QueryError when there is none."""
    try:
        fields = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        hits = [hit_of(each) for each in fields]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise QueryError(f"#{number}: no earlier answer is kept; search first, then name a line of it") from error
    if not 1 <= number <= len(hits):
        raise QueryError(f"#{number}: the last answer had {len(hits)} lines")
    return hits[number - 1]
