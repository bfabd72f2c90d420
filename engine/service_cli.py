"""The commands that run the service and install it."""

import importlib.util
import shlex
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ServiceError
from engine.paths import typed_path


def serve(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH...]",
            parser=typed_path,
            help="With --watch: folders or files; default: those of the library.",
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep up with what changes there while it runs.")] = False,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="Address to listen on; default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="Port of the page.")] = None,
    until_stdin_ends: Annotated[
        bool,
        typer.Option("--until-stdin-ends", help="Stop when standard input ends: with its parent."),
    ] = False,
) -> None:
    """Answer searches, and show the web page, until stopped; other commands are quick while it runs."""
    if paths and not watch:
        raise typer.BadParameter("only `serve --watch` takes paths", param_hint="PATH...")
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
            (paths or []) if watch else None,
        )


def install_service(
    context: typer.Context,
    desktop: Annotated[
        bool, typer.Option("--desktop", help="Let the search of GNOME and KDE find it, too (extra `desktop`).")
    ] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Show the files instead of writing them.")] = False,
) -> None:
    """Write a systemd user unit that keeps the service running, and what a desktop wants to know of it."""
    from engine.service.desktop.files import desktop_files, gnome_command, install
    from engine.service.systemd import UNIT, install_unit, unit

    if desktop:
        _require("dbus_fast", "desktop")
    options = context.obj.options
    text = unit([*options, "serve"])
    files = desktop_files(options) if desktop else []
    if only_print:
        print(text, end="")
        for file in files:
            print(f"\n# {file.path}\n{file.text}", end="")
        return
    try:
        written = [install_unit(text), *(file.path for file in files)]
        install(files)
    except OSError as error:
        raise ServiceError(f"{error.filename}: the file cannot be written ({error.strerror})") from error
    for path in written:
        context.obj.out.print(f"written: {shlex.quote(str(path))}", markup=False)
    context.obj.out.print(
        f"now run: systemctl --user daemon-reload && systemctl --user enable --now {UNIT}", markup=False
    )
    if files:
        context.obj.out.print(f"for GNOME, which looks nowhere else: {gnome_command(files)}", markup=False)


def desktop(
    context: typer.Context,
    open_page: Annotated[bool, typer.Option("--open", help="Open the web page instead.")] = False,
) -> None:
    """Answer the search of GNOME and KDE; they start this themselves after `install-service --desktop`."""
    _require("dbus_fast", "desktop")
    from engine.service.desktop.run import answer_desktop, show_page
    from engine.service.start import SharedService

    if open_page:
        show_page()
        return
    service = SharedService(context.obj.folder, context.obj.options)
    try:
        answer_desktop(service, context.obj.settings.search.cutoff)
    finally:
        service.close()


def mcp(context: typer.Context) -> None:
    """Give a language model's program the tools search, show and status (Model Context Protocol, over stdin)."""
    _require("mcp", "mcp")
    from engine.service.mcp_server import create_server
    from engine.service.start import SharedService

    service = SharedService(context.obj.folder, context.obj.options)
    try:
        create_server(service).run()
    finally:
        service.close()


def _require(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ServiceError(f"the extra `{extra}` is needed: pip install 'synesthete[{extra}]'")
