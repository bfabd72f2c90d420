"""The tools of language models, called by the SDK's own client from the program as such a client starts it."""

import asyncio
import base64
import io
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import Samples
from tests.service_process import environment, running

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
from mcp import Client, StdioServerParameters


@dataclass(frozen=True)
class Library:
    data: Path
    folder: Path
    files: Path
    queries: Path

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.folder)


@pytest.fixture(scope="module")
def library(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("m")
    shutil.copytree(samples.program.data, folder / "data")
    with running(folder / "data", folder):
        yield Library(folder / "data", folder, samples.library, samples.queries)


@asynccontextmanager
async def tools(library: Library) -> AsyncIterator[Client]:
    arguments = ["-m", "engine.program", "--data", str(library.data), "mcp"]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments, env=library.environment)) as client:
        yield client


def call(library: Library, name: str, **arguments: Any) -> Any:
    async def ask() -> Any:
        async with tools(library) as client:
            return await client.call_tool(name, arguments)

    return asyncio.run(ask())


def test_there_are_three_tools_and_each_is_described(library: Library) -> None:
    async def listed() -> Any:
        async with tools(library) as client:
            return (await client.list_tools()).tools

    found = {tool.name: tool for tool in asyncio.run(listed())}
    assert set(found) == {"search", "show", "status"}
    for tool in found.values():
        assert tool.description and tool.annotations.read_only_hint
        assert all("description" in field for field in tool.input_schema.get("properties", {}).values()), tool.name


def test_words_and_files_find_what_they_find_on_the_command_line(library: Library) -> None:
    result = call(library, "search", words="a black bird", kinds=["image"], limit=2)
    assert not result.is_error
    assert json.loads(result.content[0].text) == result.structured_content
    assert result.structured_content["hits"][0]["path"] == str(library.files / "Pictures/IMG_2041.jpg")
    assert len(result.structured_content["hits"]) == 2
    alike = call(library, "search", like=str(library.queries / "till.mp3"), kinds=["audio"], limit=1)
    (hit,) = alike.structured_content["hits"]
    assert hit["path"].endswith("recording-10.flac") and hit["end"] > hit["start"]


def test_what_was_found_is_shown_as_pictures_and_text(library: Library) -> None:
    async def shown() -> Any:
        async with tools(library) as client:
            places = [
                {"path": str(library.files / "Pictures/IMG_2041.jpg")},
                {"path": str(sorted(library.files.glob("Videos/*"))[0]), "start": 4, "end": 8},
                {"path": str(library.files / "Sounds/recording-01.wav")},
                {"path": str(library.files / "Notes/soup.md")},
                {"path": str(library.files / "Documents/field-guide.pdf"), "page": 2},
            ]
            return [(await client.call_tool("show", place)).content for place in places]

    picture, film, sound, text, page = asyncio.run(shown())
    assert [[part.type for part in each] for each in (picture, film, sound, text)] == [["image"]] * 3 + [["text"]]
    assert [part.type for part in page] == ["text", "image"]
    for part in (picture[0], film[0], sound[0], page[1]):
        image = Image.open(io.BytesIO(base64.b64decode(part.data)))
        assert min(image.size) >= 100 and part.mime_type == f"image/{(image.format or '').lower()}"
    assert " ".join((library.files / "Notes/soup.md").read_text().split())[:60] in " ".join(text[0].text.split())
    assert "Mushrooms" in page[0].text


def test_status_tells_what_there_is(library: Library) -> None:
    state = call(library, "status").structured_content
    assert state["sources"]["image"] > 5 and state["folders"] == [str(library.files)]


def test_what_cannot_be_done_is_said_in_words(library: Library) -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("show", {"path": "/etc/passwd"}, "no such file in the library"),
        ("show", {"path": "/nowhere/at/all.txt"}, "no such file in the library"),
        ("search", {}, "look for"),
        ("search", {"like": "/nowhere/at/all.png"}, "no such file"),
        ("search", {"words": "x", "kinds": ["smell"]}, "smell"),
    ]

    async def answers() -> Any:
        async with tools(library) as client:
            return [await client.call_tool(tool, arguments) for tool, arguments, _ in wrong]

    for (_, _, reason), result in zip(wrong, asyncio.run(answers()), strict=True):
        assert result.is_error and reason in result.content[0].text
        assert "Traceback" not in result.content[0].text


def test_without_a_service_one_is_started_that_ends_with_the_program(
    samples: Samples, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("n")
    library = Library(samples.program.data, folder, samples.library, samples.queries)
    result = call(library, "search", words="a black bird", kinds=["image"], limit=1)
    assert result.structured_content["hits"][0]["path"].endswith("IMG_2041.jpg")
    assert not list(folder.glob("run/synesthete/*.socket"))  # a service takes its socket away when it ends
