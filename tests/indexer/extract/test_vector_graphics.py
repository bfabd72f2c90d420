import base64
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import ExtractionError
from indexer.pieces import ExtractionLimits
from tests.sample_formats import drawing

from .making import pieces_of


def _frame(path: Path) -> NDArray[np.uint8]:
    (piece,) = pieces_of(path)
    assert piece.modality == "image" and piece.frames is not None
    return piece.frames[0]


def test_a_drawing_is_drawn_at_the_size_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(drawing())
    (tmp_path / "b.svgz").write_bytes(gzip.compress(drawing().encode()))
    for name in ("a.svg", "b.svgz"):
        frame = _frame(tmp_path / name)
        assert frame.shape == (64, 96, 3)
        assert frame[32, 10].tolist() == [255, 0, 0] and frame[32, 85].tolist() == [0, 255, 0]


@pytest.mark.parametrize("reference", ["{path}", "file://{path}", "other.png", " {path}"])
@pytest.mark.parametrize("attribute", ["href", "xlink:href"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_no_file_outside_is_shown(tmp_path: Path, reference: str, attribute: str, quote: str) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (96, 64), "blue").save(other)
    inside = f'<image width="96" height="64" {attribute} = {quote}{reference.format(path=other)}{quote}/>'
    (tmp_path / "a.svg").write_text(drawing(inside))
    assert _frame(tmp_path / "a.svg")[32, 10].tolist() == [255, 0, 0]


def test_what_lies_in_the_drawing_itself_is_shown(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.new("RGB", (96, 64), "blue").save(png, "PNG")
    data = base64.b64encode(png.getvalue()).decode()
    inside = f'<image id="i" width="96" height="64" href="data:image/png;base64,{data}"/>'
    (tmp_path / "a.svg").write_text(drawing(inside))
    assert _frame(tmp_path / "a.svg")[32, 10].tolist() == [0, 0, 255]
    (tmp_path / "b.svg").write_text(drawing('<rect id="r" width="48" height="64" fill="blue"/><use href="#r" x="48"/>'))
    assert _frame(tmp_path / "b.svg")[32, 85].tolist() == [0, 0, 255]


def test_enormous_and_nonsensical_drawings_end_in_a_picture_or_a_reason(tmp_path: Path) -> None:
    enormous = drawing().replace('viewBox="0 0 96 64"', 'width="1e9" height="1e9"')
    (tmp_path / "a.svg").write_text(enormous)
    assert _frame(tmp_path / "a.svg").shape == (64, 64, 3)
    (tmp_path / "b.svg").write_text(enormous.replace('width="1e9"', 'width="1"'))
    assert _frame(tmp_path / "b.svg").shape == (256, 64, 3)
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 20}">' for n in range(7))
    laughs = f'<!DOCTYPE svg [<!ENTITY a0 "{"b" * 1000}">{entities}]>{drawing("<text>&a7;</text>")}'
    for number, text in enumerate(("<svg", "no drawing at all", laughs)):
        (tmp_path / f"{number}.svg").write_text(text)
        with pytest.raises(ExtractionError, match=r"^damaged"):
            pieces_of(tmp_path / f"{number}.svg")
    (tmp_path / "bomb.svgz").write_bytes(gzip.compress(drawing("<!--" + " " * 3_000_000 + "-->").encode()))
    with pytest.raises(ExtractionError, match="too large"):
        pieces_of(tmp_path / "bomb.svgz", limits=ExtractionLimits(text_megabytes=1))
