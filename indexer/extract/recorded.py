"""When a picture, sound, film or document was made, as the file itself says; seconds since 1970.

A time without a zone is taken as local time of this machine, which is where the user who asks for a date lives. What
makes no sense counts as nothing said: a wrong date must not cost a file its place in the library.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from PIL import ExifTags, Image

_DATE = re.compile(r"(\d{4})[-:]?(\d\d)[-:]?(\d\d)")
_CLOCK = re.compile(r"[T ]*(\d\d):?(\d\d):?(\d\d)?(?:[.,]\d+)?")
_ZONE = re.compile(r"\s*(?:(Z)|([+-])(\d\d)[:']?(\d\d)?)")
# A camera's clock that was never set, and the zero of two container formats.
_UNSET = {(1904, 1, 1), (1970, 1, 1)}


def moment(text: str) -> float | None:
    """A date, or a date and time, as EXIF, ISO 8601 and PDF write it; None when it is none."""
    text = text.strip().removeprefix("D:")
    day = _DATE.match(text)
    if day is None or tuple(map(int, day.groups())) in _UNSET:
        return None
    rest = text[day.end() :]
    clock = _CLOCK.match(rest)
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    zone = _ZONE.match(rest, clock.end() if clock else 0)
    offset = ""
    if zone is not None:
        offset = "+00:00" if zone[1] else f"{zone[2]}{zone[3]}:{zone[4] or '00'}"
    try:
        date = f"{day[1]}-{day[2]}-{day[3]}T{hour:02d}:{minute:02d}:{min(second, 59):02d}{offset}"
        when = datetime.fromisoformat(date).astimezone(UTC)
        return when.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def picture_moment(picture: Image.Image) -> float | None:
    """When the photograph was taken (or, failing that, scanned), from its EXIF data."""
    try:
        tags = picture.getexif().get_ifd(ExifTags.IFD.Exif)
        for date, offset in (("DateTimeOriginal", "OffsetTimeOriginal"), ("DateTimeDigitized", "OffsetTimeDigitized")):
            said = tags.get(ExifTags.Base[date])
            zone = tags.get(ExifTags.Base[offset], "")
            found = moment(f"{said}{zone if isinstance(zone, str) else ''}") if isinstance(said, str) else None
            if found is not None:
                return found
    except MemoryError:
        raise
    except Exception:  # the reader of these fields raises whatever their damage leads it to
        return None
    return None


def container_moment(*metadata: Mapping[str, str]) -> float | None:
    """When a sound or film was recorded, from the tags of its container and its streams, best first.

    A plain ``date`` is not believed: in music it is the year of publication.
    """
    for tags in metadata:
        known = {name.lower(): value for name, value in tags.items()}
        broadcast = " ".join(filter(None, (known.get("origination_date"), known.get("origination_time"))))
        for said in (known.get("com.apple.quicktime.creationdate"), known.get("creation_time"), broadcast):
            found = moment(said) if said else None
            if found is not None:
                return found
    return None
