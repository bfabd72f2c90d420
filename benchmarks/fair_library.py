"""Fair across modalities, and nothing close, as the program answers with the weights that ship on files new to them.

    python -m benchmarks.fair_library --corpus FOLDER --folder FOLDER [--seed 0] [--json FILE]

``--corpus`` is where ``recipes/mini/corpus.py`` has made its manifest; ``unseen_library.py`` says what is taken of it,
and what else the library consists of. ``--folder`` keeps files and library, so that a second run only asks.

Right is a file of the kind meant and of the question's concept or label. A file shares words with a question when its
captions, its concept or its text have any content word of the question. Fairness: a right file is among the first ten
of its kind alone (*alone*), or of all kinds, those of other kinds left out that are right (*mixed*) or that share words
(*apart*), or among ten of each kind, with the same left out as in the mixed list (*each kind*). Nothing close: no file
is left that shares words, and something is close all the same (a false alarm); one right file is put back, the one of
which the question is the label or the best of all that are right, and nothing is close (a miss). Among all files, and
among fifty drawn anew for each question. What is left out is left out by a filter, so that a search takes the library
for one that has nothing else.
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.unseen_library import Item, build, words_of
from engine.query.hits import SearchResult
from engine.query.query import Filters, Query, Words
from engine.search_engine import SearchEngine
from engine.settings import SearchSettings, Settings
from storage.library import Library
from storage.records import MODALITIES, Modality, PieceFilter

EACH, SMALL = 100, 50
"""Questions a kind, and files in a small library."""

Figures = dict[str, float]
CUTOFFS = (0.7, SearchSettings().cutoff, 0.98)


@dataclass(frozen=True)
class Only(Filters):
    """These files alone may answer, by their numbers in the catalog."""

    numbers: frozenset[int] = frozenset()

    @property
    def condition(self) -> PieceFilter:
        return replace(super().condition, sources=self.numbers)


@dataclass(frozen=True)
class Asker:
    """A library that can be asked: its files by their numbers in the catalog."""

    engine: SearchEngine
    items: dict[int, Item]

    def questions(self, seed: int) -> list[int]:
        """Up to ``EACH`` files a kind, no two of the same label: each asks by it. "Less than" has no content word."""
        numbers = sorted(number for number, each in self.items.items() if words_of(each.label))
        random.Random(seed).shuffle(numbers)
        first: dict[tuple[Modality, str], int] = {}
        for number in numbers:
            first.setdefault((self.items[number].kind, self.items[number].label), number)
        return [n for kind in MODALITIES for n in [n for key, n in first.items() if key[0] == kind][:EACH]]

    def right(self, asked: int) -> set[int]:
        """The files, of whatever kind, of the question's concept or label."""
        own = self.items[asked]
        return {n for n, each in self.items.items() if each.concept == own.concept or each.label == own.label}

    def sharing(self, asked: int) -> set[int]:
        """The files that have to do with the question as far as words tell, right ones among them."""
        own = self.items[asked]
        words = words_of(f"{own.label} {own.concept.rpartition('/')[2]}")
        return self.right(asked) | {n for n, each in self.items.items() if each.words & words}

    def of_kind(self, kind: Modality) -> set[int]:
        return {number for number, each in self.items.items() if each.kind == kind}

    def ask(self, asked: int, among: Iterable[int], cutoff: float | None = None, each: bool = False) -> SearchResult:
        words, filters = Words(self.items[asked].label), Only(numbers=frozenset(among))
        return self.engine.ask(Query((words,), filters=filters, limit=10, cutoff=cutoff, each_kind=each))


def fairness(asker: Asker, questions: Sequence[int]) -> dict[str, Figures]:
    """By kind that is meant: how often a right file is found alone, mixed and apart, and the shares of the lists."""
    found: dict[str, list[Figures]] = defaultdict(list)
    for asked in questions:
        kind, every = asker.items[asked].kind, set(asker.items)
        meant, right, sharing = asker.of_kind(kind), asker.right(asked), asker.sharing(asked)
        right_paths = {asker.items[number].path for number in right & meant}
        row = {}
        for name, among in (("alone", meant), ("mixed", every - (right - meant)), ("apart", every - (sharing - meant))):
            hits = asker.ask(asked, among).hits
            row[name] = float(any(hit.path in right_paths for hit in hits))
            row[f"share {name}"] = float(np.mean([hit.kind == kind for hit in hits]))
        of_each_kind = asker.ask(asked, every - (right - meant), each=True).hits
        row["each kind"] = float(any(hit.path in right_paths for hit in of_each_kind))
        found[kind].append(row)
    return _with_mean(
        {kind: {name: _mean(row[name] for row in rows) for name in rows[0]} for kind, rows in found.items()}
    )


