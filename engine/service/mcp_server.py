"""The library as tools of a language model: a server of the Model Context Protocol over standard input and output.

https://modelcontextprotocol.io; it asks the running service, or one that it starts for itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from engine.errors import QueryError
from engine.service.client import ServiceClient
from engine.service.start import SharedService
from indexer.extract.registry import format_of
from storage.errors import SynestheteError
from storage.records import Modality

_INSTRUCTIONS = (
    "Searches the files on this machine that the user has indexed: texts, pictures, documents, sounds and films, by "
    "meaning. Ask in plain English for what is to be seen, heard or read; `show` what was found to see it."
)
_SHOWN_CHARACTERS = 20_000


class FoundFile(BaseModel):
    """A file that answers, with its best place: seconds in a sound or film, a page of a document."""

    path: str
    kind: Modality
    relevance: Annotated[float, Field(description="0 to 1, comparable across kinds")]
    start: float | None = None
    end: float | None = None
    page: int | None = None
    snippet: Annotated[str | None, Field(description="What is written there")] = None


class FoundApart(BaseModel):
    """Files of ``modalities`` that another model reads: their relevance says nothing beside that of the others."""

    modalities: list[Modality]
    hits: list[FoundFile]


class Found(BaseModel):
    """Files in order of relevance; if not ``close``, nothing answers and these are merely what is nearest."""

    close: bool
    hits: list[FoundFile]
    apart: FoundApart | None = None


class LibraryState(BaseModel):
    """What the library holds: files and pieces of each kind, folders, files that could not be read."""

    sources: dict[Modality, int]
    pieces: dict[Modality, int]
    failed: int
    folders: list[str]
    indexing: bool


def create_server(service: SharedService) -> MCPServer[None]:
    """The server, with its three tools, which it runs in threads."""
    server: MCPServer[None] = MCPServer("synesthete", instructions=_INSTRUCTIONS, log_level="WARNING")
    only_looks = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(annotations=only_looks)
    def search(
        words: Annotated[str, Field(description="What to look for")] = "",
        like: Annotated[str | None, Field(description="Absolute path of a file that the answers resemble")] = None,
        kinds: Annotated[list[Modality] | None, Field(description="Only files of these kinds")] = None,
        under: Annotated[str | None, Field(description="Only files below this folder")] = None,
        limit: Annotated[int, Field(ge=1, le=100, description="How many files at most")] = 10,
        each_kind: Annotated[bool, Field(description="So many of every kind of file")] = False,
    ) -> Found:
        """Find files by words, by a file they resemble (of any kind), or by both."""
        alike = [] if like is None else [{"path": like}]
        with _told():
            found = service.client().search(
                words, like=alike, kinds=kinds or [], under=under, limit=limit, each_kind=each_kind
            )
        return Found.model_validate(found)

    @server.tool(annotations=only_looks, structured_output=False)
    def show(
        path: Annotated[str, Field(description="A file that was found")],
        start: Annotated[float | None, Field(ge=0, description="Second at which to look into a film or sound")] = None,
        end: Annotated[float | None, Field(ge=0, description="Second until which")] = None,
        page: Annotated[int | None, Field(ge=1, description="Page of a document, from 1")] = None,
    ) -> Sequence[str | Image]:
        """Show an indexed file: its picture, its text, a page, a moment of a film, the waveform of a sound."""
        with _told():
            return _shown(service.client(), path, start, end, page)

    @server.tool(annotations=only_looks)
    def status() -> LibraryState:
        """What the library holds, and whether indexing is going on."""
        with _told():
            state = service.client().status()
        return LibraryState.model_validate(state | {"folders": sorted(state["roots"])})

    return server


@contextmanager
def _told() -> Iterator[None]:
    """What is a user's to solve is told to the model in one line."""
    try:
        yield
    except SynestheteError as error:
        raise ToolError(str(error)) from error


def _shown(
    client: ServiceClient, path: str, start: float | None, end: float | None, page: int | None
) -> Sequence[str | Image]:
    format = format_of(Path(path))
    parts: list[str | Image] = []
    refusal: QueryError | None = None
    if format is None or format.kind in ("text", "document"):
        try:
            parts.append(_shortened(client.text(path, page)))
        except QueryError as error:
            refusal = error
    if format is None or format.kind != "text":
        try:
            picture, media_type = client.preview(path, start=start, end=end, page=page, size="large")
            parts.append(Image(data=picture, format=media_type.rpartition("/")[2]))
        except QueryError as error:
            refusal = error
    if not parts:
        assert refusal is not None
        raise refusal
    return parts


def _shortened(text: str) -> str:
    rest = len(text) - _SHOWN_CHARACTERS
    return text if rest <= 0 else f"{text[:_SHOWN_CHARACTERS]}\n[{rest} more characters]"
