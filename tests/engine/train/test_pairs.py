"""The manifest: what is read, what is refused and how, and the split by concept."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.train.pairs import Pair, check_splits, read_pairs, split_of

ROW: dict[str, Any] = {"modality": "audio", "file": "a/rain.flac", "text": "rain", "concept": "rain", "licence": "CC0"}


def write(folder: Path, *rows: Any) -> Path:
    manifest = folder / "manifest.jsonl"
    manifest.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return manifest


def test_a_row_in_full(tmp_path: Path) -> None:
    row = {**ROW, "text": ["rain on tin", "rain"], "start": 1.0, "end": 2.5, "split": "test", "source": "me"}
    (pair,) = read_pairs(write(tmp_path, row, ""))
    assert pair == Pair(
        "audio", ("rain on tin", "rain"), "rain", "test", "CC0", tmp_path / "a/rain.flac", None, 1.0, 2.5, None, "me"
    )


def test_without_a_split_the_concept_decides(tmp_path: Path) -> None:
    pairs = read_pairs(write(tmp_path, *({**ROW, "concept": str(number)} for number in range(400))))
    assert {pair.concept: pair.split for pair in pairs} == {str(n): split_of(str(n)) for n in range(400)}
    assert 0.1 < sum(pair.split == "validation" for pair in pairs) / 400 < 0.2


@settings(deadline=None)
@given(st.text(), st.text())
def test_a_concept_never_moves(concept: str, other: str) -> None:
    split = split_of(concept)
    split_of(other)
    assert split_of(concept) == split in ("train", "validation")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"modality": "smell"}, "modality 'smell' is not one of"),
        ({"text": []}, "text is missing"),
        ({"text": ["rain", ""]}, "none of them empty"),
        ({"concept": 3}, "concept is a string"),
        ({"licence": ""}, "licence is missing"),
        ({"passage": "rain"}, "either a file or a passage"),
        ({"new_clip": "yes"}, "new_clip is true or false"),
        ({"start": 3.0}, "start and end go together"),
        ({"start": 3.0, "end": 1.0}, "start first"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ModelError, match=f"manifest.jsonl, line 2: .*{complaint}"):
        read_pairs(write(tmp_path, ROW, {**ROW, **change}))


def test_other_bad_manifests(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="line 1"):
        read_pairs(write(tmp_path, "{not json"))
    with pytest.raises(ModelError, match="empty"):
        read_pairs(write(tmp_path, ""))
    with pytest.raises(ModelError, match="cannot be read"):
        read_pairs(tmp_path / "none.jsonl")


def test_a_concept_in_two_splits_is_refused(tmp_path: Path) -> None:
    manifest = write(tmp_path, {**ROW, "split": "train"}, {**ROW, "split": "test"})
    with pytest.raises(ModelError, match="'rain' is in two splits, train and test"):
        read_pairs(manifest)
    check_splits([])


def test_a_new_clip_may_be_held_out_of_a_concept_that_is_learned(tmp_path: Path) -> None:
    manifest = write(tmp_path, {**ROW, "split": "train"}, {**ROW, "split": "test", "new_clip": True})
    assert [(pair.split, pair.new_clip) for pair in read_pairs(manifest)] == [("train", False), ("test", True)]
