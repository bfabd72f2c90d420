from email.message import EmailMessage
from pathlib import Path

import pytest

from indexer.errors import ExtractionError
from indexer.extract.take_apart import take_apart
from tests.sample_formats import SAID, WRITERS

from .making import LIMITS, MEDIA, pieces_of


def test_a_message_with_its_head_and_the_names_of_what_is_attached(tmp_path: Path) -> None:
    WRITERS["eml"](tmp_path / "a.eml")
    opened = take_apart(tmp_path / "a.eml", MEDIA, LIMITS)
    (piece,) = opened.pieces
    assert piece.text == (
        "Subject: Music room\nFrom: Ada <ada@example.org>\nTo: bo@example.org\n"
        f"Date: Tue, 04 May 2021 10:00:00 +0200\nAttached: invoice-42.pdf\n\nHello Bo,\n\n{SAID['eml']}."
    )
    assert opened.recorded == 1620115200.0


def test_html_mail_and_foreign_characters(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "Grüße aus Łódź", "Ü <u@example.org>"
    message.set_content("<html><body><h1>Żółw</h1><p>idzie <b>powoli</b></p><script>x()</script></body></html>", "html")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    (piece,) = pieces_of(tmp_path / "a.eml")
    assert piece.text is not None
    assert piece.text.startswith("Subject: Grüße aus Łódź\nFrom: Ü") and piece.text.endswith("Żółw\n\nidzie powoli")


@pytest.mark.parametrize("text", ["Just words.\n", "Date: soon\n\nno one wrote this\n", "\n\n"])
def test_what_is_no_mail_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.eml").write_text(text)
    with pytest.raises(ExtractionError):
        pieces_of(tmp_path / "a.eml")


def test_odd_heads_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(
        b"From: \xff\xfe <a@b>\nSubject: =?nonsense?q?=ff?= =?utf-8?b?!!!?=\nDate: 99 Foo 2021 99:99:99 +9999\n"
        b"Content-Type: text/plain; charset=klingon\n\nbody text \xe9\n"
    )
    (piece,) = pieces_of(tmp_path / "a.eml")
    assert piece.text is not None and "body text" in piece.text
