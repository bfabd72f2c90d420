import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extract.passages import CODE, LINES, PROSE, passages

_TEXT = st.text(alphabet=st.sampled_from("ab. \n\t#!é。-=ü"), max_size=400) | st.text(max_size=200)


def _black(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("pauses", [PROSE, CODE, LINES], ids=["prose", "code", "lines"])
@given(text=_TEXT, limit=st.integers(1, 60))
def test_passages_keep_the_limit_and_every_character(pauses, text: str, limit: int) -> None:
    found = list(passages(text, limit, pauses))
    assert all(0 < len(passage) <= limit for passage in found)
    assert _black("".join(found)) == _black(text)


def test_short_paragraphs_are_merged_up_to_the_limit() -> None:
    text = "\n\n".join(f"Paragraph number {number:02} is here." for number in range(30))
    found = list(passages(text, 200))
    assert all(passage.startswith("Paragraph") and passage.endswith("here.") for passage in found)
    assert len(found) == 5


def test_a_long_paragraph_is_cut_at_sentence_ends_and_a_long_sentence_at_words() -> None:
    sentences = "The cat sat on the mat, which was red. " * 20
    assert all(passage.endswith("red.") for passage in passages(sentences, 150))
    words = "consonant " * 60
    assert all(set(passage.split()) == {"consonant"} for passage in passages(words, 95))


def test_a_heading_stays_with_what_follows() -> None:
    body = "Something is said about it here, at some length. " * 3
    for heading in ("## The second part", "The second part", "The second part\n==============="):
        text = f"The first part\n\n{body}\n\n{heading}\n\n{body}"
        first, second = passages(text, len(body) + 60)
        assert first.endswith("length.")
        assert second.startswith(heading) and second.endswith("length.")


def test_code_is_cut_at_blank_lines_and_keeps_its_indentation() -> None:
    function = "def f{0}(x):\n    if x:\n        return {0}\n    return x\n"
    text = "\n\n".join(function.format(number) for number in range(12))
    found = list(passages(text, 150, CODE))
    assert all(passage.startswith("def f") and passage.endswith("    return x") for passage in found)


def test_a_text_of_blank_lines_takes_no_time() -> None:
    assert list(passages("a" + "\n" * 300_000 + "b" + " \n" * 300_000 + "c", 900)) == ["a\n\nb \n\nc"]
