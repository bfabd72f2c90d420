"""What is kept of a file to compare it by: small pictures, the bits of its sound, and its pages' texts as digests."""

import hashlib
import io
import unicodedata
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.duplicates.pictures import CHROMA_SIDE, SmallPicture, small_picture
from engine.duplicates.sounds import CHUNK, FRAME, SAMPLE_RATE, SoundPrint, sound_print
from indexer.pieces import ExtractedPiece, Extraction, MediaFormat
from storage.records import Modality

VERSION = 1
"""To be raised whenever a fingerprint of the same bytes comes out otherwise: older ones are then made anew."""

COMPARED: tuple[Modality, ...] = ("image", "video", "audio", "document")

PICTURES_PER_SECOND = 2
"""How many pictures of a film are kept."""

_SIDES: dict[Modality, int] = {"image": 64, "video": 32, "document": 128, "audio": 32}
_MOMENT_PICTURES = 20  # of ten seconds at most
_TEXT_CHARACTERS = 2500
_LEAST_TEXT = 10
_ARRAY_BYTES = 200  # of an array besides its numbers


@dataclass(frozen=True)
class Fingerprint:
    """A file as it is compared with others.

    ``pictures``: the picture, the pages, or the film at even times, PICTURES_PER_SECOND; None where there is none.
    ``texts``: for each page a digest of its letters and digits, "" if it has hardly any. ``dimensions`` in pixels,
    ``duration`` in seconds.
    """

    pictures: tuple[SmallPicture | None, ...]
    texts: tuple[str, ...]
    sound: SoundPrint
    dimensions: tuple[int, int] | None
    duration: float | None

    @property
    def memory_bytes(self) -> int:
        """What it takes in memory, about: a film of two hours some 20 megabytes."""
        pictures = [picture for picture in self.pictures if picture is not None]
        numbers = sum(picture.luma.nbytes + picture.chroma.nbytes for picture in pictures)
        numbers += self.sound.bits.nbytes + self.sound.level.nbytes
        return numbers + _ARRAY_BYTES * (2 * len(pictures) + 2) + sum(map(len, self.texts))


def media_format(kind: Modality) -> MediaFormat:
    """The form in which files of ``kind`` are to be taken apart for their fingerprint."""
    return MediaFormat(
        image_size=_SIDES[kind],
        sample_rate=SAMPLE_RATE,
        window_seconds=(CHUNK + FRAME) / SAMPLE_RATE,
        hop_seconds=CHUNK / SAMPLE_RATE,
        frames_per_moment=_MOMENT_PICTURES,
    )


def fingerprint(kind: Modality, extraction: Extraction) -> Fingerprint:
    """The fingerprint of a file of ``kind`` that comes in the form of ``media_format(kind)``."""
    side = _SIDES[kind]
    pictures: list[SmallPicture | None] = []
    texts: list[str] = []
    end = 0.0

    def chunks() -> Iterable[tuple[float, NDArray[np.float32]]]:
        nonlocal end
        for piece in extraction.pieces:
            if piece.sound is not None:
                end = max(end, piece.end or 0.0)
                yield piece.start or 0.0, piece.sound
            elif piece.modality == "video":
                end = max(end, piece.end or 0.0)
                _add_moment(pictures, piece, side)
            elif piece.frames is not None or piece.text is not None:
                pictures.append(None if piece.frames is None else small_picture(piece.frames[0], side))
                texts.append(text_digest(piece.text or ""))

    sound = sound_print(chunks())
    return Fingerprint(
        pictures=tuple(pictures),
        texts=tuple(texts),
        sound=sound,
        dimensions=extraction.dimensions,
        duration=(extraction.duration or end) if kind in ("audio", "video") else None,
    )


def text_digest(text: str) -> str:
    """What a page says, whatever its line breaks, hyphens, ligatures and spaces; "" if that is next to nothing."""
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))[:_TEXT_CHARACTERS]
    return hashlib.blake2b(letters.encode(), digest_size=12).hexdigest() if len(letters) >= _LEAST_TEXT else ""


def to_bytes(one: Fingerprint) -> bytes:
    """A fingerprint for keeping, compressed."""
    held = [picture for picture in one.pictures if picture is not None]
    arrays = {
        "held": np.array([picture is not None for picture in one.pictures], dtype=np.bool_),
        "luma": np.array([picture.luma for picture in held], dtype=np.uint8),
        "chroma": np.array([picture.chroma for picture in held], dtype=np.uint8),
        "aspect": np.array([picture.aspect for picture in held], dtype=np.float64),
        "texts": np.array(one.texts, dtype="U24"),
        "bits": one.sound.bits,
        "level": one.sound.level,
        "dimensions": np.array(one.dimensions or (), dtype=np.int64),
        "duration": np.array([] if one.duration is None else [one.duration], dtype=np.float64),
    }
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def from_bytes(data: bytes) -> Fingerprint:
    """The fingerprint that ``to_bytes`` wrote. Raises ValueError when it is none."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            luma, chroma, aspect = kept["luma"], kept["chroma"], kept["aspect"]
            shapes = luma.ndim == 3 and luma.shape[1] == luma.shape[2] and luma.shape[1] in _SIDES.values()
            if len(luma) and not (shapes and chroma.shape[1:] == (CHROMA_SIDE, CHROMA_SIDE, 2)):
                raise ValueError("pictures of another size")
            pictures = iter([SmallPicture(*each) for each in zip(luma, chroma, aspect.tolist(), strict=True)])
            sides = kept["dimensions"].tolist()
            return Fingerprint(
                pictures=tuple(next(pictures) if held else None for held in kept["held"]),
                texts=tuple(kept["texts"].tolist()),
                sound=SoundPrint(kept["bits"], kept["level"]),
                dimensions=(sides[0], sides[1]) if sides else None,
                duration=float(kept["duration"][0]) if len(kept["duration"]) else None,
            )
    except (KeyError, IndexError, EOFError, StopIteration, zipfile.BadZipFile) as error:
        raise ValueError(f"no fingerprint: {error}") from error


def _add_moment(film: list[SmallPicture | None], piece: ExtractedPiece, side: int) -> None:
    """Put the pictures of a moment at the even times of the film that lie in it."""
    assert piece.frames is not None and piece.start is not None and piece.end is not None
    count = len(piece.frames)
    first, last = (int(np.ceil(time * PICTURES_PER_SECOND - 1e-6)) for time in (piece.start, piece.end))
    made: dict[int, SmallPicture] = {}
    for number in range(first, last):
        share = (number / PICTURES_PER_SECOND - piece.start) / max(piece.end - piece.start, 1e-6)
        chosen = min(int(share * count), count - 1)
        film.extend([None] * (number + 1 - len(film)))
        if chosen not in made:
            made[chosen] = small_picture(piece.frames[chosen], side)
        film[number] = made[chosen]
