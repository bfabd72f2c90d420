"""Queries that people really make, on real files: combined, filtered, by moment, without oneself, and wrong ones."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pymupdf
import pytest
from PIL import ExifTags, Image
from pytest import approx

from engine import SearchEngine
from engine.errors import QueryError
from engine.query.hits import Hit
from engine.query.query import LikeFile, LikeHit, Words
from engine.settings import SearchSettings, Settings
from storage.records import MODALITIES
from tests.conftest import Program, Samples


@pytest.fixture(scope="module")
def engine(samples: Samples) -> Iterator[SearchEngine]:
    with SearchEngine.open(samples.program.data) as engine:
        yield engine


def names(hits: tuple[Hit, ...]) -> list[str]:
    return [Path(hit.path).name for hit in hits]


def score_of(hits: tuple[Hit, ...], name: str) -> float:
    return next(hit.score for hit in hits if Path(hit.path).name == name)


# --- combined queries


def test_words_a_file_and_what_is_not_wanted_together(engine: SearchEngine, samples: Samples) -> None:
    """A bird that is a crow, not a penguin; a drum that is heard, not seen."""
    penguin = samples.queries / "penguin.png"
    both = engine.search("a black bird", like=[samples.queries / "crow.mp3"], kinds=["image"], limit=16).hits
    assert names(both)[0] == "IMG_2041.jpg"
    birds = engine.search("a bird", kinds=["video"], limit=10).hits
    without = engine.search("a bird", not_like=[penguin], kinds=["video"], limit=10).hits
    assert names(without).index("VID_0012.mp4") > names(birds).index("VID_0012.mp4")


def test_weights_decide_which_part_prevails(engine: SearchEngine, samples: Samples) -> None:
    bicycle = samples.queries / "bicycle.png"

    def place(words: float, file: float, name: str) -> int:
        like = [LikeFile(bicycle, weight=file)]
        hits = engine.search(Words("an elephant", words), like=like, kinds=["image"], limit=20).hits
        return names(hits).index(name)

    assert place(4, 1, "DSC00315.png") == 0 == place(1, 4, "IMG_2050.png")
    assert place(4, 1, "IMG_2050.png") > 0 < place(1, 4, "DSC00315.png")


def test_two_spans_of_films_are_both_meant_as_seen_or_both_as_heard(engine: SearchEngine, samples: Samples) -> None:
    first, second = samples.library / "Videos" / "VID_0001.mp4", samples.library / "Videos" / "VID_0007.mp4"
    hits = engine.search(like=[f"{first}@4-8", f"{second}@0-4"], kinds=["image"], limit=16).hits
    crow_alone = engine.search(like=[f"{first}@4-8"], kinds=["image"], limit=16).hits
    assert names(hits)[0] == names(crow_alone)[0] == "IMG_2041.jpg"
    assert names(hits).index("old_scan.bmp") < names(crow_alone).index("old_scan.bmp")


def test_an_earlier_hit_asks_as_its_place_in_the_file_would(engine: SearchEngine, samples: Samples) -> None:
    guitar = engine.search("an acoustic guitar", kinds=["video"], limit=1).hits[0]
    assert (guitar.start, guitar.end) == (4.0, 8.0)
    by_hit = engine.search(like=[guitar], limit=8).hits
    by_span = engine.search(like=[f"{guitar.path}@4-8"], limit=8).hits
    assert len(set(names(by_hit)) & set(names(by_span))) >= 6
    assert not {number for hit in by_hit for number in hit.pieces} & set(guitar.pieces)
    weighted = engine.search("a piano", like=[LikeHit(guitar, 0.2)], limit=1).hits[0]
    assert (Path(weighted.path).name, weighted.page) == ("music-room.pdf", 2)


def test_a_hit_whose_file_has_changed_since_is_refused(tmp_path: Path) -> None:
    note = tmp_path / "notes" / "a.txt"
    note.parent.mkdir()
    note.write_text("The old mill stands by the river.")
    with SearchEngine.open(tmp_path / "data") as engine:
        engine.index(note.parent)
        (hit,) = engine.search("a mill").hits
        note.write_text("Nothing of it is left but this line.")
        engine.index(note.parent)
        with pytest.raises(QueryError, match=r"a\.txt.*search again"):
            engine.search(like=[hit])


def test_a_page_asks_for_what_is_on_it(engine: SearchEngine, samples: Samples) -> None:
    guide = samples.library / "Documents" / "field-guide.pdf"
    assert names(engine.search(like=[f"{guide}#2"], kinds=["text"], limit=1).hits) == ["soup.md"]
    assert names(engine.search(like=[f"{guide}#3"], kinds=["text"], limit=1).hits) == ["keeper.html"]
    with pytest.raises(QueryError, match="no page 9"):
        engine.search(like=[f"{guide}#9"])


# --- oneself


def test_a_query_file_and_its_exact_copies_are_hidden_unless_asked_for(samples: Samples, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("IMG_2041.jpg", "IMG_2050.png"):
        shutil.copy(samples.library / "Pictures" / name, folder)
    shutil.copy(folder / "IMG_2041.jpg", folder / "copy of it.jpg")
    with Image.open(folder / "IMG_2041.jpg") as picture:
        picture.save(folder / "saved again.jpg", quality=60)
    with SearchEngine.open(tmp_path / "data") as engine:
        engine.index(folder)
        for asked in (folder / "IMG_2041.jpg", samples.library / "Pictures" / "IMG_2041.jpg"):
            assert names(engine.search(like=[asked]).hits) == ["saved again.jpg", "IMG_2050.png"]
            every = engine.search(like=[asked], include_self=True).hits
            assert set(names(every)[:2]) == {"IMG_2041.jpg", "copy of it.jpg"} and len(every) == 4
        # Asked with a hit, its copies are hidden, too; what is not wanted is not hidden but pushed down.
        first = engine.search("a crow", limit=4, globs="IMG_2041.jpg").hits[0]
        assert names(engine.search(like=[first]).hits) == ["saved again.jpg", "IMG_2050.png"]
        assert len(engine.search("a crow", not_like=[folder / "IMG_2041.jpg"]).hits) == 4


def test_a_span_hides_itself_and_not_the_rest_of_its_file(engine: SearchEngine, samples: Samples) -> None:
    film = samples.library / "Videos" / "VID_0001.mp4"
    hits = engine.search(like=[f"{film}@4-8"], kinds=["video"], limit=20, each_moment=True).hits
    own = [(hit.start, hit.end) for hit in hits if hit.path == str(film)]
    assert own and all(min(end or 0, 8) - max(start or 0, 4) < ((end or 0) - (start or 0)) / 2 for start, end in own)
    every = engine.search(like=[f"{film}@4-8"], kinds=["video"], include_self=True).hits[0]
    assert every.path == str(film) and every.start is not None and 2 < every.start < 5


# --- of each kind


def test_so_many_of_each_kind_are_those_that_the_kind_alone_finds(engine: SearchEngine, samples: Samples) -> None:
    crow = samples.queries / "crow.mp3"
    for words, like in (("a crow", []), ("the old lighthouse", []), (None, [crow]), ("a bird", [crow])):
        found = engine.search(words, like=like, limit=3, each_kind=True).hits
        kinds = list(dict.fromkeys(hit.kind for hit in found))
        assert len(kinds) == 5
        groups = [[hit for hit in found if hit.kind == kind] for kind in kinds]
        assert [hit for group in groups for hit in group] == list(found), "a kind stands in one piece"
        bests = [group[0].relevance for group in groups]
        assert bests == sorted(bests, reverse=True)
        everything = {hit.path: hit for hit in engine.search(words, like=like, limit=1000).hits}
        for kind, group in zip(kinds, groups, strict=True):
            alone = engine.search(words, like=like, limit=3, kinds=[kind]).hits
            assert names(tuple(group)) == names(alone)
            assert [hit.relevance for hit in group] == approx([everything[hit.path].relevance for hit in group])


def test_each_kind_beside_filters_moments_and_exact_words(engine: SearchEngine, samples: Samples) -> None:
    notes = samples.library / "Notes"
    assert {hit.kind for hit in engine.search("a crow", under=notes, limit=2, each_kind=True).hits} == {"text"}
    some = engine.search("a crow", kinds=["image", "video"], limit=4, each_kind=True, each_moment=True).hits
    assert [hit.kind for hit in some].count("image") == [hit.kind for hit in some].count("video") == 4
    assert len({hit.path for hit in some if hit.kind == "video"}) < 4, "places, not files"
    exact = engine.search("crow", exact=True, limit=1, each_kind=True).hits
    assert sorted(hit.kind for hit in exact) == ["document", "text"]


def test_each_kind_on_the_command_line(samples: Samples) -> None:
    shown = samples.program.run("search", "a crow", "--each-kind", "-n", "2").stdout.splitlines()
    heads = [line.partition(":")[0] for line in shown if line.partition(":")[0] in MODALITIES]
    assert sorted(heads) == sorted(MODALITIES)
    asked = samples.program.json("search", "a crow", "--each-kind", "-n", "2")
    assert len(asked["hits"]) == 10 and [hit["kind"] for hit in asked["hits"]] == [k for k in heads for _ in range(2)]
    third = samples.program.json("search", "--like", "#3", "-n", "1", "--include-self")["hits"][0]
    assert third["path"] == asked["hits"][2]["path"]
    nothing = samples.program.run("search", "qwxvz", "--each-kind", "-n", "1", "--cutoff", "1").stdout
    assert nothing.count("nothing close; the nearest:") == 5


# --- moments


def test_moments_of_a_film_and_pages_of_a_document_one_a_line(engine: SearchEngine, samples: Samples) -> None:
    hits = engine.search("an elephant", kinds=["document"], limit=19, each_moment=True).hits
    assert (names(hits)[0], hits[0].page) == ("field-guide.pdf", 3)
    pages = [hit.page for hit in hits if Path(hit.path).name == "field-guide.pdf"]
    assert sorted(page or 0 for page in pages) == [1, 2, 3, 4, 5] and len(hits) == 19
    films = engine.search("a crow", kinds=["video"], limit=100, each_moment=True).hits
    assert (names(films)[0], films[0].start, films[0].end) == ("VID_0001.mp4", 4.0, 8.0)
    assert names(films).count("VID_0001.mp4") > 1


def test_a_sound_that_goes_on_is_one_span(engine: SearchEngine, samples: Samples) -> None:
    """Windows overlap by half; twelve seconds of surf are one moment, not four; the last may stand apart."""
    walk = samples.library / "Sounds" / "recording-14.mp3"
    (hit,) = engine.search("waves on a beach", under=walk).hits
    assert hit.start == 0 and hit.end is not None and hit.end >= 10 and len(hit.moments) == 1


# --- nothing close


def test_what_is_not_in_the_library_finds_nothing_close_and_what_is_does(engine: SearchEngine) -> None:
    for words in ("an acoustic guitar", "mushroom soup", "a bicycle", "a lighthouse in a storm", "a black bird"):
        assert engine.search(words).close, words
    assert engine.search("dentist").close  # the word stands in a list of things to do
    for words in ("xqzt vprk wlmn", "a chess tournament", "nuclear reactor", "football match"):
        result = engine.search(words)
        assert not result.close and result.hits, words


def test_relevance_does_not_depend_on_the_cut_off_of_a_question(engine: SearchEngine) -> None:
    """Of words that stand in a file, neither; it is close by the cut-off of the settings."""
    plain, loose, strict = (engine.search("dentist", cutoff=cutoff) for cutoff in (None, 0.2, 0.999))
    assert plain.hits == loose.hits == strict.hits
    assert plain.close and loose.close and not strict.close
    quoted = engine.search('"dentist"')
    assert quoted.close and quoted.hits[0].relevance >= 0.9


def test_words_do_not_outvote_what_is_not_wanted(engine: SearchEngine) -> None:
    first = engine.search("dentist").hits[0]
    assert first.relevance >= 0.9
    for unwanted in ({"not_like": first}, {"not_words": "a list of things to do"}):
        result = engine.search("dentist", limit=100, **unwanted)  # type: ignore[arg-type]
        assert next(hit.relevance for hit in result.hits if hit.path == first.path) < 0.9


def test_the_cut_off_is_a_setting_and_an_option(samples: Samples) -> None:
    engine = SearchEngine.open(samples.program.data, Settings(search=SearchSettings(cutoff=0)))
    with engine:
        assert engine.search("a chess tournament").close
        assert not engine.search("a chess tournament", cutoff=0.95).close
        assert not engine.search("a chess tournament", before=datetime(1990, 1, 1), cutoff=0).close  # nothing at all
        with pytest.raises(QueryError, match="relevance goes from 0 to 1"):
            engine.search("a chess tournament", cutoff=1.5)


def test_the_command_line_says_when_nothing_is_close(samples: Samples) -> None:
    program = samples.program
    shown = program.run("search", "a chess tournament", "-n", "2").stdout.splitlines()
    assert shown[0] == "nothing close; the nearest:" and shown[1].startswith(" 1 ")
    assert "nothing close" not in program.run("search", "a chess tournament", "-n", "2", "--cutoff", "0").stdout
    answer = json.loads(program.run("search", "a bicycle", "-n", "1", "--json").stdout)
    assert set(answer) == {"took_ms", "close", "hits"} and answer["close"] is True
    assert program.run("search", "a chess tournament", "--cutoff", "2").returncode == 2


# --- filters


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory, samples: Samples) -> Iterator[SearchEngine]:
    """Files that say when they were made (in their names, too), and one that does not and was changed in 2015."""
    folder = tmp_path_factory.mktemp("dated")
    for year in (2018, 2021):
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{year}:07:01 12:00:00"
        with Image.open(samples.library / "Pictures" / "IMG_2041.jpg") as picture:
            picture.resize((200 + year - 2000, 200)).save(folder / f"{year}.jpg", exif=exif)
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "A letter about crows")
        document.set_metadata({"creationDate": "D:20190203040506Z"})
        document.save(folder / "2019.pdf")
    shutil.copy(samples.library / "Sounds" / "recording-01.wav", folder / "2015.wav")
    shutil.copy(samples.library / "Sounds" / "recording-14.mp3", folder / "today, long.mp3")
    then = datetime(2015, 5, 5).timestamp()
    os.utime(folder / "2015.wav", (then, then))
    os.utime(folder / "2021.jpg", (then, then))  # a copied file keeps what the camera wrote
    with SearchEngine.open(tmp_path_factory.mktemp("data")) as engine:
        engine.index(folder)
        yield engine


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"after": datetime(2018, 1, 1), "before": datetime(2022, 1, 1)}, {"2018.jpg", "2019.pdf", "2021.jpg"}),
        ({"before": datetime(2018, 7, 1, 12)}, {"2015.wav"}),
        ({"after": datetime(2018, 7, 1, 12), "before": datetime(2018, 7, 1, 12, 0, 1)}, {"2018.jpg"}),
        ({"after": datetime(2022, 1, 1)}, {"today, long.mp3"}),
        ({"globs": "*.JPG"}, {"2018.jpg", "2021.jpg"}),
        ({"globs": ["2015*", "*.pdf"]}, {"2015.wav", "2019.pdf"}),
        ({"longer": 10.0}, {"today, long.mp3"}),
        ({"shorter": 10.0}, {"2015.wav"}),
        ({"larger": 200_000}, {"2015.wav"}),
        ({"smaller": 200_000, "kinds": ["audio"]}, {"today, long.mp3"}),
    ],
)
def test_filters_by_date_name_duration_and_size(
    dated: SearchEngine, filters: dict[str, object], expected: set[str]
) -> None:
    hits = dated.search("a crow", limit=1, **filters).hits  # type: ignore[arg-type]
    assert len(hits) == 1  # whatever ranks first without the filter
    assert set(names(dated.search("a crow", **filters).hits)) == expected  # type: ignore[arg-type]


# --- the program


def test_the_program_takes_any_mix_and_refers_to_its_last_answer(samples: Samples, tmp_path: Path) -> None:
    program = samples.program
    mix = ["a bird^2", "--and", "black", "--like", f"{samples.queries / 'crow.mp3'}^0.5", "--not", "a ship"]
    first = program.json("search", *mix, "--glob", "*.jpg", "--glob", "*.mp4", "--smaller", "50MB", "-n", "3")["hits"]
    assert Path(first[0]["path"]).name in ("IMG_2041.jpg", "VID_0001.mp4")
    assert {Path(hit["path"]).suffix for hit in first} <= {".jpg", ".mp4"} and len(first) == 3
    again = program.run("search", "--like", "#1", "-n", "2", "--moments", "--kind", "image,video")
    assert again.returncode == 0, again.stderr
    lines = again.stdout.splitlines()
    assert len(lines) == 2 and lines[0].startswith(" 1 ") and lines[1].startswith(" 2 ")
    assert Path(first[0]["path"]).name not in again.stdout or "VID" in first[0]["path"]
    gone = program.run("search", "--like", "#3")
    assert gone.returncode == 2 and "the last answer had 2 lines" in gone.stderr


WRONG = [
    ([""], "nothing to look for"),
    (["--not", "x"], "nothing to look for"),
    (["x", "--not", ""], "nothing to look for"),
    (["x", "--and", " "], "nothing to look for"),
    (["x^0"], "0 is no weight"),
    (["x^-1"], "-1 is no weight; a weight is a number above 0"),
    (["x", "--glob", "pics/"], "is a folder"),
    (["x", "--glob", "./"], "is a folder"),
    (["--like", "{folder}/nowhere.png"], "nowhere.png: no such file"),
    (["--like", "{folder}/nowhere.mp3@1-2"], "nowhere.mp3: no such file"),
    (["x", "--not-like", "{folder}/nowhere.png^2"], "nowhere.png: no such file"),
    (["--like", ""], "need the name of a file"),
    (["--like", "a.mp3@9-3"], "ends before it starts"),
    (["--like", "a.mp3@1:2:3:4-5"], "is no time"),
    (["--like", "#7"], "#7: "),
    (["x", "--kind", ""], "--kind needs"),
    (["x", "--under", "{folder}/nowhere"], "nowhere: there is no such folder"),
    (["x", "--under", ""], "--under needs"),
    (["x", "--glob", ""], "is no pattern"),
    (["x", "--glob", "[z-a]"], "is no pattern"),
    (["x", "--after", "yesterday"], "'yesterday' is no date"),
    (["x", "--before", ""], "'' is no date"),
    (["x", "--before", "2020-02-30"], "is no date"),
    (["x", "--after", "2021-01-01", "--before", "2020-01-01"], "no date lies between"),
    (["x", "--longer", "a while"], "is no time"),
    (["x", "--longer", "2:00", "--shorter", "60"], "no duration lies between"),
    (["x", "--under", "{folder}", "--under", "."], "--under is given 2 times"),
    (["x", "--after", "2020-01-01", "--after", "2021-01-01"], "--after is given 2 times"),
    (["x", "--larger", "1", "--larger", "2"], "--larger is given 2 times"),
    (["x", "--larger", "huge"], "is no size"),
    (["x", "--smaller", "-1"], "is no size"),
    (["caf\udce9"], "not UTF-8"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), WRONG, ids=[" ".join(each).encode("ascii", "replace") for each, _ in WRONG]
)
def test_wrong_queries_are_one_line_and_exit_code_2(
    program: Program, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = program.run("search", *(argument.format(folder=tmp_path) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stdout == "" and done.stderr.count("\n") == 1 and said in done.stderr


def test_files_that_cannot_ask_are_one_line_and_exit_code_2(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "data.xyz").write_text("x")
    (tmp_path / "torn.jpg").write_bytes((samples.library / "Pictures" / "IMG_2041.jpg").read_bytes()[:500])
    sounds, guide = samples.library / "Sounds", samples.library / "Documents" / "field-guide.pdf"
    for asked, said in (
        (tmp_path, "it is a folder"),
        (tmp_path / "data.xyz", "files named .xyz are not read"),
        (tmp_path / "torn.jpg", "truncated"),
        (f"{sounds / 'recording-01.wav'}@100-200", "the span is outside"),
        (f"{samples.library / 'Pictures' / 'IMG_2041.jpg'}@1-2", "a span of seconds needs a sound or a video"),
        (f"{guide}#99", "there is no page 99"),
        (f"{samples.library / 'Pictures' / 'IMG_2041.jpg'}#1", "it has no pages"),
    ):
        done = samples.program.run("search", "--like", asked)
        assert done.returncode == 2, done.stderr
        assert done.stdout == "" and done.stderr.count("\n") == 1 and said in done.stderr, done.stderr


def test_signs_that_mean_something_elsewhere_are_words_here(samples: Samples) -> None:
    for words in (
        '"crow',
        "crow AND (bird*",
        "NEAR(crow bird)",
        "-crow: {^}",
        "'; DROP TABLE piece; --",
        "[crow]",
        "[/b]",
    ):
        done = samples.program.run("search", "-n", "1", "--cutoff", "0", "--", words)
        assert done.returncode == 0 and done.stdout.startswith(" 1 ") and done.stderr == "", done.stderr


def test_all_files_of_a_query_are_decoded_by_one_process(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    started = []
    popen = subprocess.Popen

    def counted(*arguments: object, **options: object) -> object:
        started.append(arguments)
        return popen(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    like = [samples.queries / name for name in ("bicycle.png", "penguin.png", "crow.mp3")]
    with SearchEngine.open(samples.program.data) as engine:
        engine.search("only words")
        assert started == []
        engine.search("x", like=like, not_like=[samples.queries / "mushroom.jpg"])
        assert len(started) == 1


def test_a_query_over_many_hits_asks_the_catalog_a_fixed_number_of_times(engine: SearchEngine) -> None:
    from sqlalchemy import event

    statements: list[str] = []
    database = engine._library.catalog._engine

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    event.listen(database, "before_cursor_execute", note)
    try:
        counts = []
        for limit in (1, 40):
            statements.clear()
            engine.search("music", kinds=["video", "audio"], limit=limit)
            counts.append(len(statements))
    finally:
        event.remove(database, "before_cursor_execute", note)
    assert counts[1] <= counts[0] + 5  # a modality may be searched again with a larger size, no more
