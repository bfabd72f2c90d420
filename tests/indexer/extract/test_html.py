from pathlib import Path

import pytest

from indexer.errors import ExtractionError
from indexer.extract.html import visible_text

from .making import pieces_of

PAGE = """<!DOCTYPE html><html><head><title>Night   birds</title><style>p { color: red }</style>
<script>var hidden = "no";</script></head>
<body><nav><a href="/">Home</a></nav><!-- a remark -->
<h1>Owls</h1><p>Owls hunt
at <b>night</b>.</p><ul><li>barn owl</li><li>tawny owl</li></ul>
<table><tr><td>wing</td><td>30 cm</td></tr></table><pre>a
  b</pre><div role="navigation">next</div><p hidden>secret</p></body></html>"""


def test_a_reader_sees_title_and_body_alone() -> None:
    lines = [line for line in visible_text(PAGE).split("\n") if line]
    assert lines == ["Night birds", "Owls", "Owls hunt at night.", "barn owl", "tawny owl", "wing 30 cm", "a", "b"]


def test_the_declared_encoding_is_believed(tmp_path: Path) -> None:
    page = '<html><head><meta charset="iso-8859-2"><title>Zażółć</title></head><body>gęślą jaźń</body></html>'
    (tmp_path / "a.html").write_bytes(page.encode("iso-8859-2"))
    assert [piece.text for piece in pieces_of(tmp_path / "a.html")] == ["Zażółć\n\ngęślą jaźń"]


def test_a_page_of_scripts_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.htm").write_text("<html><script>run()</script></html>")
    with pytest.raises(ExtractionError, match="no text in it"):
        pieces_of(tmp_path / "a.htm")


def test_a_deeply_nested_page_ends_in_a_reason_or_its_text(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<div>" * 3000 + "core" + "</div>" * 3000)
    try:
        assert [piece.text for piece in pieces_of(tmp_path / "a.html")] == ["core"]
    except ExtractionError as error:
        assert "\n" not in str(error)


def test_menus_and_notices_around_an_article_are_left_out(tmp_path: Path) -> None:
    facts = "".join(
        f"<p>Fact {n}: worker bees fan air over the open cells until the honey is dry.</p>" for n in range(9)
    )
    around = (
        '<header><ul class="menu"><li><a href="/">Sport news</a></li></ul></header><div class="cookie-banner">We use '
    )
    around += 'cookies.</div><div class="sidebar"><h3>Most read</h3><ul><li><a href="/1">Ten roses</a></li></ul></div>'
    page = f"<html><head><title>Honey</title></head><body>{around}<article><h1>How honey is made</h1>{facts}</article>"
    (tmp_path / "a.html").write_text(f"{page}<footer>All rights reserved. Newsletter</footer></body></html>")
    text = "\n\n".join(piece.text or "" for piece in pieces_of(tmp_path / "a.html"))
    assert text.startswith("Honey\n\nHow honey is made\n\nFact 0") and "Fact 8" in text
    assert not any(word in text for word in ("Sport", "cookies", "Most read", "roses", "Newsletter"))


def test_a_page_without_an_article_is_taken_whole(tmp_path: Path) -> None:
    links = "".join(f'<li><a href="/{n}">Chapter {n} of the manual</a></li>' for n in range(40))
    (tmp_path / "a.html").write_text(f"<html><title>Manual</title><body><ul>{links}</ul></body></html>")
    text = "\n".join(piece.text or "" for piece in pieces_of(tmp_path / "a.html"))
    assert "Chapter 0 of" in text and "Chapter 39 of" in text