def nothing_close(asker: Asker, questions: Sequence[int], size: int | None, seed: int) -> dict[str, dict[str, Figures]]:
    """By cut-off and kind that is meant: false alarms, misses of the file whose label asks, misses of the best one."""
    found: dict[tuple[float, str], list[Figures]] = defaultdict(list)
    for asked in questions:
        kind = asker.items[asked].kind
        without = sorted(set(asker.items) - asker.sharing(asked))
        if size is not None:
            without = random.Random(f"{seed} {asked}").sample(without, size)
        right = asker.right(asked) & asker.of_kind(kind)
        paths = {asker.items[number].path: number for number in right}
        best = paths[asker.ask(asked, right).hits[0].path]
        for cutoff in CUTOFFS:
            row = {
                "false alarms": float(asker.ask(asked, without, cutoff).close),
                "misses": float(not asker.ask(asked, [*without, asked], cutoff).close),
                "misses of the best": float(not asker.ask(asked, [*without, best], cutoff).close),
            }
            found[cutoff, kind].append(row)
    by_cutoff: dict[str, dict[str, Figures]] = defaultdict(dict)
    for (cutoff, meant), rows in found.items():
        by_cutoff[str(cutoff)][meant] = {name: _mean(row[name] for row in rows) for name in rows[0]}
    return {cutoff: _with_mean(rows) for cutoff, rows in by_cutoff.items()}


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _with_mean(rows: dict[str, Figures]) -> dict[str, Figures]:
    names = next(iter(rows.values()))
    return rows | {"all": {name: _mean(row[name] for row in rows.values()) for name in names}}


def show(title: str, rows: dict[str, Figures]) -> None:
    print(f"\n{title}, %\n{'':20}" + "".join(f"{kind:>10}" for kind in rows))
    for name in rows["all"]:
        print(f"{name:20}" + "".join(f"{100 * row[name]:10.0f}" for row in rows.values()))


def opened(folder: Path, corpus: Path, seed: int) -> tuple[SearchEngine, Asker]:
    """The library in ``folder``, made if it is not there yet."""
    labels, files, data = folder / "items.json", folder / "00", folder / "data"
    if not labels.exists():
        items = build(files, corpus, seed)
        labels.write_text(json.dumps([asdict(item) | {"words": sorted(item.words)} for item in items], indent=1))
    by_path = {row["path"]: Item(**row | {"words": frozenset(row["words"])}) for row in json.loads(labels.read_text())}
    engine = SearchEngine.open(data, Settings())
    engine.index(files)
    library = Library(data)
    numbers = {stored.id: by_path[path] for path, stored in library.catalog.sources_under(str(files)).items()}
    library.close()
    return engine, Asker(engine, numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="where the corpus of recipes/mini lies")
    parser.add_argument("--folder", type=Path, required=True, help="where files and library are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    told = parser.parse_args()
    engine, asker = opened(told.folder.absolute(), told.corpus, told.seed)
    with engine:
        questions = asker.questions(told.seed)
        fair = fairness(asker, questions)
        close = {
            name: nothing_close(asker, questions, size, told.seed)
            for name, size in ((f"{SMALL} files", SMALL), ("all files", None))
        }
    sizes = {
        "files": Counter(item.kind for item in asker.items.values()),
        "questions": Counter(asker.items[number].kind for number in questions),
    }
    print("; ".join(f"{name} {dict(counts)}" for name, counts in sizes.items()))
    show("right file among the first ten, share of the ten", fair)
    for name, by_cutoff in close.items():
        for cutoff, rows in by_cutoff.items():
            show(f"{name}, cut-off {cutoff}", rows)
    if told.json is not None:
        told.json.write_text(json.dumps({**sizes, "fairness": fair, "nothing close": close}, indent=1) + "\n")


if __name__ == "__main__":
    main()
