"""One run of a command: on which library, under which settings, and where it prints to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engine.paths import expanded
from engine.printed import json_line
from engine.search_engine import SearchEngine
from engine.settings import Settings

# No emoji: a file may be called "a:cat:.jpg".
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
INTERRUPTED = 130
"""Exit code of what was stopped with Ctrl-C."""


@dataclass(frozen=True)
class Session:
    """A command that a service runs for another process: in which folder, what it prints to, on which library."""

    here: Path
    out: Console
    err: Console
    engine: SearchEngine
    data: Path
    settings: Settings


class OtherLibraryError(Exception):
    """A service was asked about another library than its own, or under other settings."""


@dataclass(frozen=True)
class Globals:
    """What stands before a command: which library, under which settings, and for whom it runs."""

    data: Path | None
    settings: Settings
    session: Session | None
    settings_file: Path | None = None

    @property
    def options(self) -> list[str]:
        """What stands before the command of another process that is to mean the same; nothing if nothing was said."""
        if self.data is None and self.settings_file is None:
            return []
        named = [] if self.settings_file is None else ["--settings", str(expanded(self.settings_file).absolute())]
        return ["--data", str(self.folder), *named]

    @property
    def folder(self) -> Path:
        folder = self.settings.data_folder if self.data is None else self.here / expanded(self.data)
        return folder.absolute()

    @property
    def here(self) -> Path:
        return Path() if self.session is None else self.session.here

    @property
    def out(self) -> Console:
        return out if self.session is None else self.session.out

    @property
    def err(self) -> Console:
        return err if self.session is None else self.session.err

    @contextmanager
    def open(self) -> Iterator[SearchEngine]:
        if self.session is None:
            with SearchEngine.open(self.folder, self.settings) as engine:
                yield engine
        elif (self.folder, self.settings) == (self.session.data, self.session.settings):
            yield self.session.engine
        else:
            raise OtherLibraryError


def print_json(value: Any, console: Console = out) -> None:
    """Print ``value`` as one line of JSON."""
    print(json_line(value, console.file), file=console.file)
