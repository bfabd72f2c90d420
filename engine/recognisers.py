"""What the settings ask to be recognised, held against what is installed and on this disk."""

import logging
from importlib.util import find_spec
from pathlib import Path

from engine.paths import expanded
from engine.settings import WordsSettings
from indexer.errors import RecogniserError
from indexer.transcripts import Recognisers, SpeechModel

_log = logging.getLogger(__name__)


def find_recognisers(settings: WordsSettings) -> Recognisers:
    """The recognisers to use. A speech model that is named and not on this disk is fetched, which is said.

    One that cannot be fetched is said too and left out, so that files are indexed without transcripts until it can.
    Raises RecogniserError when an extra is missing or no such model is known.
    """
    if settings.ocr:
        _require("rapidocr", "ocr", "ocr = true")
    if not settings.speech:
        return Recognisers(settings.ocr)
    _require("faster_whisper", "speech", f'speech = "{settings.speech}"')
    folder = _named_folder(settings.speech) or _fetched(settings.speech)
    return Recognisers(settings.ocr, SpeechModel(settings.speech, folder) if folder is not None else None)


def _require(module: str, extra: str, setting: str) -> None:
    if find_spec(module) is None:
        raise RecogniserError(f"[words] {setting} needs the extra `{extra}`: pip install 'synesthete[{extra}]'")


def _named_folder(name: str) -> Path | None:
    """The folder called ``name``; None when it is the name of a model of faster-whisper's."""
    folder = expanded(name)
    if folder.is_dir():
        if not (folder / "model.bin").is_file():
            raise RecogniserError(f"{folder}: no Whisper model for CTranslate2 in it (model.bin is missing)")
        return folder.absolute()
    if name.startswith(("/", "~", ".")):
        raise RecogniserError(f"{folder}: there is no such folder; [words] speech names a Whisper model or its folder")
    return None


def _fetched(name: str) -> Path | None:
    from faster_whisper import available_models, download_model

    if name not in available_models():
        raise RecogniserError(
            f'[words] speech = "{name}" names no folder and no model; models are {", ".join(available_models())}'
        )
    try:
        return Path(download_model(name, local_files_only=True))
    except Exception:  # whatever the hub's client raises: it is not here
        _log.warning("fetching the speech model %s, which [words] speech names; this happens once", name)
    try:
        return Path(download_model(name))
    except Exception as error:
        said = (str(error) or type(error).__name__).splitlines()[0][:120]
        _log.warning(
            "the speech model %s cannot be fetched (%s); sounds are indexed without transcripts, "
            "which a later `synesthete index` makes up for",
            name,
            said,
        )
        return None
