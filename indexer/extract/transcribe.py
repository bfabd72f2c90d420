"""One transcript made: which module finds the words of an origin. This is what the worker process runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import ExtractionError, RecogniserError
from indexer.pieces import ExtractionLimits, MediaFormat
from storage.records import Origin, TextSegment


@dataclass(frozen=True)
class Transcription:
    """What is to be found in a file. ``subtitle``: the tracks inside it and the files ``beside`` it; ``recognised``:
    the text in its pictures; ``speech``: what is said in it, by the Whisper model in the folder ``model``."""

    origin: Origin
    beside: tuple[str, ...] = ()
    model: str = ""


def transcribe(
    path: Path, wanted: Transcription, media: MediaFormat, limits: ExtractionLimits
) -> Iterator[TextSegment | None]:
    """The words of one origin in a file; None says that the work goes on. The libraries are imported when needed.

    Raises ExtractionError when some of them cannot be had (what came before stands), RecogniserError when none of any
    file can; MemoryError is let through.
    """
    try:
        if wanted.origin == "recognised":
            from indexer.extract.writing import recognised_text

            yield from recognised_text(path, media, limits)
        elif wanted.origin == "speech":
            from indexer.extract.speech import spoken_words

            yield from spoken_words(path, limits, Path(wanted.model))
        else:
            yield from _subtitles(path, wanted.beside, limits)
    except (ExtractionError, RecogniserError, MemoryError):
        raise
    except Exception as error:
        if "alloc" in str(error).lower():  # how the recognisers' libraries say that memory has run out
            raise MemoryError from error
        said = (str(error).split("\n")[-1].strip() or type(error).__name__)[:200]
        raise ExtractionError(f"its words cannot be read: {said}") from error


def _subtitles(path: Path, beside: tuple[str, ...], limits: ExtractionLimits) -> Iterator[TextSegment | None]:
    """A subtitle file that cannot be read does not stop the others."""
    from indexer.extract.subtitles import embedded_subtitles, read_subtitle_file

    faults = []
    yield from embedded_subtitles(path)
    for name in beside:
        try:
            yield from read_subtitle_file(Path(name), limits)
        except FileNotFoundError:
            continue  # the next run sees that it is gone
        except ExtractionError as error:
            faults.append(f"{Path(name).name}: {error}")
        except OSError as error:
            faults.append(f"{Path(name).name}: it cannot be read ({error.strerror or error})")
    if faults:
        raise ExtractionError("; ".join(faults))
