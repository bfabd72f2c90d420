"""Commands that another process hands on: the same program, run here, where model and library are loaded already."""

import io
from pathlib import Path

import typer
from rich.console import Console
from typer.exceptions import TyperException

from engine.printed import printed
from engine.search_engine import SearchEngine
from engine.service.forward import FORWARDED, command_of, environment
from engine.service.messages import CommandAnswer, CommandBody
from engine.settings import Settings
from storage.errors import SynestheteError


class NotForUsError(Exception):
    """The command is about another library or other settings, or is none that a service runs."""


def run_command(body: CommandBody, engine: SearchEngine, data: Path, settings: Settings) -> CommandAnswer:
    """Run it as it would run in ``body.folder``. Raises NotForUsError: then its own process has to run it."""
    from engine.cli import app  # which imports what runs this
    from engine.session import OtherLibraryError, Session

    if command_of(body.arguments) not in FORWARDED or body.environment != environment():
        raise NotForUsError
    said, complained = io.StringIO(), io.StringIO()

    def console(file: io.StringIO) -> Console:
        return Console(
            file=file,
            highlight=False,
            soft_wrap=True,
            emoji=False,
            width=body.columns,
            force_terminal=body.colours,
            color_system="256" if body.colours else None,
        )

    session = Session(Path(body.folder), console(said), console(complained), engine, data, settings)
    try:
        code = app(body.arguments, standalone_mode=False, obj=session) or 0
    except SynestheteError as error:
        session.err.print(printed(f"synesthete: {error}"), markup=False)
        code = error.exit_code
    except typer.Exit as end:
        code = end.exit_code
    except (OtherLibraryError, TyperException) as error:  # its own process knows best how to explain the usage
        raise NotForUsError from error
    return CommandAnswer(out=said.getvalue(), err=complained.getvalue(), code=int(code))
