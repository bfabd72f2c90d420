"""What can be called over D-Bus: GNOME Shell's and KRunner's interfaces for searching, and our own.

org.gnome.Shell.SearchProvider2: https://developer.gnome.org/documentation/tutorials/search-provider.html
org.kde.krunner1: https://develop.kde.org/docs/plasma/krunner/
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from dbus_fast import DBusError, Variant
from dbus_fast.annotations import DBusBool, DBusDict, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal
from dbus_fast.unpack import unpack_variants

from engine.errors import QueryError
from engine.service.client import ServiceClient
from engine.service.desktop import NAME
from engine.service.desktop.found import ICONS, Finder, FoundPlace, both_orders
from engine.service.desktop.opening import open_address, open_place
from engine.service.start import SharedService
from indexer.pause import is_paused, pause, resume
from storage.errors import SynestheteError

_LOW, _MODERATE = 10, 50  # KRunner::QueryMatch::CategoryRelevance

Strings = Annotated[list[str], DBusSignature("as")]
Dictionaries = Annotated[list[dict[str, Variant]], DBusSignature("aa{sv}")]
Actions = Annotated[list[list[str]], DBusSignature("a(sss)")]
Matches = Annotated[list[list[Any]], DBusSignature("a(sssida{sv})")]
Answer = TypeVar("Answer")


class GnomeSearch(ServiceInterface):
    """``org.gnome.Shell.SearchProvider2``."""

    def __init__(self, finder: Finder, service: SharedService) -> None:
        super().__init__("org.gnome.Shell.SearchProvider2")
        self._finder, self._service = finder, service

    @dbus_method("GetInitialResultSet")
    async def initial(self, terms: Strings) -> Strings:
        """The identifiers of what answers."""
        with _told():
            return [place.identifier for place in await self._finder.find(" ".join(terms))]

    @dbus_method("GetSubsearchResultSet")
    async def subsearch(self, previous_results: Strings, terms: Strings) -> Strings:
        """As if asked anew: what half a word means says nothing about the whole one."""
        with _told():
            return [place.identifier for place in await self._finder.find(" ".join(terms))]

    @dbus_method("GetResultMetas")
    async def metas(self, identifiers: Strings) -> Dictionaries:
        """What is shown of each."""
        places = [place for each in identifiers if (place := self._finder.found(each)) is not None]
        pictures = await self._finder.pictures(places)
        return [_meta(place, picture) for place, picture in zip(places, pictures, strict=True)]

    @dbus_method("ActivateResult")
    async def activate(self, identifier: DBusStr, terms: Strings, timestamp: DBusUInt32) -> None:
        """Open what was found."""
        with _told():
            await _open(self._finder, identifier)

    @dbus_method("LaunchSearch")
    async def launch(self, terms: Strings, timestamp: DBusUInt32) -> None:
        """Ask the same on the web page."""
        with _told():
            await _show_page(self._service, " ".join(terms))


class KdeSearch(ServiceInterface):
    """``org.kde.krunner1``."""

    def __init__(self, finder: Finder) -> None:
        super().__init__("org.kde.krunner1")
        self._finder = finder

    @dbus_method("Actions")
    def actions(self) -> Actions:
        """What else can be done with a match: identifier, text, icon."""
        return [["folder", "Open its folder", "document-open-folder"]]

    @dbus_method("Match")
    async def match(self, query: DBusStr) -> Matches:
        """What answers: identifier, text, icon, category, relevance and more."""
        with _told():
            places = await self._finder.find(query)
            pictures = await self._finder.pictures(places)
        matches = []
        for place, picture in zip(places, pictures, strict=True):
            category = "synesthete" if place.by is None else f"synesthete, by the {place.by} model"
            more = {"subtext": Variant("s", place.description), "category": Variant("s", category)}
            more["urls"] = Variant("as", [place.path.as_uri()])
            if picture is not None:
                more["icon-data"] = Variant("(iiibiiay)", list(picture))
            weight = _MODERATE if place.by is None else _LOW  # categories are listed in this order
            matches.append([place.identifier, place.name, ICONS[place.kind], weight, place.relevance, more])
        return matches

    @dbus_method("Run")
    async def run(self, identifier: DBusStr, action: DBusStr) -> None:
        """Open a match, or its folder."""
        with _told():
            await _open(self._finder, identifier, in_folder=action == "folder")

    @dbus_method("Teardown")
    def teardown(self) -> None:
        """The search is over; there is nothing to let go of."""


class OwnInterface(ServiceInterface):
    """Our own, for other programs."""

    def __init__(self, service: SharedService) -> None:
        super().__init__(NAME)
        self._service = service

    @dbus_method("Search")
    async def search(self, words: DBusStr, query: DBusDict) -> Dictionaries:
        """The hits, with the fields of ``search --json``; ``query``: fields of the body of ``POST /v1/search``.

        Last come those that stand apart, with a field more: ``apart``, the name of the model whose they are.
        """
        asked = unpack_variants(query)
        with _told():
            if "words" in asked:
                raise QueryError("words are the first argument")
            answer = await self._ask(lambda client: client.search(words, **asked))
        return [_dictionary(hit if by is None else hit | {"apart": by}) for hit, by in both_orders(answer)]

    @dbus_method("Show")
    async def show(self, words: DBusStr) -> None:
        """Open the web page, and ask it with ``words`` if there are any."""
        with _told():
            await _show_page(self._service, words)

    @dbus_method("Status")
    async def status(self) -> DBusDict:
        """What the library holds."""
        with _told():
            state = await self._ask(lambda client: client.status())
        return _dictionary(state | {"roots": sorted(state["roots"]), "paused": is_paused(self._service.data)})

    @dbus_method("Index")
    async def index(self) -> DBusBool:
        """Look for changes in the library's folders; false if that is going on already."""
        with _told():
            return await self._ask(lambda client: client.index())

    @dbus_method("Pause")
    def pause(self) -> None:
        """Let whatever indexes into this library wait."""
        with _told():
            pause(self._service.data)

    @dbus_method("Resume")
    def resume(self) -> None:
        """Let it go on."""
        with _told():
            resume(self._service.data)

    @dbus_signal("Progress")
    def progress(self, state: dict[str, Any]) -> DBusDict:
        """How far indexing is, whenever that changes: ``running``, ``stage``, ``done``, ``total`` and more."""
        return _dictionary(state)

    async def _ask(self, ask: Callable[[ServiceClient], Answer]) -> Answer:
        return await asyncio.to_thread(lambda: ask(self._service.client()))


