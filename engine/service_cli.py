"""The commands that run the service and install it."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ServiceError


def add_service_commands(app: typer.Typer) -> None:
    """Give ``app`` the commands below."""
    app.command()(serve)
    app.command()(install_service)
    app.command()(mcp)


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="Address to listen on; default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="Port of the page.")] = None,
    until_stdin_ends: Annotated[
        bool,
        typer.Option("--until-stdin-ends", help="Stop when standard input ends: with its parent."),
    ] = False,
) -> None:
    """Answer searches, and show the web page, until stopped; other commands are quick while it runs."""
    from engine.service.serve import serve as run

    settings = context.obj.settings
    with context.obj.open() as engine:
        run(
            engine,
            context.obj.folder,
            settings,
            settings.service.host if host is None else host,
            settings.service.port if port is None else port,
            lambda link: context.obj.out.print(f"synesthete is at {link}", markup=False),
            until_stdin_ends,
        )


def install_service(
    context: typer.Context,
    only_print: Annotated[bool, typer.Option("--print", help="Show the unit instead of writing it.")] = False,
) -> None:
    """Write a systemd user unit that keeps the service running."""
    from engine.service.systemd import UNIT, install_unit, unit

    data: Path | None = context.obj.data
    text = unit([*([] if data is None else ["--data", str(context.obj.folder)]), "serve"])
    if only_print:
        print(text, end="")
        return
    try:
        path = install_unit(text)
    except OSError as error:
        raise ServiceError(f"{error.filename}: the unit cannot be written ({error.strerror})") from error
    context.obj.out.print(f"written: {shlex.quote(str(path))}", markup=False)
    context.obj.out.print(
        f"now run: systemctl --user daemon-reload && systemctl --user enable --now {UNIT}", markup=False
    )


def mcp(context: typer.Context) -> None:
    """Give a language model's program the tools search, show and status (Model Context Protocol, over stdin)."""
    from engine.service.start import SharedService

    try:
        from engine.service.mcp_server import create_server
    except ModuleNotFoundError as error:
        raise ServiceError("the extra `mcp` is needed: pip install 'synesthete[mcp]'") from error
    service = SharedService(context.obj.folder, context.obj.options)
    try:
        create_server(service).run()
    finally:
        service.close()
