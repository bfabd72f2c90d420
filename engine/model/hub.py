"""Models of a hub: their names, and how they come to this machine. Only ``download`` goes to the network.

What was fetched lies in huggingface_hub's own cache (``HF_HOME``), shared with other programs; a download that is cut
off goes on where it stopped. huggingface_hub is imported when it is needed.
"""

import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine.errors import HubError
from engine.model.hub_files import missing_files, offline

PREFIX = "hub:"
COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
# Weights in forms we do not read; pickles may run code when they are opened.
_UNREAD = ["*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "*.onnx_data", "*.gguf"]
_UNREAD += ["onnx/*", "openvino/*", "*.mlmodel", "*.tflite", "original/*"]
_WEIGHTS = ["*.safetensors"]  # a part of them is enough for some, see ``download``; ``missing_files`` looks at these


@dataclass(frozen=True)
class HubName:
    """A model of a hub: ORG/NAME, and a branch, tag or commit if one was named."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository + (f"@{self.revision}" if self.revision else "")


def parse_name(name: str) -> HubName:
    """``name`` with or without "hub:" before it. Raises ``HubError``."""
    found = _NAME.fullmatch(name.removeprefix(PREFIX))
    if found is None:
        raise HubError(
            f"{name} is no name of a model on a hub; it should look like hub:ORG/NAME or hub:ORG/NAME@REVISION"
        )
    return HubName(found["repository"], found["revision"])


def local_folder(name: HubName, *, whole: bool = True) -> Path:
    """Where a model that was downloaded lies; never goes to the network. Raises ``HubError`` if it is not all there.

    Not ``whole``: some of its weights are enough.
    """
    from huggingface_hub import snapshot_download

    again = f"`synesthete model download {name}`"
    try:
        with offline():
            found = snapshot_download(
                name.repository, revision=name.revision, local_files_only=True, ignore_patterns=[*_UNREAD, *_WEIGHTS]
            )
    except (OSError, ValueError) as error:
        raise HubError(f"model {name} is not on this machine; {again} fetches it") from error
    folder = Path(found)
    missing = missing_files(folder)
    if missing and whole:
        raise HubError(f"model {name} was not downloaded to its end ({missing[0]} is missing); {again} goes on with it")
    return folder


def download(name: HubName, only: str | None = None, *, show_progress: bool = True) -> Path:
    """Fetch a model into the cache, or what is missing of it, and return its folder.

    ``only``: of the weights, just the files that hold tensors with this in their names. Raises ``HubError`` in one line
    for a model or revision that does not exist or is not open to the user, no network, or no space.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.logging import set_verbosity
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    set_verbosity(logging.CRITICAL)  # it says what it tries again; what comes of it is said here, in one line
    (enable_progress_bars if show_progress else disable_progress_bars)()
    try:
        wanted, unread = _wanted(name, only), None if only else _UNREAD
        _check_space(name, wanted, unread)
        return Path(
            snapshot_download(name.repository, revision=name.revision, allow_patterns=wanted, ignore_patterns=unread)
        )
    except HubError:
        raise
    except Exception as error:  # many libraries stand between us and a hub
        raise HubError(f"model {name}{_what_failed(name, error)}") from error


def _what_failed(name: HubName, error: BaseException) -> str:
    """What to tell the user: the rest of a line that begins with the model's name."""
    from huggingface_hub.errors import (
        DryRunError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, DryRunError | LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, GatedRepoError):
        return " asks for its terms to be accepted: do so on its page, `hf auth login`, then try again"
    if isinstance(error, RevisionNotFoundError):
        return f": there is no revision {name.revision}; without one the newest is taken"
    if isinstance(error, RepositoryNotFoundError):
        return " does not exist on the hub, or is private (`hf auth login`); `synesthete model list` names some"
    if isinstance(error, OfflineModeIsEnabled):
        return " cannot be fetched: the variable HF_HUB_OFFLINE forbids it; unset it to go to the network"
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return f": the hub failed ({error.response.status_code}); try again later, what is here already stays"
    network = type(error).__module__.startswith("httpx")
    if network or isinstance(error, LocalEntryNotFoundError | ConnectionError | TimeoutError):
        return ": the hub cannot be reached; check the network and try again, what is here already stays"
    if isinstance(error, OSError) and error.errno is not None:
        return (
            f": it cannot be written to {_cache()} ({error.strerror}); make room, or set HF_HOME to another disk, and "
            "try again; files that are whole stay"
        )
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return f": it could not be fetched ({first}); try again, what is here already stays"


def may_run_code(name: HubName | None, folder: Path, setting: str) -> bool:
    """Whether the settings (``[model] remote_code``) allow the Python code of just this model and commit.

    Raises ``HubError`` for a setting that names no commit: a branch may be another one tomorrow.
    """
    if not setting:
        return False
    allowed = parse_name(setting)
    if allowed.revision is None or COMMIT.fullmatch(allowed.revision) is None:
        raise HubError(f'[model] remote_code = "{setting}" must name the commit, as in ORG/NAME@40-hexadecimal-digits')
    return name is not None and name.repository == allowed.repository and folder.name == allowed.revision


def _wanted(name: HubName, only: str | None) -> list[str] | None:
    """The patterns of file names to fetch; None means all that can be read."""
    if only is None:
        return None
    import json

    from huggingface_hub import hf_hub_download

    index = hf_hub_download(name.repository, "model.safetensors.index.json", revision=name.revision)
    tensors = json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"]
    files = sorted({file for tensor, file in tensors.items() if only in tensor})
    if not files:
        raise HubError(f"model {name}: none of its tensors has {only} in its name")
    return [*files, "*.json", "*.txt", "*.jinja"]


def _check_space(name: HubName, wanted: list[str] | None, unread: list[str] | None) -> None:
    """Better to say so before than after many gigabytes."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    with disable_progress_bars():  # until something is fetched
        files = snapshot_download(
            name.repository, revision=name.revision, allow_patterns=wanted, ignore_patterns=unread, dry_run=True
        )
    needed = sum(file.file_size or 0 for file in files if file.will_download)
    place = _cache()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise HubError(
            f"model {name} needs {needed / 1e9:.2f} GB more, and {place} has {free / 1e9:.2f}; make room, or set "
            "HF_HOME to another disk"
        )


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)
