"""Every setting with its default. ``settings.toml`` at the root shows the same to users; a test holds it against this.

Later wins: the defaults, the user's own file, the file named with ``--settings``, ``SYNESTHETE_*`` variables
(``SYNESTHETE_INDEX__WORKERS=4`` sets ``workers`` in ``[index]``).
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from engine.errors import SettingsError
from engine.paths import expanded
from indexer.ignore import compiled
from indexer.priority import Priority

_PREFIX = "SYNESTHETE_"


def _number(value: Any) -> Any:
    """A variable of the environment is text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LibrarySettings(_Section):
    """Where the library lives."""

    data: str = ""


class ModelSettings(_Section):
    """Which model embeds, and on what."""

    name: str = Field(default="bundled", min_length=1)
    device: str = "auto"
    bits: Annotated[Literal[16, 8, 4], BeforeValidator(_number)] = 16
    dimension: int = Field(default=0, ge=0)
    remote_code: str = ""
    threads: int = Field(default=0, ge=0)


class IndexSettings(_Section):
    """How files are taken in."""

    workers: int = Field(default=2, ge=1)
    batch: int = Field(default=32, ge=1)
    kind: Literal["auto", "exact", "approximate"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    ignore: list[str] = []
    hidden: bool = False
    caches: bool = False
    priority: Priority = "idle"
    pause_below_battery: float = Field(default=20.0, ge=0, le=100)

    @field_validator("ignore")
    @classmethod
    def _are_patterns(cls, ignore: list[str]) -> list[str]:
        wrong = compiled(ignore)[1]
        if wrong:
            raise ValueError(f"{ignore[wrong[0] - 1]!r} is no pattern")
        return ignore


class WatchSettings(_Section):
    """How `watch` keeps up."""

    settle_seconds: float = Field(default=1.0, gt=0)
    rescan_minutes: float = Field(default=60.0, gt=0)
    poll_seconds: float = Field(default=60.0, gt=0)


class WordsSettings(_Section):
    """What is recognised to be found by exact words."""

    ocr: bool = False
    speech: str = ""


class LimitSettings(_Section):
    """How much one file may cost."""

    seconds: float = Field(default=600.0, gt=0)
    memory_megabytes: int = Field(default=2048, ge=256)
    megapixels: float = Field(default=200.0, gt=0)
    pages: int = Field(default=2000, ge=1)
    frames: int = Field(default=1_500_000, ge=1)
    media_hours: float = Field(default=12.0, gt=0)
    text_megabytes: float = Field(default=20.0, gt=0)
    file_megabytes: float = Field(default=50_000.0, gt=0)


class SearchSettings(_Section):
    """How answers are given."""

    results: int = Field(default=10, ge=1)
    cutoff: float = Field(default=0.9, ge=0, le=1)


class ServiceSettings(_Section):
    """Where the service listens, and what it takes."""

    host: str = "127.0.0.1"
    port: int = Field(default=7878, ge=0, le=65535)
    hosts: list[str] = []
    upload_megabytes: float = Field(default=500.0, gt=0)


class Settings(BaseSettings):
    """All settings, checked. Build it with ``load_settings``."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    library: LibrarySettings = LibrarySettings()
    model: ModelSettings = ModelSettings()
    index: IndexSettings = IndexSettings()
    watch: WatchSettings = WatchSettings()
    words: WordsSettings = WordsSettings()
    limits: LimitSettings = LimitSettings()
    search: SearchSettings = SearchSettings()
    service: ServiceSettings = ServiceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @property
    def data_folder(self) -> Path:
        """Where the catalog and the vector index live."""
        if self.library.data:
            return expanded(self.library.data).absolute()
        return platformdirs.user_data_path("synesthete", appauthor=False)


def user_settings_file() -> Path:
    """The file in which a user keeps settings of their own."""
    return platformdirs.user_config_path("synesthete", appauthor=False) / "settings.toml"


def load_settings(file: Path | None = None) -> Settings:
    """The settings in force; ``file`` is what the user named. Raises SettingsError in one line."""
    _refuse_unknown_variables()
    values: dict[str, Any] = {}
    origin = "the environment"
    for path in (user_settings_file(), file):
        if path is not None and (path == file or path.exists()):
            _merge(values, _read(path))
            origin = str(path)
    try:
        return Settings(**values)
    except (ValidationError, ValueError) as error:
        place = _variable_at_fault(error) or origin
        raise SettingsError(f"{place}: {_first_fault(error)}; see settings.toml for what there is") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: the settings cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is not valid TOML: {error}") from error


def _merge(values: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            _merge(values[name], value)
        else:
            values[name] = value


def _refuse_unknown_variables() -> None:
    """A misspelt variable would otherwise be passed over in silence."""
    known = {
        f"{_PREFIX}{section}__{key}".upper()
        for section, field in Settings.model_fields.items()
        for key in field.default.__class__.model_fields
    }
    for name in os.environ:
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            raise SettingsError(f"the variable {name} names no setting; one that does is SYNESTHETE_INDEX__WORKERS")


def _variable_at_fault(error: ValidationError | ValueError) -> str | None:
    if not isinstance(error, ValidationError):
        return None
    name = _PREFIX + "__".join(str(part) for part in error.errors()[0]["loc"][:2]).upper()
    return f"the variable {name}" if name in map(str.upper, os.environ) else None


def _first_fault(error: ValidationError | ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{where} is no setting"
    return f"{where} = {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
