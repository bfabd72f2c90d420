"""What a pattern of file names matches."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.glob_patterns import glob_expression

PATH = "/home/me/Pictures/2018/summer trip/IMG_2041.JPG"


@pytest.mark.parametrize(
    "pattern",
    [
        "*.jpg",
        "img_????.jpg",
        "IMG_2041.JPG",
        "2018/**/*.jpg",
        "2018/*/*.jpg",
        "**/*.jpg",
        "/home/**",
        "/home/me/Pictures/**/IMG_*",
        "summer trip/*",
        "IMG_204[0-3].*",
        "IMG_204[!5-9].jpg",
        "/**/*.jpg",
    ],
)
def test_patterns_that_match(pattern: str) -> None:
    assert re.search(glob_expression(pattern), PATH)


@pytest.mark.parametrize(
    "pattern",
    [
        "*.png",
        "MG_2041.jpg",
        "2018/*.jpg",  # a star does not go into folders
        "018/**/*.jpg",
        "/2018/**",
        "IMG_204[2-9].jpg",
        "IMG_204[!1].jpg",
        "*.jp",
        "IMG?2018",
        "?2018/**",
        "Pictures",  # a folder is not what is in it
    ],
)
def test_patterns_that_do_not_match(pattern: str) -> None:
    assert not re.search(glob_expression(pattern), PATH)


@pytest.mark.parametrize("pattern", ["", "/", "[z-a].jpg"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        glob_expression(pattern)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("pattern", "matching"), [("[--/]", "-."), ("[+--]", "+,-"), ("[---]", "-"), ("[a-]", "-a"), ("[-a]", "-a")]
)
def test_a_hyphen_may_stand_anywhere_in_brackets(pattern: str, matching: str) -> None:
    expression = glob_expression(pattern)
    assert "".join(one for one in "+,-.a" if re.search(expression, f"/{one}")) == matching


@given(name=st.text(st.characters(exclude_characters="/*?[\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_plain_name_matches_itself_and_nothing_longer(name: str) -> None:
    assert re.search(glob_expression(name), f"/a/{name}")
    assert not re.search(glob_expression(name), f"/a/{name}x")


@given(pattern=st.text("*?[]!-a\\^&~|/.{", max_size=12))
def test_any_pattern_is_an_expression_or_refused(pattern: str) -> None:
    try:
        expression = glob_expression(pattern)
    except ValueError:
        return
    re.search(expression, PATH)
