"""The commands that ask the library: `synesthete search` and `synesthete duplicates`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from engine.duplicates.show import duplicates_fields, show_duplicates
from engine.errors import QueryError
from engine.paths import typed_path
from engine.query.hits import Hit, SearchResult
from engine.query.parse import (
    parse_date,
    parse_duration,
    parse_folder,
    parse_kinds,
    parse_like,
    parse_size,
    parse_words,
)
from engine.query.query import Filters, Query
from engine.service.hint import service_hint
from engine.session import INTERRUPTED, Globals, Json, err, out, print_json
from engine.show import show_apart, show_hits, show_kinds
from engine.show_progress import progress_on
from storage.records import Modality

Read = TypeVar("Read")

Kinds = Annotated[
    list[str] | None, typer.Option(metavar="KIND,...", help="Only text, image, video, audio or document files.")
]


def search(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORDS]", help="What to look for.")] = None,
    and_words: Annotated[
        list[str] | None, typer.Option("--and", metavar="WORDS", help="More words, weighed on their own.")
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A file to be resembled; FILE@START-END a span of it in seconds, FILE#PAGE a page, "
            "#N line N of the last answer.",
        ),
    ] = None,
    not_words: Annotated[
        list[str] | None, typer.Option("--not", metavar="WORDS", help="What to keep away from.")
    ] = None,
    not_like: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A file not to be resembled, written like --like.")
    ] = None,
    kind: Kinds = None,
    under: Annotated[list[str] | None, typer.Option(metavar="DIR", help="Only files below this folder.")] = None,
    glob: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only files whose names match, such as '*.jpg'.")
    ] = None,
    after: Annotated[
        list[str] | None,
        typer.Option(metavar="DATE", help="Only files recorded (else: changed) on or after this date."),
    ] = None,
    before: Annotated[
        list[str] | None, typer.Option(metavar="DATE", help="Only files recorded (else: changed) before this date.")
    ] = None,
    longer: Annotated[
        list[str] | None, typer.Option(metavar="TIME", help="Only sounds and videos of this length or more (90, 1:30).")
    ] = None,
    shorter: Annotated[
        list[str] | None, typer.Option(metavar="TIME", help="Only sounds and videos shorter than this.")
    ] = None,
    larger: Annotated[
        list[str] | None, typer.Option(metavar="SIZE", help="Only files of this size or more (2MB).")
    ] = None,
    smaller: Annotated[list[str] | None, typer.Option(metavar="SIZE", help="Only files smaller than this.")] = None,
    results: Annotated[int | None, typer.Option("-n", metavar="N", help="How many lines to show.")] = None,
    moments: Annotated[
        bool, typer.Option("--moments", help="A line for every moment, page or passage, not one for every file.")
    ] = False,
    each_kind: Annotated[
        bool, typer.Option("--each-kind", help="As many lines of every kind, the kind with the best hit first.")
    ] = False,
    include_self: Annotated[
        bool, typer.Option("--include-self", help="Show exact copies of the files asked with, too.")
    ] = False,
    cutoff: Annotated[
        float | None,
        typer.Option(metavar="R", help="Relevance from which a hit is close, 0 to 1; 0 takes all for close."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Only the words as they stand, whatever they mean; needs no model.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find files by words, by files they should resemble, or any mix of these.

    Any part may end in ^WEIGHT: "beach^2" counts twice as much as a part without. What stands in quotation marks, as in
    'harbour "green light"', must stand in the file.
    """
    session: Globals = context.obj
    filters = Filters(
        kinds=_kinds(kind),
        under=_once("--under", under, lambda folder: parse_folder(folder, session.here)),
        globs=tuple(glob or ()),
        after=_once("--after", after, parse_date),
        before=_once("--before", before, parse_date),
        longer=_once("--longer", longer, parse_duration),
        shorter=_once("--shorter", shorter, parse_duration),
        larger=_once("--larger", larger, parse_size),
        smaller=_once("--smaller", smaller, parse_size),
    )
    wanted_words = [*([" ".join(words)] if words else []), *(and_words or [])]
    with session.open() as engine:
        query = Query(
            wanted=(
                *map(parse_words, wanted_words),
                *(parse_like(each, engine.kept_hit, session.here) for each in like or ()),
            ),
            unwanted=(
                *map(parse_words, not_words or ()),
                *(parse_like(each, engine.kept_hit, session.here) for each in not_like or ()),
            ),
            filters=filters,
            limit=session.settings.search.results if results is None else results,
            each_moment=moments,
            each_kind=each_kind,
            include_self=include_self,
            cutoff=cutoff,
            exact=exact,
        )
        result = engine.ask(query)
        engine.keep_answer(result)
        if as_json:
            print_json(_result_fields(result), session.out)
        elif result.all_hits:
            here = Path.cwd() / session.here
            if not result.close and not each_kind:
                session.out.print("nothing close; the nearest:")
            if each_kind:
                least = session.settings.search.cutoff if cutoff is None else cutoff
                show_kinds(session.out, result.hits, here, query.words, least)
            else:
                show_hits(session.out, result.hits, relative_to=here, words=query.words)
            if result.apart is not None:
                show_apart(session.out, result.apart, here, query.words, first=len(result.hits) + 1)
            if session.session is None and not exact and (hint := service_hint(session.folder)) is not None:
                session.err.print(hint, style="dim", markup=False)
        elif not engine.catalog.counts().sources:
            session.err.print("the library is empty; `synesthete index FOLDER` fills it")
        else:
            session.err.print("nothing found")


def duplicates(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", parser=typed_path, help="Only groups that one of these has a part in."),
    ] = None,
    kind: Kinds = None,
    under: Annotated[
        list[str] | None, typer.Option(metavar="DIR", help="Look at nothing but files below this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Group files that are copies of each other, exact or near (re-encoded, resized, trimmed); nothing is deleted."""
    kinds = _kinds(kind)
    folder = _once("--under", under, parse_folder)
    with context.obj.open() as engine:
        try:
            with progress_on(err) as advance:
                found = engine.duplicates(*(paths or ()), kinds=kinds, under=folder, on_progress=advance)
        except KeyboardInterrupt:
            err.print("stopped; what was read is remembered, the next run is quicker")
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(duplicates_fields(found))
    else:
        show_duplicates(out, found, relative_to=Path.cwd())


def _kinds(given: Sequence[str] | None) -> frozenset[Modality]:
    return parse_kinds(",".join(given)) if given else frozenset()


def _once(option: str, given: Sequence[str] | None, parse: Callable[[str], Read]) -> Read | None:
    """What an option says that may stand once: of two, one would be passed over in silence. Raises QueryError."""
    if given is not None and len(given) > 1:
        raise QueryError(f"{option} is given {len(given)} times; it may stand once")
    return parse(given[0]) if given else None


def _result_fields(result: SearchResult) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "took_ms": round(result.took_ms, 1),
        "close": result.close,
        "hits": [_hit_fields(hit) for hit in result.hits],
    }
    if result.apart is not None:
        hits = [_hit_fields(hit) for hit in result.apart.hits]
        fields["apart"] = {"model": result.apart.model, "modalities": result.apart.modalities, "hits": hits}
    return fields


def _hit_fields(hit: Hit) -> dict[str, Any]:
    fields = asdict(hit)
    del fields["pieces"]  # numbers inside the library, of no use outside it
    return fields
