"""E-mail as mail programs save it (.eml): who, when, what about, the message, and the names of what is attached."""

import email
import email.policy
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

from indexer.errors import ExtractionError
from indexer.extract.html import visible_text
from indexer.extract.passages import PROSE
from indexer.extract.registry import Span
from indexer.extract.sections import Section, section_pieces
from indexer.pieces import Extraction, ExtractionLimits, MediaFormat

_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def extract(path: Path, media: MediaFormat, limits: ExtractionLimits, span: Span | None) -> Extraction:
    """The message as passages; what is attached is named, not read. Raises ExtractionError."""
    with path.open("rb") as file:
        data = file.read(int(limits.text_megabytes * 1e6))
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not (message["From"] or message["Subject"] or message["To"]):
        raise ExtractionError("damaged: it has no sender, no recipient and no subject")
    head = [f"{name}: {' '.join(str(message[name]).split())}" for name in _HEADERS if message[name]]
    attached = [name for part in message.walk() if (name := part.get_filename())]
    if attached:
        head.append(f"Attached: {', '.join(attached)}")
    text = "\n".join(head) + "\n\n" + _body(message)
    pieces = section_pieces([Section(text)], media.passage_characters, PROSE)
    return Extraction("text", None, pieces, _sent(message))


def _body(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        content = part.get_content()
    except (LookupError, ValueError):  # an unknown character set
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    text = content if isinstance(content, str) else ""
    text = text.replace("\r\n", "\n")
    return visible_text(text) if part.get_content_subtype() == "html" else text


def _sent(message: EmailMessage) -> float | None:
    when = getattr(message["Date"], "datetime", None)
    try:
        return when.timestamp() if isinstance(when, datetime) else None
    except (ValueError, OverflowError):
        return None
