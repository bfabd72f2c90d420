"""Change one setting in the user's own settings file, leaving every other line as it is."""

import json
import re
import tomllib
from pathlib import Path

from engine.errors import SettingsError
from storage.atomic import replaced_file


def write_setting(file: Path, section: str, key: str, value: str) -> None:
    """Set ``key`` in ``[section]`` of the TOML ``file``, which is created if need be. Raises ``SettingsError``."""
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        changed = with_setting(text, section, key, value)
        if tomllib.loads(changed)[section][key] != value:
            raise ValueError(f"[{section}] {key} could not be set")
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(file) as path:
            path.write_text(changed, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: the settings cannot be written ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{file}: {error}; set [{section}] {key} = {json.dumps(value)} by hand") from error


def with_setting(text: str, section: str, key: str, value: str) -> str:
    """``text`` with the line of ``key`` in ``[section]`` put in place of the old one, or added."""
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    lines = text.splitlines()
    start = next((n for n, each in enumerate(lines) if re.match(rf"\s*\[\s*{section}\s*\]", each)), None)
    if start is None:
        return "\n".join([*lines, *([""] if lines else []), f"[{section}]", line, ""])
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"\s*\[", lines[n])), len(lines))
    for number in range(start + 1, end):
        if re.match(rf"\s*{key}\s*=", lines[number]):
            lines[number] = line
            break
    else:
        lines.insert(start + 1, line)
    return "\n".join([*lines, ""])
