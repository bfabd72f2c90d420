"""The vector index of a library through our own layer, side by side with bare FAISS and usearch in one run.

    python -m benchmarks.vector_index --pieces 1000000 --work FOLDER [--embeddings FILE.npz] [--asked KIND --held KIND]
        [--peer] [--build]

``--build`` makes the library (minutes; run once), without it the library in FOLDER is measured. Vectors resemble those
in FILE (`benchmarks/clustered.py`), of which the first 1,000 are kept apart as queries; with ``--asked text --held
image`` words ask among pictures. ``--peer``: also ask an index
of usearch (HNSW, float16), which is made when it is not there yet (minutes at a million).
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered import drawn_embeddings, real_embeddings, recall, resembling
from storage.approximate import ApproximatePart
from storage.library import Library
from storage.records import FileState, Piece, Source

QUERIES, BEST, PER_SOURCE = 1000, 10, 1000
ASKED, FILTERED = 900, 60
PEER = ".usearch"
OWNER = "benchmark"


def embeddings(file: Path | None, asked: str | None, held: str | None) -> tuple[NDArray[np.float32], ...]:
    """Queries, and what the pieces resemble."""
    if file is not None and asked is not None and held is not None:
        return real_embeddings(file, (asked,))[:QUERIES], real_embeddings(file, (held,))
    real = drawn_embeddings(50_000) if file is None else real_embeddings(file)
    return real[:QUERIES], real[QUERIES:]


def put(library: Library, number: int, rows: NDArray[np.float16]) -> str:
    """Add a file of these pieces; returns its path."""
    pieces = [Piece("text", row, text=f"Passage {n} of the file." * 4) for n, row in enumerate(rows)]
    path = f"/library/folder {number % 97}/file {number}.txt"
    library.catalog.put_source(Source(path, "text", FileState(1, 1), path.encode()), pieces)
    return path


def build(folder: Path, count: int, like: NDArray[np.float32]) -> None:
    library = Library(folder)
    library.catalog.bind_model(OWNER, like.shape[1])
    begin, number = time.perf_counter(), 0
    for block in resembling(like, count):
        for start in range(0, len(block), PER_SOURCE):
            put(library, number, block[start : start + PER_SOURCE].astype(np.float16))
            number += 1
    print(f"written in {time.perf_counter() - begin:.0f} s", flush=True)
    begin = time.perf_counter()
    library.refresh()
    print(f"read from the catalog in {time.perf_counter() - begin:.1f} s", flush=True)
    begin = time.perf_counter()
    library.save_snapshot()
    print(f"index trained, filled and written in {time.perf_counter() - begin:.0f} s", flush=True)
    library.close()


Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]


def in_turns(searches: Mapping[str, Search], queries: NDArray[np.float32], truth: NDArray[np.int64]) -> None:
    """Ask each query of every search, in turns, so that what else the machine does hits all alike.

    In a turn each search gets another query: the lists of one that has just been answered are in the processor's cache.
    """
    times: dict[str, list[float]] = {name: [] for name in searches}
    found: dict[str, list[NDArray[np.int64]]] = {name: [] for name in searches}
    names, apart = list(searches), len(queries) // len(searches)
    for turn in range(len(queries)):
        for number, name in enumerate(names):
            query = queries[(turn + number * apart) % len(queries)]
            begin = time.perf_counter()
            best = searches[name](query)
            times[name].append(time.perf_counter() - begin)
            found[name].append(best)
    right = {name: np.roll(truth, -number * apart, axis=0) for number, name in enumerate(names)}
    print("| | recall@10 | ms, median | mean | lowest tenth | ours, times as long: median | mean | lowest tenth |")
    print("|---|---|---|---|---|---|---|---|")
    measures = [{name: measure(each) * 1e3 for name, each in times.items()} for measure in (np.median, np.mean, _low)]
    ours = names[0]
    for name in names:
        own = " | ".join(f"{measure[name]:.2f}" for measure in measures)
        ratios = " | ".join(f"{measure[ours] / measure[name]:.2f}" for measure in measures)
        print(f"| {name} | {recall(found[name], right[name]):.3f} | {own} | {ratios} |")
    print(flush=True)


def _low(values: list[float]) -> float:
    return float(np.percentile(values, 10))


def opened(folder: Path, query: NDArray[np.float32]) -> Library:
    begin = time.perf_counter()
    library = Library(folder)
    library.refresh()
    library.search("text", query, BEST)
    print(f"opened, first answer after {time.perf_counter() - begin:.2f} s", flush=True)
    return library


def measure(folder: Path, queries: NDArray[np.float32], peer: bool) -> None:
    library = opened(folder, queries[0])
    assert library._index is not None
    part = library._index.parts["text"].target
    ids, dimension = part.ids, queries.shape[1]
    count = len(ids)
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != PEER)
    snapshot = sum(path.stat().st_size for path in (folder / "vectors").iterdir())
    print(
        f"{count:,} pieces, {part.kind}: {disk / count:.0f} bytes on disk a piece, {snapshot / count:.0f} of them "
        f"in the snapshot; {part.memory_bytes / count:.0f} in memory"
    )

    held = np.empty((count, dimension), dtype=np.float16)
    for start in range(0, count, 10_000):
        held[start : start + 10_000] = library.catalog.vectors(ids[start : start + 10_000], dimension)[1]
    exact = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    exact.add_sa_codes(held.view(np.uint8))
    asked = queries[:ASKED]
    truth = ids[exact.search(asked, BEST)[1]]

    searches: dict[str, Search] = {"ours": lambda q: library.search("text", q, BEST)[0]}
    if isinstance(part, ApproximatePart):
        searches |= bare_searches(part, exact)
    else:
        searches["FAISS, exact, float16"] = lambda q: ids[exact.search(q[None], BEST)[1][0]]
    if peer:
        searches |= peer_searches(folder, held, ids)
    in_turns(searches, asked, truth)

    found = [library.search("text", query, BEST)[0] for query in asked]
    times = []
    for best in found:
        begin = time.perf_counter()
        library.catalog.locate(best)
        times.append(time.perf_counter() - begin)
    print(f"looking up the ten in the catalog: {np.median(times) * 1e3:.2f} ms\n")
    measure_filters(library, exact, asked[:FILTERED])
    measure_addition(library, held[:1000], queries[1])
    library.close()


def bare_searches(part: ApproximatePart, exact: faiss.IndexScalarQuantizer) -> dict[str, Search]:
    """FAISS alone with the same lists and codes, and with its own way of measuring the candidates again."""
    codes, ids = part._index, part.ids
    parameters = faiss.IVFSearchParameters(nprobe=part.probed)
    places = faiss.deserialize_index(faiss.serialize_index(codes))  # IndexRefine wants numbers without gaps
    for number in range(places.nlist):
        numbers = faiss.rev_swig_ptr(places.invlists.get_ids(number), places.invlists.list_size(number))
        numbers[:] = np.searchsorted(ids, numbers)
    refined = faiss.IndexRefine(places, exact)

    def refining(lists: int, factor: int) -> Search:
        base = faiss.IVFSearchParameters(nprobe=lists)
        whole = faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=base)
        # The index stays alive as long as the search does.
        return lambda q, refined=refined: ids[refined.search(q[None], BEST, params=whole)[1][0]]  # type: ignore[misc]

    def name(lists: int, factor: int) -> str:
        return f"FAISS, {lists} lists, {factor * BEST} candidates"

    most = part.probed
    chosen = [(most, 10), (most, 4), (most // 2, 4), (most // 5, 4)]
    alone = {f"FAISS, {most} lists, codes alone": lambda q: codes.search(q[None], BEST, params=parameters)[1][0]}
    return alone | {name(*each): refining(*each) for each in chosen}


def measure_filters(library: Library, exact: faiss.IndexScalarQuantizer, asked: NDArray[np.float32]) -> None:
    assert library._index is not None
    ids = library._index.parts["text"].target.ids
    for share in (0.3, 0.03, 0.003):
        among = np.sort(np.random.default_rng(1).choice(ids, int(len(ids) * share), replace=False))
        mask = np.packbits(np.isin(ids, among), bitorder="little")
        only = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(mask))  # type: ignore[call-arg, arg-type]
        right = ids[exact.search(asked, BEST, params=only)[1]]
        print(f"a filter that lets {share:.1%} pass")
        in_turns({"ours": lambda q, among=among: library.search("text", q, BEST, among)[0]}, asked, right)  # type: ignore[misc]


def measure_addition(library: Library, rows: NDArray[np.float16], query: NDArray[np.float32]) -> None:
    begin = time.perf_counter()
    path = put(library, int(time.time()), rows)
    committed = time.perf_counter()
    library.refresh()
    library.search("text", query, BEST)
    searchable = time.perf_counter()
    library.save_snapshot()
    print(
        f"{len(rows):,} pieces added: committed {committed - begin:.2f} s, searchable {searchable - committed:.2f} s "
        f"later, saved {time.perf_counter() - searchable:.2f} s later"
    )
    library.catalog.forget(path)


def peer_searches(folder: Path, held: NDArray[np.float16], ids: NDArray[np.int64]) -> dict[str, Search]:
    """usearch (HNSW over float16), made once and kept beside the library."""
    from usearch.index import Index

    file = folder / f"peer{PEER}"
    index = Index(ndim=held.shape[1], metric="ip", dtype="f16")
    if not file.exists():
        begin = time.perf_counter()
        index.add(ids, held, threads=1)
        index.save(file)
        print(f"usearch: built in {time.perf_counter() - begin:.0f} s", flush=True)
    begin = time.perf_counter()
    index.load(file)
    print(
        f"usearch: loaded in {time.perf_counter() - begin:.2f} s, {file.stat().st_size / len(held):.0f} bytes a piece "
        f"in its file, {index.memory_usage / len(held):.0f} in memory"
    )

    def wide(expansion: int) -> Search:
        def search(query: NDArray[np.float32]) -> NDArray[np.int64]:
            index.expansion_search = expansion
            return index.search(query.astype(np.float16), BEST, threads=1).keys.astype(np.int64)

        return search

    return {f"usearch, {expansion} wide": wide(expansion) for expansion in (64, 256, 1024)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--asked")
    parser.add_argument("--held")
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--peer", action="store_true")
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    queries, like = embeddings(arguments.embeddings, arguments.asked, arguments.held)
    folder = arguments.work / str(arguments.pieces)
    if arguments.build:
        build(folder, arguments.pieces, like)
    else:
        measure(folder, queries, arguments.peer)


if __name__ == "__main__":
    main()
