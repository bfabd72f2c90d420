"""The HTTP interface, /v1: what can be asked of a service, and the page that asks it."""

import asyncio
import json
import mimetypes
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from engine.errors import QueryError
from engine.search_engine import SearchEngine
from engine.service.commands import NotForUsError
from engine.service.index_job import IndexJob
from engine.service.map import map_of
from engine.service.messages import (
    AnswerBody,
    CommandAnswer,
    CommandBody,
    LikeBody,
    PointBody,
    Preview,
    ProblemBody,
    SearchBody,
    StatusBody,
    TextBody,
    UploadBody,
    answer_of,
    query_of,
    watch_body,
)
from engine.service.previews import SIDES, Previews, Wanted
from engine.service.uploads import Uploads
from engine.service.watch_job import WatchJob
from indexer.errors import ExtractionError
from storage.errors import SynestheteError

_PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_MEDIA_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
# A browser's own player, for a sound or film opened by itself, has to load it, which a sandbox may not.
_PLAYED_POLICY = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'"
_ACTIVE = ("text/html", "image/svg+xml", "application/xhtml+xml", "application/xml", "text/xml", "text/javascript")
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemBody} for status in (400, 401, 403, 404, 409, 413, 421, 422, 500)
}
_BYTES = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "required": True,
}
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"*/*": {}}}, 206: {"content": {"*/*": {}}}, 416: {}}
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}, "image/png": {}}}, 304: {}}
_HEARTBEAT_SECONDS = 15.0
_LOOK_SECONDS = 0.2

RunCommand = Callable[[CommandBody], CommandAnswer]
"""Runs a command that another process hands on. Raises NotForUsError."""


class Service:
    """What the answers share: the engine, pictures, uploads and the run of indexing."""

    def __init__(self, engine: SearchEngine) -> None:
        self.engine = engine
        self.previews = Previews(engine.limits)
        self.uploads = Uploads()
        self.job = IndexJob(engine)
        self.watch = WatchJob(engine)
        self.is_stopping = False
        self.page = ""  # its address, once there is one

    def close(self) -> None:
        """Stop what runs beside the engine."""
        self.watch.stop()
        self.previews.close()
        self.uploads.close()

    def indexed_file(self, path: str) -> Path:
        """``path``, if its bytes may be given away: an indexed file that still lies below an indexed folder.

        Raises QueryError, with the same words for every other path, so that nobody can probe for files.
        """
        refusal = QueryError("there is no such file in the library")
        if self.engine.source(path) is None:
            raise refusal
        try:
            real = Path(path).resolve(strict=True)
            roots = [Path(root).resolve() for root in self.engine.catalog.roots()]
        except (OSError, ValueError) as error:
            raise refusal from error
        if not real.is_file() or not any(real == root or real.is_relative_to(root) for root in roots):
            raise refusal
        return real