@contextmanager
def _told() -> Iterator[None]:
    """What is a user's to solve goes to the caller as an error, in one line."""
    try:
        yield
    except SynestheteError as error:
        raise DBusError(
            f"{NAME}.Error.{'Refused' if isinstance(error, QueryError) else 'Failed'}", str(error)
        ) from error


async def _open(finder: Finder, identifier: str, in_folder: bool = False) -> None:
    """Only what was found lately is opened: whoever may speak on the bus cannot have just any file opened."""
    place = finder.found(identifier)
    if place is None:
        raise QueryError("this is no longer known; search again")
    if in_folder:
        await open_place(place.path.parent, None, None)
    else:
        await open_place(place.path, place.start, place.page)


async def _show_page(service: SharedService, words: str) -> None:
    address = await asyncio.to_thread(lambda: service.client().page())
    await open_address(address + (f"#words={quote(words)}" if words.strip() else ""))


def _meta(place: FoundPlace, picture: Any) -> dict[str, Variant]:
    meta = {name: Variant("s", getattr(place, name)) for name in ("name", "description")}
    meta["id"] = Variant("s", place.identifier)
    if picture is None:
        meta["gicon"] = Variant("s", ICONS[place.kind])
    else:
        meta["icon-data"] = Variant("(iiibiiay)", list(picture))
    return meta


def _dictionary(fields: dict[str, Any]) -> dict[str, Variant]:
    """``fields`` for D-Bus, which has no null: what is None is left out."""
    return {name: _variant(value) for name, value in fields.items() if value is not None}


def _variant(value: Any) -> Variant:
    match value:
        case bool():
            return Variant("b", value)
        case int():
            return Variant("x", value)
        case float():
            return Variant("d", value)
        case str():
            return Variant("s", value)
        case dict():
            return Variant("a{sv}", _dictionary(value))
        case [dict(), *_]:
            return Variant("aa{sv}", [_dictionary(each) for each in value])
        case [int(), *_]:
            return Variant("ax", value)
        case list() | tuple():
            return Variant("as", list(value))
    raise TypeError(f"{type(value)} cannot go over D-Bus")
