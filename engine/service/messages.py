"""What goes over HTTP: the bodies of requests and answers, and their translation into queries and back."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.query.hits import SearchResult, hit_of
from engine.query.query import Filters, LikeFile, LikeHit, Part, Query, Words
from engine.service.watch_job import WatchState
from storage.records import Modality

_WEIGHT = Annotated[float, Field(gt=0, allow_inf_nan=False, description="What it counts beside the other parts.")]
_SECONDS = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MomentBody(_Body):
    """A span of a sound or video, in seconds, and its score (cosine)."""

    start: _SECONDS
    end: _SECONDS
    score: float


class HitBody(_Body):
    """A file that answers; fields as in ``synesthete search --json``, and ``pieces``, with which it can be asked."""

    path: str
    kind: Modality
    score: float
    relevance: float
    start: float | None = None
    end: float | None = None
    page: int | None = None
    snippet: str | None = None
    moments: list[MomentBody] = Field(default=[], max_length=10_000)
    pieces: list[Annotated[int, Field(ge=0, lt=2**63)]] = Field(default=[], max_length=10_000)


class WordsBody(_Body):
    """Words, and what they count."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    weight: _WEIGHT = 1.0


class LikeBody(_Body):
    """What is to be resembled: a file of the library, an upload, or a hit of an earlier answer.

    ``start`` and ``end`` choose a span of it in seconds, ``page`` a page.
    """

    path: Annotated[str, Field(max_length=4096)] | None = None
    upload: str | None = None
    hit: HitBody | None = None
    start: _SECONDS | None = None
    end: _SECONDS | None = None
    page: Annotated[int, Field(ge=1)] | None = None
    weight: _WEIGHT = 1.0

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum(each is not None for each in (self.path, self.upload, self.hit)) != 1:
            raise ValueError("name one of path, upload and hit")
        if (self.start is None) != (self.end is None):
            raise ValueError("a span has a start and an end")
        return self


class SearchBody(_Body):
    """A query: what is wanted, what is not, which files may answer, and how."""

    words: list[WordsBody] = Field(default=[], max_length=20)
    like: list[LikeBody] = Field(default=[], max_length=20)
    not_words: list[WordsBody] = Field(default=[], max_length=20)
    not_like: list[LikeBody] = Field(default=[], max_length=20)
    kinds: list[Modality] = Field(default=[], max_length=20)
    under: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    globs: list[str] = Field(default=[], max_length=20)
    after: datetime | None = None
    before: datetime | None = None
    longer: _SECONDS | None = None
    shorter: _SECONDS | None = None
    larger: Annotated[int, Field(ge=0)] | None = None
    smaller: Annotated[int, Field(ge=0)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] | None = None
    moments: bool = Field(default=False, description="A hit for every moment, page or passage, not one for each file.")
    each_kind: bool = Field(default=False, description="So many of every kind, the kind with the best hit first.")
    include_self: bool = Field(default=False, description="Exact copies of what was asked with may answer, too.")
    cutoff: Annotated[float, Field(ge=0, le=1)] | None = None
    exact: bool = Field(default=False, description="Only the words as they stand, whatever they mean.")


class ApartBody(_Body):
    """Hits among pieces that another model has embedded; their relevance says nothing beside that of other hits."""

    model: str
    modalities: list[Modality]
    hits: list[HitBody]


class AnswerBody(_Body):
    """Hits in order of relevance; ``took_ms`` counts from the query, with the model ready.

    ``close``: whether any hit is relevant enough to be an answer; if not, they are merely what is nearest. ``apart``:
    an answer of its own, where two models share a library.
    """

    took_ms: float
    close: bool
    hits: list[HitBody]
    apart: ApartBody | None = None


class UploadBody(_Body):
    """An uploaded file: ``upload`` names it in queries, for as long as the service keeps it."""

    upload: str
    kind: str


class TextBody(_Body):
    """Text of a file."""

    text: str


class PointBody(_Body):
    """A piece on the map; ``x`` and ``y`` lie between -1 and 1."""

    x: float
    y: float
    path: str
    modality: Modality
    start: float | None = None
    end: float | None = None
    page: int | None = None


class ProblemBody(_Body):
    """Why a request was refused, in one line."""

    detail: str


class WatchBody(_Body):
    """The watcher inside the service. ``ready``: all folders have been looked through once; ``done``: how many files
    have been taken in, moved or removed; ``notice``: what stands in the way; ``problem``: why watching has ended."""

    running: bool
    folders: list[str]
    ready: bool
    done: int
    notice: str | None
    problem: str | None


class StatusBody(_Body):
    """What the library holds. ``indexing``: whether it is being looked through because somebody asked for it;
    ``paused``: why indexing would wait now; ``watch``: None where the service does not watch."""

    model: str | None
    sources: dict[Modality, int]
    pieces: dict[Modality, int]
    failed: int
    roots: dict[str, float]
    indexing: bool
    paused: str | None
    watch: WatchBody | None


class CommandBody(_Body):
    """A command of the command line, handed on by its process. Only over the socket."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    columns: int | None = None
    colours: bool = False


class CommandAnswer(_Body):
    """What the command printed, and the exit code of its process."""

    out: str
    err: str
    code: int


FileOf = Callable[[LikeBody], Path]
"""The file that a part names; refuses what this client may not read."""


def query_of(body: SearchBody, file_of: FileOf, default_limit: int) -> Query:
    """The query that ``body`` asks. Raises QueryError, and what ``file_of`` raises."""
    return Query(
        wanted=(*map(_words, body.words), *(_like(each, file_of) for each in body.like)),
        unwanted=(*map(_words, body.not_words), *(_like(each, file_of) for each in body.not_like)),
        filters=Filters(
            kinds=frozenset(body.kinds),
            under=None if body.under is None else Path(body.under),
            globs=tuple(body.globs),
            after=_local(body.after),
            before=_local(body.before),
            longer=body.longer,
            shorter=body.shorter,
            larger=body.larger,
            smaller=body.smaller,
        ),
        limit=default_limit if body.limit is None else body.limit,
        each_moment=body.moments,
        each_kind=body.each_kind,
        include_self=body.include_self,
        cutoff=body.cutoff,
        exact=body.exact,
    )


def answer_of(result: SearchResult) -> AnswerBody:
    """``result`` for the wire."""
    apart = None if result.apart is None else ApartBody(**asdict(result.apart))
    hits = [HitBody(**asdict(hit)) for hit in result.hits]
    return AnswerBody(took_ms=round(result.took_ms, 1), close=result.close, hits=hits, apart=apart)


def watch_body(state: WatchState) -> WatchBody:
    """``state`` for the wire."""
    return WatchBody(
        running=state.running,
        folders=list(state.folders),
        ready=state.ready,
        done=state.done,
        notice=state.notice,
        problem=state.problem,
    )


def _words(body: WordsBody) -> Words:
    return Words(body.text, body.weight)


def _like(body: LikeBody, file_of: FileOf) -> Part:
    if body.hit is not None:
        return LikeHit(hit_of(body.hit.model_dump()), body.weight)
    span = None if body.start is None or body.end is None else (body.start, body.end)
    return LikeFile(file_of(body), span, body.page, body.weight)


def _local(date: datetime | None) -> datetime | None:
    """A date without a zone is one of this machine's; where zones lead out of the calendar, of UTC."""
    if date is None:
        return None
    try:
        return date.astimezone()
    except (ValueError, OverflowError):
        return date.replace(tzinfo=UTC)


Preview = Literal["small", "large"]
