"""The files by which a desktop learns of the search: what they say, and where they lie."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.service.desktop import NAME, PATH
from engine.service.systemd import program
from storage.atomic import replaced_file

_DESKTOP_ID = "synesthete.desktop"
_ICON = "system-search"


@dataclass(frozen=True)
class DesktopFile:
    """A file, its place below the folder of shared data, and what it says."""

    place: str
    text: str

    @property
    def path(self) -> Path:
        """Where it lies for this user (XDG Base Directory Specification)."""
        return platformdirs.user_data_path() / self.place


def desktop_files(options: Sequence[str]) -> list[DesktopFile]:
    """All of them, for a program that is run with ``options`` (``--data`` and the like)."""
    command = [*program(), *options, "desktop"]
    return [
        DesktopFile(f"dbus-1/services/{NAME}.service", _bus_service(command)),
        DesktopFile(f"applications/{_DESKTOP_ID}", _application(command)),
        DesktopFile("krunner/dbusplugins/synesthete.desktop", _KRUNNER),
        DesktopFile("gnome-shell/search-providers/synesthete.ini", _GNOME),
    ]


def install(files: Sequence[DesktopFile]) -> None:
    """Write ``files`` for this user. Raises OSError."""
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(file.path) as path:
            path.write_text(file.text, encoding="utf-8")


def gnome_command(files: Sequence[DesktopFile]) -> str:
    """What has to be run besides: GNOME Shell reads its search providers from the system's folders alone."""
    (file,) = (file for file in files if file.place.startswith("gnome-shell/"))
    return f"sudo install -D -m 644 -t /usr/local/share/gnome-shell/search-providers {shlex.quote(str(file.path))}"


def _bus_service(command: Sequence[str]) -> str:
    """For D-Bus activation; the command is split as a shell would (D-Bus Specification, message bus starting)."""
    return f"[D-BUS Service]\nName={NAME}\nExec={_escaped(shlex.join(command))}\n"


def _application(command: Sequence[str]) -> str:
    """An entry in the menu, which opens the page; GNOME asks for one beside a search provider."""
    return f"""[Desktop Entry]
Type=Application
Name=synesthete
GenericName=Search by meaning
Comment=Find texts, pictures, documents, sounds and films by what is in them
Exec={_escaped(" ".join(map(_quoted, [*command, "--open"])))}
Icon={_ICON}
Terminal=false
Categories=Utility;
Keywords=search;find;files;
"""


_KRUNNER = f"""[Desktop Entry]
Type=Service
Name=synesthete
Comment=Find files by what is in them
Icon={_ICON}
X-KDE-ServiceTypes=Plasma/Runner
X-KDE-PluginInfo-Name=synesthete
X-KDE-PluginInfo-EnabledByDefault=true
X-Plasma-API=DBus
X-Plasma-DBusRunner-Service={NAME}
X-Plasma-DBusRunner-Path={PATH}
X-Plasma-Request-Actions-Once=true
X-Plasma-Runner-Min-Letter-Count=3
X-Plasma-Runner-Unique-Results=true
X-Plasma-Runner-Weak-Results=true
"""

_GNOME = f"""[Shell Search Provider]
DesktopId={_DESKTOP_ID}
BusName={NAME}
ObjectPath={PATH}
Version=2
"""


def _quoted(argument: str) -> str:
    """An argument of a desktop entry's command (Desktop Entry Specification, the Exec key)."""
    if argument.isascii() and argument.replace("-", "").replace("/", "").replace(".", "").replace("_", "").isalnum():
        return argument
    for special in ("\\", '"', "`", "$"):
        argument = argument.replace(special, f"\\{special}")
    return '"' + argument.replace("%", "%%") + '"'


def _escaped(value: str) -> str:
    """A value of a key: backslashes and line breaks are escaped once more."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")
