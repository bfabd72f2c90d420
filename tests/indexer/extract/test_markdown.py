from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from indexer.extract.markdown import by_heading

from .making import pieces_of

BODY = "Owls hunt at night, over meadows and along the edge of the wood. " * 4


def test_a_passage_stays_under_its_heading(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"# Birds\n\n## Owls\n\n{BODY}\n\nHawks\n-----\n\n{BODY}\n\n### Last\n\n{BODY}")
    texts = [piece.text or "" for piece in pieces_of(tmp_path / "a.md")]
    assert [text[:20] for text in texts] == [
        "# Birds\n\n## Owls\n\nOw",
        "Hawks\n-----\n\nOwls hu",
        "### Last\n\nOwls hunt ",
    ]


def test_what_only_looks_like_a_heading_is_none() -> None:
    code = (
        "text\n\n```sh\n# no heading\n```\n\n~~~~\n# none\n~~~\n# none\n~~~~\n#hashtag\n\n---\n\n| a | b |\n|---|---|\n"
    )
    assert list(by_heading(code)) == [code]


@given(st.text(alphabet="#`~=- \nab", max_size=60))
def test_nothing_is_lost(text: str) -> None:
    assert "\n".join(by_heading(text)) == text