def create_app(service: Service, run_command: RunCommand | None = None) -> FastAPI:
    """The application. With ``run_command``, for the user's own socket, commands and any readable file are taken."""
    app = FastAPI(
        title="synesthete",
        version="1",
        description="Search a library of text, pictures, documents, sound and video by meaning.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        responses=_PROBLEMS,
    )

    def file_of(part: LikeBody) -> Path:
        if part.upload is not None:
            return service.uploads.path(part.upload)
        assert part.path is not None
        return Path(part.path) if run_command is not None else service.indexed_file(part.path)

    @app.exception_handler(SynestheteError)
    async def _told(request: Request, error: SynestheteError) -> JSONResponse:
        status = 400 if isinstance(error, QueryError | ExtractionError) else 500
        return JSONResponse({"detail": service.uploads.unnamed(str(error))}, status)

    @app.exception_handler(RequestValidationError)
    async def _malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]  # without what was sent, which may be anything
        where = ".".join(str(each) for each in first["loc"] if each not in ("body", "query"))
        return JSONResponse({"detail": f"{where}: {first['msg']}".removeprefix(": ")}, 422)

    @app.post("/v1/search")
    def search(body: SearchBody) -> AnswerBody:
        """Answer a query."""
        return answer_of(service.engine.ask(query_of(body, file_of, service.engine.default_limit)))

    @app.post("/v1/uploads", openapi_extra={"requestBody": _BYTES})
    async def upload(request: Request, name: Annotated[str, Query(min_length=1, max_length=255)]) -> UploadBody:
        """Keep a file to ask with; the body is its bytes, ``name`` tells its kind by the extension."""
        number, format = await service.uploads.keep(name, request.stream())
        return UploadBody(upload=number, kind=format.kind)

    @app.get("/v1/status")
    def status() -> StatusBody:
        """What the library holds."""
        catalog, watch = service.engine.catalog, service.watch.state
        counts, model = catalog.counts(), catalog.model()
        return StatusBody(
            model=None if model is None else model[0],
            sources=counts.sources,
            pieces=counts.pieces,
            failed=counts.failures,
            roots=catalog.roots(),
            indexing=service.job.state.running,
            paused=service.engine.paused(),
            watch=watch_body(watch) if watch.folders else None,
        )

    @app.post("/v1/index", status_code=202)
    def index() -> dict[str, bool]:
        """Look for what has changed in the library's folders; ``started`` is false if that is going on already."""
        return {"started": service.job.start()}

    @app.get("/v1/progress", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
    async def progress(request: Request) -> StreamingResponse:
        """Server-sent events ``progress`` (how far indexing is) and ``watch`` (what the watcher is at).

        Both are told at once, and whenever they change.
        """

        async def events() -> AsyncIterator[str]:
            told, waited = {"progress": -1, "watch": -1}, 0.0
            while not (service.is_stopping or await request.is_disconnected()):
                for name, state in (("progress", service.job.state), ("watch", service.watch.state)):
                    if state.version != told[name]:
                        told[name], waited = state.version, 0.0
                        yield f"event: {name}\ndata: {json.dumps(asdict(state))}\n\n"
                if waited >= _HEARTBEAT_SECONDS:
                    waited = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(_LOOK_SECONDS)
                waited += _LOOK_SECONDS

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    @app.get("/v1/preview", response_class=Response, responses=_PICTURE)
    def preview(
        path: Annotated[str, Query(max_length=4096)],
        start: Annotated[float | None, Query(ge=0, le=1e7)] = None,
        end: Annotated[float | None, Query(ge=0, le=1e7)] = None,
        page: Annotated[int | None, Query(ge=1, le=10**6)] = None,
        size: Preview = "small",
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """A picture of an indexed file, of a moment or page of it, or the waveform of a sound."""
        file = service.indexed_file(path)
        status = file.stat()
        headers = {"cache-control": "private, no-cache", "etag": f'"{status.st_mtime_ns:x}-{status.st_size:x}"'}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        data, kind = service.previews.picture(Wanted(file, status.st_mtime_ns, SIDES[size], start, end, page))
        return Response(data, media_type=kind, headers=headers)

    @app.get("/v1/text")
    def text(
        path: Annotated[str, Query(max_length=4096)], page: Annotated[int | None, Query(ge=1, le=10**6)] = None
    ) -> TextBody:
        """The text of an indexed file, or of a page of it: its beginning, if it is long."""
        file = service.indexed_file(path)
        return TextBody(text=service.previews.text(file, page))

    @app.get("/v1/media", response_class=FileResponse, responses=_FILE)
    def media(path: Annotated[str, Query(max_length=4096)]) -> FileResponse:
        """The bytes of an indexed file, whole or by ranges. What a browser would run is given as plain text."""
        file = service.indexed_file(path)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if kind in _ACTIVE:
            kind = "text/plain"
        policy = _PLAYED_POLICY if kind.startswith(("audio/", "video/")) else _MEDIA_POLICY
        headers = {"content-security-policy": policy}
        return FileResponse(
            file, media_type=kind, headers=headers, filename=file.name, content_disposition_type="inline"
        )

    @app.get("/v1/map")
    def library_map() -> list[PointBody]:
        """Pieces of the library in two dimensions, alike ones near each other."""
        return [
            PointBody(
                x=float(point[0]), y=float(point[1]), path=piece.path, modality=piece.modality,
                start=piece.start, end=piece.end, page=piece.page,
            )
            for piece, point in zip(*map_of(service.engine.catalog), strict=True)
        ]  # fmt: skip

    if run_command is not None:

        @app.get("/v1/page", include_in_schema=False)
        def page_address() -> dict[str, str]:
            return {"address": service.page}

        @app.post("/v1/command", include_in_schema=False)
        def command(body: CommandBody) -> CommandAnswer:
            try:
                return run_command(body)
            except NotForUsError as error:
                raise HTTPException(409, "not for this service") from error

    _add_page(app)
    return app


def _add_page(app: FastAPI) -> None:
    web = files("engine.service") / "web"
    names = {entry.name for entry in web.iterdir() if entry.is_file()}

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return asset("index.html")

    @app.get("/web/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        if name not in names:
            raise HTTPException(404, "there is no such page")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"content-security-policy": _PAGE_POLICY, "cache-control": "no-cache"}
        return Response((web / name).read_bytes(), media_type=kind, headers=headers)
