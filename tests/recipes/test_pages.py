"""Dictionary entries and the pages made of them."""

from pathlib import Path

import pages
import pymupdf
import pytest
import wordnet
from PIL import Image

DATA = {
    "data.noun": """\
  1 a licence, of which lines begin with two spaces
00000001 05 n 02 owl 0 bird_of_Minerva 0 001 @ 00000009 n 0000 | nocturnal bird of prey; "an owl hooted"; "two owls"
00000002 05 n 01 owl 1 000 | a second sense that nobody asks for
00000003 05 n 01 Minerva 0 000 | goddess of wisdom in Rome
00000004 05 n 01 tack 0 000 | a short nail
""",
    "data.verb": '00000005 29 v 01 tack 0 001 + 00000004 n 0101 01 + 08 00 | fasten with tacks; "tack it"\n',
    "data.adj": "00000006 00 a 01 galore(ip) 0 000 | existing in great numbers of something\n",
    "index.noun": """\
  1 a licence
owl n 2 1 @ 2 1 00000001 00000002
minerva n 1 0 1 0 00000003
tack n 1 0 1 1 00000004
""",
    "index.verb": "tack v 1 1 + 1 1 00000005\n",
    "index.adj": "galore a 1 0 1 0 00000006\n",
}


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    folder = tmp_path / wordnet.FOLDER
    folder.mkdir(parents=True)
    for name, text in DATA.items():
        (folder / name).write_text(text)
    return tmp_path


def test_reads_words_gloss_and_examples(dictionary: Path) -> None:
    owl, *_, galore = wordnet.entries(dictionary)
    expected = ("owl", "bird of Minerva"), "nocturnal bird of prey", ("an owl hooted", "two owls")
    assert (owl.lemmas, owl.gloss, owl.examples) == expected
    assert galore.lemmas == ("galore",)


def test_plain_entries_are_first_senses_of_common_words_that_are_explained(dictionary: Path) -> None:
    assert [entry.key for entry in wordnet.plain(dictionary)] == ["noun-00000001", "adj-00000006"]


def read(file: Path) -> tuple[str, int]:
    with pymupdf.open(file) as document:
        (page,) = document
        return " ".join(page.get_text().split()), len(page.get_images())


def test_a_page_shows_its_text_whole_and_is_the_same_each_time(tmp_path: Path) -> None:
    text = "nocturnal bird of prey with hawk-like beak and claws and large head with front-facing eyes"
    for number in range(30):
        for copy in ("a", "b"):
            pages.typeset(tmp_path / f"{copy}.pdf", f"key {number}", text, [], None, "")
        assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
        shown, pictures = read(tmp_path / "a.pdf")
        assert text[1:] in shown
        assert pictures == 0


def test_a_long_text_is_set_smaller_until_it_fits(tmp_path: Path) -> None:
    text = " ".join(f"word{number}" for number in range(600))
    for number in range(5):
        pages.typeset(tmp_path / "long.pdf", f"key {number}", text, [], None, "")
        assert text[1:] in read(tmp_path / "long.pdf")[0]


def test_titles_examples_and_pictures_stand_on_some_pages(tmp_path: Path) -> None:
    picture = tmp_path / "owl.png"
    Image.new("RGBA", (900, 500), (90, 60, 30, 128)).save(picture)
    found = []
    for number in range(40):
        file = tmp_path / f"{number}.pdf"
        pages.typeset(file, f"key {number}", "nocturnal bird", ["it hooted"], str(picture), "owl")
        shown, pictures = read(file)
        found.append(("Owl" in shown, '"it hooted"' in shown, pictures == 1))
    for share in map(sum, zip(*found, strict=True)):
        assert 0 < share < 40
