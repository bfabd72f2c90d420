import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extract.registry import built_in, extensions, format_of, formats_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.TXT", "text"),
        ("b.Md", "text"),
        ("c.py", "text"),
        ("d.csv", "text"),
        ("e.JPEG", "image"),
        ("f.tiff", "image"),
        ("g.pdf", "document"),
        ("h.epub", "document"),
        ("i.opus", "audio"),
        ("j.m4a", "audio"),
        ("k.webm", "video"),
        ("archive.tar.mp4", "video"),
        ("l.HEIC", "image"),
        ("m.nef", "image"),
        ("n.svg", "image"),
        ("o.pptx", "document"),
        ("p.eml", "text"),
    ],
)
def test_the_extension_promises_a_kind(name: str, kind: str) -> None:
    found = format_of(Path(name))
    assert found is not None and found.kind == kind


@pytest.mark.parametrize("name", ["a.exe", "README", ".gitignore", "a."])
def test_other_files_are_not_read(name: str) -> None:
    assert format_of(Path(name)) is None


def test_no_extension_stands_twice() -> None:
    assert len(extensions()) == sum(len(each.extensions) for each in built_in()) == len(set(extensions()))


def test_asking_the_registry_imports_no_decoder() -> None:
    heavy = ("PIL", "av", "pymupdf", "bs4", "charset_normalizer", "torch", "lxml", "docx", "rawpy", "numpy.ma")
    program = (
        "import sys, indexer.extract.registry as registry; registry.extensions()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@given(st.lists(st.text(alphabet=".aJpgxt", max_size=8)))
def test_the_formats_of_many_names_are_those_of_each(names: list[str]) -> None:
    assert formats_of(names) == [format_of(name) for name in names]
