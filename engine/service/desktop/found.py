"""What a desktop's search shows: a line for each file that answers, with a small picture where one is quickly made."""

import asyncio
import contextlib
import io
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from engine.service.start import SharedService
from engine.show import clock_span
from storage.errors import SynestheteError
from storage.records import Modality

ICONS: dict[Modality, str] = {
    "text": "text-x-generic",
    "image": "image-x-generic",
    "video": "video-x-generic",
    "audio": "audio-x-generic",
    "document": "x-office-document",
}
"""Names of the freedesktop.org Icon Naming Specification."""

_SHORTEST_WORDS = 3
_RESULTS = 8
_REMEMBERED = 500
_PICTURE_SIDE = 96
_PICTURE_SECONDS = 1.0
_PAINTERS = 2

IconData = tuple[int, int, int, bool, int, int, bytes]
"""A picture as notifications have it: width, height, bytes a row, whether there is alpha, bits, channels, pixels."""


@dataclass(frozen=True)
class FoundPlace:
    """A file, and the place in it, that answers. ``identifier`` is its URL with a media fragment (``#t=4,8``).

    ``by``: which other model answers, where the one in use cannot read everything; nothing can be said of its relevance
    beside that of other places.
    """

    identifier: str
    path: Path
    kind: Modality
    relevance: float
    start: float | None
    end: float | None
    page: int | None
    by: str | None = None

    @property
    def name(self) -> str:
        """The name of the file."""
        return _readable(self.path.name)

    @property
    def description(self) -> str:
        """Where it lies, where in it the place is, and whether another model says so."""
        folder = self.path.parent
        with contextlib.suppress(ValueError):
            folder = "~" / folder.relative_to(Path.home())
        parts = [_readable(folder)]
        if self.start is not None and self.end is not None:
            parts.append(f"at {clock_span(self.start, self.end)}")
        elif self.page is not None:
            parts.append(f"page {self.page}")
        if self.by is not None:
            parts.append(f"by the {self.by} model")
        return ", ".join(parts)


class Finder:
    """Answers what is typed, letter by letter: only the latest question is put to the service."""

    def __init__(self, service: SharedService, cutoff: float) -> None:
        self._service, self._cutoff = service, cutoff
        self._questions = 0
        self._turn = asyncio.Lock()
        self._painters = ThreadPoolExecutor(max_workers=_PAINTERS)  # so that pictures hold up no search
        self._remembered: OrderedDict[str, FoundPlace] = OrderedDict()

    async def find(self, words: str) -> list[FoundPlace]:
        """Files that answer closely, those of another model last; none when a later question has come meanwhile.

        Raises SynestheteError.
        """
        self._questions += 1
        number = self._questions
        if len(words.strip()) < _SHORTEST_WORDS:
            return []
        async with self._turn:
            if number != self._questions:
                return []
            answer = await asyncio.to_thread(lambda: self._service.client().search(words, limit=_RESULTS))
        found = [_place(hit, by) for hit, by in both_orders(answer) if hit["relevance"] >= self._cutoff]
        for place in found:
            self._remembered[place.identifier] = place
            self._remembered.move_to_end(place.identifier)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return found

    def found(self, identifier: str) -> FoundPlace | None:
        """What was found under ``identifier`` lately."""
        return self._remembered.get(identifier)

    async def pictures(self, places: Sequence[FoundPlace]) -> list[IconData | None]:
        """A picture of each, or None where there is none in time."""
        return list(await asyncio.gather(*map(self._picture, places)))

    def close(self) -> None:
        """Drop the pictures that are still to be made."""
        self._painters.shutdown(wait=False, cancel_futures=True)

    async def _picture(self, place: FoundPlace) -> IconData | None:
        if place.kind == "text":
            return None
        making = asyncio.get_running_loop().run_in_executor(self._painters, self._make_picture, place)
        try:
            return await asyncio.wait_for(making, _PICTURE_SECONDS)
        except (TimeoutError, SynestheteError):
            return None

    def _make_picture(self, place: FoundPlace) -> IconData:
        client = self._service.client()
        return icon_data(client.preview(str(place.path), start=place.start, end=place.end, page=place.page)[0])


def icon_data(picture: bytes) -> IconData:
    """A JPEG or PNG, made small."""
    image = Image.open(io.BytesIO(picture)).convert("RGBA")
    image.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE))
    return image.width, image.height, 4 * image.width, True, 8, 4, image.tobytes()


def both_orders(answer: dict[str, Any]) -> list[tuple[dict[str, Any], str | None]]:
    """The hits of an answer; then those that stand apart, with the name of the model whose they are."""
    apart = answer["apart"]
    others = [(hit, apart["model"]) for hit in apart["hits"]] if apart else []
    return [*((hit, None) for hit in answer["hits"]), *others]


def _place(hit: dict[str, Any], by: str | None) -> FoundPlace:
    path, start, end, page = Path(hit["path"]), hit["start"], hit["end"], hit["page"]
    identifier = path.as_uri()
    if start is not None and end is not None:
        identifier += f"#t={start:g},{end:g}"
    elif page is not None:
        identifier += f"#page={page}"
    return FoundPlace(identifier, path, hit["kind"], hit["relevance"], start, end, page, by)


def _readable(name: Path | str) -> str:
    """A name as text: D-Bus takes no bytes that are none."""
    return os.fsencode(name).decode("utf-8", "replace")
