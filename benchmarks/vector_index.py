"""The vector index of a library through our own layer, side by side with bare FAISS and usearch in one run.

    python -m benchmarks.vector_index --pieces 1000000 --work FOLDER [--embeddings FILE.npz] [--peer] [--build]

``--build`` makes the library (minutes; run once), without it the library in FOLDER is measured. Vectors resemble those
in FILE (`benchmarks/clustered.py`), of which the first 1,000 are kept apart as queries. ``--peer``: also build an index
of usearch (HNSW, float16; minutes at a million).
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered import drawn_embeddings, real_embeddings, recall, resembling
from storage.approximate import ApproximatePart
from storage.library import Library
from storage.records import FileState, Piece, Source

QUERIES, BEST, PER_SOURCE = 1000, 10, 1000
OWNER = "benchmark"


def embeddings(file: Path | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Queries, and what the pieces resemble."""
    real = drawn_embeddings(50_000) if file is None else real_embeddings(file)
    return real[:QUERIES], real[QUERIES:]


def put(library: Library, number: int, rows: NDArray[np.float16]) -> None:
    pieces = [Piece("text", row, text=f"Passage {n} of the file." * 4) for n, row in enumerate(rows)]
    path = f"/library/folder {number % 97}/file {number}.txt"
    library.catalog.put_source(Source(path, "text", FileState(1, 1), path.encode()), pieces)


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


def median_ms(call: Callable[[NDArray[np.float32]], Any], queries: NDArray[np.float32]) -> float:
    times = []
    for query in queries:
        begin = time.perf_counter()
        call(query)
        times.append(time.perf_counter() - begin)
    return float(np.median(times)) * 1e3


def measure(folder: Path, queries: NDArray[np.float32], peer: bool) -> None:
    begin = time.perf_counter()
    library = Library(folder)
    library.refresh()
    library.search("text", queries[0], BEST)
    print(f"opened, first answer after {time.perf_counter() - begin:.2f} s")
    assert library._index is not None
    part = library._index.parts["text"].target
    ids = part.ids
    count = len(ids)
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    snapshot = sum(path.stat().st_size for path in (folder / "vectors").iterdir())
    print(
        f"{count:,} pieces, {part.kind}: {disk / count:.0f} bytes on disk a piece, {snapshot / count:.0f} of them "
        f"in the snapshot; {part.memory_bytes / count:.0f} in memory"
    )

    held = np.empty((count, queries.shape[1]), dtype=np.float16)
    for start in range(0, count, 10_000):
        held[start : start + 10_000] = library.catalog.vectors(part.ids[start : start + 10_000], queries.shape[1])[1]
    exact = faiss.IndexScalarQuantizer(queries.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, count, 50_000):
        exact.add(held[start : start + 50_000].astype(np.float32))
    asked = queries[:300]
    truth = part.ids[exact.search(asked, BEST)[1]]

    ours = median_ms(lambda q: library.search("text", q, BEST), asked)
    found = [library.search("text", q, BEST)[0] for q in asked]
    print(f"| ours | {recall(found, truth):.4f} | {ours:.3f} |")
    located = median_ms(lambda ids: library.catalog.locate(ids), found)  # type: ignore[arg-type]
    print(f"| looking up the ten in the catalog | | {located:.3f} |")
    if isinstance(part, ApproximatePart):
        bare = part._index
        parameters = faiss.IVFSearchParameters(nprobe=part.probed)
        codes = median_ms(lambda q: bare.search(q[None], 100, params=parameters), asked)
        print(f"| bare FAISS, codes alone, 100 candidates | | {codes:.3f} |")

        def refined(query: NDArray[np.float32]) -> NDArray[np.int64]:
            places = np.searchsorted(part.ids, np.sort(bare.search(query[None], 100, params=parameters)[1][0]))
            scores = held[places].astype(np.float32) @ query
            return part.ids[places[np.argsort(-scores)[:BEST]]]

        in_memory = recall([refined(q) for q in asked], truth)
        print(f"| bare FAISS and float16 vectors in memory | {in_memory:.4f} | {median_ms(refined, asked):.3f} |")
        print(f"ratio to codes and vectors in memory: {ours / median_ms(refined, asked):.2f}")
        for share in (0.3, 0.03, 0.003):
            among = np.sort(np.random.default_rng(1).choice(part.ids, int(count * share), replace=False))
            mask = np.packbits(np.isin(part.ids, among), bitorder="little")
            only = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(mask))
            right = part.ids[exact.search(asked[:100], BEST, params=only)[1]]
            chosen = [library.search("text", q, BEST, among)[0] for q in asked[:100]]
            took = median_ms(lambda q, among=among: library.search("text", q, BEST, among), asked[:100])
            print(f"| ours, filter lets {share:.1%} pass | {recall(chosen, right):.4f} | {took:.3f} |", flush=True)
    else:
        print(f"| bare FAISS, exact float16 | 1 | {median_ms(lambda q: exact.search(q[None], BEST), asked):.3f} |")

    begin = time.perf_counter()
    put(library, int(time.time()), held[:1000])
    committed = time.perf_counter()
    library.refresh()
    library.search("text", queries[1], BEST)
    searchable = time.perf_counter()
    library.save_snapshot()
    print(
        f"1,000 pieces added: committed {committed - begin:.2f} s, searchable {searchable - committed:.2f} s later, "
        f"saved {time.perf_counter() - searchable:.2f} s later"
    )
    if peer:
        measure_peer(held, asked, ids, truth)
    library.close()


def measure_peer(
    held: NDArray[np.float16], asked: NDArray[np.float32], ids: NDArray[np.int64], truth: NDArray[np.int64]
) -> None:
    from usearch.index import Index

    index = Index(ndim=held.shape[1], metric="ip", dtype="f16")
    begin = time.perf_counter()
    index.add(ids, held, threads=1)
    print(f"usearch built in {time.perf_counter() - begin:.0f} s, {index.memory_usage / len(held):.0f} bytes a piece")
    for wide in (64, 256, 512, 1024):
        index.expansion_search = wide
        found = [index.search(q.astype(np.float16), BEST).keys.astype(np.int64) for q in asked]
        took = median_ms(lambda q: index.search(q.astype(np.float16), BEST, threads=1), asked)
        print(f"| usearch, expansion {wide} | {recall(found, truth):.4f} | {took:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--peer", action="store_true")
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    queries, like = embeddings(arguments.embeddings)
    folder = arguments.work / str(arguments.pieces)
    if arguments.build:
        build(folder, arguments.pieces, like)
    else:
        measure(folder, queries, arguments.peer)


if __name__ == "__main__":
    main()
