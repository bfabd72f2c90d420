"""What of a passage is shown, and which words in it are marked."""

from hypothesis import given
from hypothesis import strategies as st

from engine.query.excerpt import LONGEST, excerpt, matches


def marked(text: str, *words: str) -> list[str]:
    return [text[start:end] for start, end in matches(text, words)]


def test_matching_words_whatever_their_case_and_ending() -> None:
    text = "The Berries were picked; a berry picker's baskets. Berlin."
    assert marked(text, "picking berries in a basket") == ["Berries", "picked", "berry", "baskets"]
    assert marked(text, "the a were") == []
    assert marked("A string, a glass, the speed of it, one evening.", "strings, glasses, speeds and evenings") == [
        "string", "glass", "speed", "evening"
    ]  # fmt: skip
    assert marked('x^2 (crow* OR "crow")', "crow") == ["crow", "crow"]
    assert marked("Äpfel und äpfel", "ÄPFEL") == ["Äpfel", "äpfel"]


def test_the_excerpt_is_where_the_words_are() -> None:
    text = "filler words here " * 40 + "then a LIGHTHOUSE stood in the storm " + "and so on " * 60
    shown = excerpt(text, ["lighthouses in storms"])
    assert shown is not None and "LIGHTHOUSE stood in the storm" in shown
    assert shown.startswith("… ") and shown.endswith(" …") and len(shown) <= LONGEST + 4
    start = excerpt(text, ["nothing of it"])
    assert start is not None and start.startswith("filler words") and start.endswith(" …")


def test_a_short_text_is_shown_whole_on_one_line() -> None:
    assert excerpt("one\n two\tthree ", ["two"]) == "one two three"
    assert excerpt("", ["x"]) is None and excerpt(None, ["x"]) is None


@given(text=st.text(max_size=900), words=st.lists(st.text(max_size=20), max_size=3))
def test_an_excerpt_is_part_of_the_text(text: str, words: list[str]) -> None:
    shown = excerpt(text, words)
    if shown is not None:
        core = shown.removeprefix("… ").removesuffix(" …")
        assert core in " ".join(text.split()) and len(shown) <= LONGEST + 4
