"""The rule of the splits: what it lets into training never bears a held-out word."""

import splits
from hypothesis import given
from hypothesis import strategies as st

WORDS = "owl barn snowy dog cat piano violin tractor engine rain thunder stones river bottles of the a".split()  # noqa: SIM905
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
lists_of_tags = st.lists(texts, min_size=1, max_size=8).map(", ".join)
commons = st.frozensets(st.sampled_from(sorted({splits.singular(word) for word in WORDS})), max_size=3)


def held_out(word: str, common: frozenset[str]) -> str:
    return splits.split_of_word(word, common)


@given(st.lists(texts | lists_of_tags, max_size=5), commons)
def test_nothing_shown_in_training_bears_a_held_out_word(captions: list[str], common: frozenset[str]) -> None:
    for text in splits.captions(captions, "train", common):
        assert {held_out(word, common) for word in splits.content_words(text)} <= {"train"}


@given(st.lists(texts | lists_of_tags, max_size=5), commons)
def test_validation_shows_no_word_of_the_test(captions: list[str], common: frozenset[str]) -> None:
    for text in splits.captions(captions, "validation", common):
        assert "test" not in {held_out(word, common) for word in splits.content_words(text)}


@given(texts, texts, commons)
def test_a_row_with_a_word_of_the_test_is_a_test_row(one: str, other: str, common: frozenset[str]) -> None:
    order = ["test", "validation", "train"]
    both = splits.split_of(f"{one} {other}", common)
    assert both == min(splits.split_of(one, common), splits.split_of(other, common), key=order.index)


@given(texts, commons)
def test_a_concept_keeps_its_caption(concept: str, common: frozenset[str]) -> None:
    kept = splits.captions([concept], splits.split_of(concept, common), common)
    assert kept == [concept]


@given(lists_of_tags)
def test_captions_are_short_and_keep_their_order(text: str) -> None:
    for kept in splits.captions([text], "test", frozenset()):
        assert len(kept.split()) <= splits.MOST_WORDS
        assert text.startswith(kept)


def test_of_a_list_only_the_tags_with_held_out_words_go() -> None:
    names = [f"word{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}" for n in range(100)]
    secret = next(name for name in names if splits.split_of_word(name, ()) == "test")
    plain = [name for name in names if splits.split_of_word(name, ()) == "train"][:2]
    assert splits.captions([f"{plain[0]}, {secret}, {plain[1]}"], "train", ()) == [f"{plain[0]}, {plain[1]}"]
    assert splits.captions([f"{secret} {plain[0]}"], "train", ()) == []
    assert splits.captions([f"{secret}"], "train", {secret}) == [secret]


def test_shares_of_words_are_near_what_was_asked() -> None:
    found = [splits.split_of_word(f"w{number}", ()) for number in range(20_000)]
    assert abs(found.count("test") / 20_000 - splits.TEST) < 0.01
    assert abs(found.count("validation") / 20_000 - splits.VALIDATION) < 0.01


def test_plurals_count_as_their_singulars() -> None:
    words = ["cherries", "foxes", "dogs", "glasses", "glass", "bus", "iris", "gas", "pies", "leaves"]
    expected = ["cherry", "fox", "dog", "glass", "glass", "bus", "iris", "gas", "pie", "leave"]
    assert [splits.singular(word) for word in words] == expected
    assert splits.content_words("The cat's 3 Ponies, and a DOG") == {"cat", "pony", "dog"}


def test_common_words_are_those_of_many_concepts_or_many_glosses() -> None:
    concepts = [f"flag of land{'abcdefghij'[n % 10]}{'abcdefghij'[n // 10]}" for n in range(splits.MOST_CONCEPTS + 1)]
    assert splits.common_words(concepts) == {"flag"}
    assert splits.common_words(concepts[:-1]) == frozenset()
    assert splits.common_words(concepts[:1] * 1000) == frozenset(), "a concept counts once, however many rows it has"
    assert splits.common_words([], ["a small plant"] * 2 + ["an idea"] * 300) == {"small", "plant", "idea"}


@given(
    st.lists(
        st.tuples(st.sampled_from(["owl", "dog", "rain"]), st.integers(0, 40).map(lambda n: f"clip-{n}.wav")),
        unique_by=lambda row: row[1],
    )
)
def test_new_clips_leave_a_clip_to_learn_from(rows: list[tuple[str, str]]) -> None:
    chosen = splits.new_clips(rows)
    assert set(chosen.values()) <= {"test", "validation"}
    for concept in {concept for concept, _ in rows}:
        files = {file for own, file in rows if own == concept}
        assert not files <= chosen.keys()
        assert len(files) >= splits.CLIPS_NEEDED or not files & chosen.keys()


def test_about_one_clip_in_six_is_held_out_five_of_six_for_the_test() -> None:
    rows = [(f"concept {number % 300}", f"{number}.wav") for number in range(6000)]
    chosen = splits.new_clips(rows)
    assert abs(len(chosen) / 6000 - 1 / 6) < 0.02
    assert abs(list(chosen.values()).count("test") / len(chosen) - 5 / 6) < 0.03
    assert splits.new_clips(rows[::-1]) == chosen
