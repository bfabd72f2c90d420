"""Which queries rank which pool, and what counts as found."""

from typing import Any

import pytest
import torch

from engine.evaluate.columns import Catalogue, Column, mixed_columns, read_columns
from engine.train.pairs import Pair


def row(modality: Any, concept: str, *texts: str, split: str = "test", **more: Any) -> Pair:
    return Pair(modality, texts, concept, split, "CC0-1.0", **more)


ROWS = [
    row("image", "cat", "a cat", "an animal", source="openclipart-svg"),
    row("image", "cat", "a kitten"),
    row("image", "dog", "a dog", "an animal"),
    row("image", "wolf", "a dog"),
    row("image", "car", "a car"),
    row("audio", "bark", "a dog barks"),
    row("audio", "rain", "rain", new_clip=True),
    row("audio", "rain", "rain on a roof", new_clip=True),
    row("audio", "bell", "a bell", new_clip=True),
    row("audio", "bell", "a big bell", split="train"),
    row("text", "dog", "dog", passage="an animal that barks"),
    row("image", "p1", "a bird", "an animal", split="photos"),
    row("image", "p2", "a fish", "an animal", split="photos"),
    row("image", "p3", "nothing", split="photos", source="photos, unasked"),
    row("image", "c1", "animal", split="categories"),
    row("image", "c2", "animal", split="categories"),
    row("image", "c3", "tool", split="categories"),
]
TEXTS = sorted({text for pair in ROWS for text in pair.texts} | {"an animal that barks"})


@pytest.fixture(scope="module")
def columns() -> dict[str, Column]:
    return {column.name: column for column in read_columns(Catalogue(ROWS, TEXTS))}


def told(column: Column) -> dict[str, tuple[set[str], set[str]]]:
    """For each query the right answers and the neutral ones, by text or by concept and first caption."""

    def name(place: int) -> str:
        if place < len(TEXTS):
            return TEXTS[place]
        pair = ROWS[place - len(TEXTS)]
        return f"{pair.modality} {pair.concept}/{pair.texts[0]}"

    pool = [name(place) for place in column.pool.tolist()]
    whole = slice(0, len(column.queries))
    right, out = column.mask(column.relevant, whole), column.mask(column.neutral, whole)
    return {
        name(query): ({pool[at] for at in right[number].nonzero()}, {pool[at] for at in out[number].nonzero()})
        for number, query in enumerate(column.queries.tolist())
    }


def test_a_caption_finds_pieces_of_its_caption_or_of_any_concept_it_stands_for(columns: dict[str, Column]) -> None:
    assert told(columns["text to image"]) == {
        "a cat": ({"image cat/a cat", "image cat/a kitten"}, set()),
        "a kitten": ({"image cat/a cat", "image cat/a kitten"}, set()),
        "a dog": ({"image dog/a dog", "image wolf/a dog"}, set()),
        "a car": ({"image car/a car"}, set()),
    }
    assert told(columns["image to text"])["image wolf/a dog"] == ({"a dog"}, set())
    assert told(columns["image to text"])["image cat/a cat"] == ({"a cat", "a kitten"}, set())
    assert told(columns["text to image, openclipart"]) == {"a cat": ({"image cat/a cat"}, set())}


def test_a_picture_looks_for_another_and_does_not_find_itself(columns: dict[str, Column]) -> None:
    found = told(columns["image to image"])
    assert found["image cat/a cat"] == ({"image cat/a kitten"}, {"image cat/a cat"})
    assert "image car/a car" not in found and len(columns["image to image"].pool) == 5


def test_new_clips_and_new_concepts_have_columns_of_their_own(columns: dict[str, Column]) -> None:
    assert set(told(columns["text to audio, new concept"])) == {"a dog barks"}
    clips = {"audio rain/rain", "audio rain/rain on a roof", "audio bell/a bell"}
    assert set(told(columns["audio to text, new clip"])) == clips
    others = told(columns["audio to audio, new clip"])
    assert others["audio bell/a bell"] == ({"audio bell/a big bell"}, {"audio bell/a bell"})
    assert "audio bell/a big bell" not in others and len(columns["audio to audio, new clip"].pool) == 5


def test_any_text_of_a_photo_asks_for_every_photo_that_bears_it(columns: dict[str, Column]) -> None:
    assert told(columns["photos"]) == {
        "a bird": ({"image p1/a bird"}, set()),
        "an animal": ({"image p1/a bird", "image p2/a fish"}, set()),
        "a fish": ({"image p2/a fish"}, set()),
    }
    assert columns["photos"].measure == "mrr" and len(columns["photos"].pool) == 3
    assert columns["categories"].measure == "map"
    two_of_three, one_of_three = (11 / 6 + 1 / 2 * 7 / 6) / 3, 11 / 18
    assert columns["categories"].chance["map"] == pytest.approx((two_of_three + one_of_three) / 2)


def test_passages_and_their_lemmas(columns: dict[str, Column]) -> None:
    assert columns["lemma to gloss"].queries.tolist() == [TEXTS.index("dog")]
    assert columns["gloss to lemma"].queries.tolist() == [len(TEXTS) + 10]


def test_what_there_are_no_rows_for_is_no_column(columns: dict[str, Column]) -> None:
    assert not {"text to stamp", "text to page", "text to video"} & set(columns)


def test_in_the_mixed_pool_an_answer_of_another_modality_is_neither_right_nor_wrong() -> None:
    found, kinds = mixed_columns(Catalogue(ROWS, TEXTS))
    assert set(found) == {"text", "image", "audio"}
    assert len(kinds) == 10 and kinds.unique().numel() == 3
    assert told(found["image"])["a dog"] == (
        {"image dog/a dog", "image wolf/a dog"},
        {"text dog/dog"},
    )
    assert told(found["text"]) == {"dog": ({"text dog/dog"}, {"image dog/a dog"})}
    assert all(torch.equal(found["image"].pool, column.pool) for column in found.values())
    assert found["image"].chance["recall@1"] == pytest.approx((2 / 10 + 2 / 10 + 2 / 9 + 1 / 10) / 4)
