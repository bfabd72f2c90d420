"""Vector search on a GPU, held against the processor: are the answers the same, and how long do they take?

    python -m benchmarks.gpu_search [--sizes 100000,1000000,5000000] [--device cuda] --out FOLDER

Needs torch, the extra `gpu` (faiss) and this repository; draws clustered vectors on the device itself. Writes
gpu_search.md and gpu_search.json to FOLDER, and ends with code 1 when an exact answer differs from the processor's by
more than float16 rounds. Times are medians of a call with 1 and with 256 queries, arrays in and out on the host
included; recall@10 is measured against exact products in float32.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.clustered import recall
from engine.gpu_probe import probe_gpu
from engine.gpu_search import FaissGpuSearch, TorchSearch, device_name, lists_for

Search = Callable[[NDArray[np.float32]], tuple[NDArray[np.int64], NDArray[np.float32]]]

DIMENSION, QUERIES, BATCH, BEST = 384, 1024, 256, 10
CPU_QUERIES, BLOCK = 64, 250_000
# Products of unit vectors whose parts are rounded to float16: 2^-11 of each, averaged over the dimension.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Row:
    """One way of searching. ``recall``: share of the true ten found; ``ms_1``, ``ms_256`` per query."""

    size: int
    way: str
    recall: float
    ms_1: float
    ms_256: float
    build_s: float
    largest_difference: float | None = None


def draw(count: int, device: str, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors (count, DIMENSION) as float16 and queries (QUERIES, DIMENSION) as float32, both on ``device``.

    Groups of 250 around centres that themselves stand in families; a query is a vector moved half its way to another
    one of its group and then a little aside.
    """
    random = torch.Generator(device).manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, device=device) / shape[-1] ** 0.5

    groups = max(1, count // 250)
    families = normal(max(1, groups // 20), DIMENSION)
    centres = families[torch.randint(len(families), (groups,), generator=random, device=device)]
    centres = torch.nn.functional.normalize(centres + 0.8 * normal(groups, DIMENSION))
    of = torch.randint(groups, (count,), generator=random, device=device)
    vectors = torch.empty((count, DIMENSION), dtype=torch.float16, device=device)
    for start in range(0, count, BLOCK):
        own = centres[of[start : start + BLOCK]]
        vectors[start : start + BLOCK] = torch.nn.functional.normalize(own + 0.6 * normal(len(own), DIMENSION)).half()
    asked = torch.randint(count, (QUERIES,), generator=random, device=device)
    queries = vectors[asked].float() + centres[of[asked]] + 0.3 * normal(QUERIES, DIMENSION)
    return vectors, torch.nn.functional.normalize(queries)


def true_best(vectors: torch.Tensor, queries: torch.Tensor) -> NDArray[np.int64]:
    """The ten with the highest products in float32, (len(queries), 10)."""
    best = torch.empty((len(queries), 0), device=vectors.device)
    places = torch.empty((len(queries), 0), dtype=torch.int64, device=vectors.device)
    for start in range(0, len(vectors), BLOCK):
        scores, at = (queries @ vectors[start : start + BLOCK].float().T).topk(BEST, dim=1)
        best, places = torch.cat([best, scores], 1), torch.cat([places, at + start], 1)
        best, kept = best.topk(BEST, dim=1)
        places = places.gather(1, kept)
    return places.cpu().numpy()


def milliseconds(search: Search, queries: NDArray[np.float32], size: int) -> float:
    """Median time of a call with ``size`` queries, divided by them. A call returns when its answer is on the host."""
    times = []
    for call in range(48 if size == 1 else 12):
        chosen = queries[call * size % len(queries) :][:size]
        begin = time.perf_counter()
        search(chosen)
        times.append((time.perf_counter() - begin) / len(chosen))
    return float(np.median(times[2:])) * 1e3


def measure(size: int, device: str) -> list[Row]:
    """A row for every way of searching ``size`` vectors."""
    vectors, asked = draw(size, device)
    truth, queries = true_best(vectors, asked), asked.cpu().numpy()
    held = vectors.cpu().numpy()
    del vectors, asked
    if device == "cuda":
        torch.cuda.empty_cache()
    by_processor = processor_row(held, queries, truth)
    rows, right_scores = [by_processor[0]], by_processor[1]
    for way, search, build_s, is_ours in ways(held, device):
        ids, scores = search(queries)
        difference = float(np.abs(right_scores - scores[:CPU_QUERIES]).max()) if is_ours else None
        one, many = milliseconds(search, queries, 1), milliseconds(search, queries, BATCH)
        rows.append(Row(size, way, recall(ids, truth), one, many, build_s, difference))
        print(rows[-1], flush=True)
    return rows


def processor_row(held: NDArray[np.float16], queries: NDArray[np.float32], truth: NDArray[np.int64]) -> tuple[Row, Any]:
    """FAISS's exact index on the processor, and the scores it gives to the first CPU_QUERIES; a few calls only."""
    begin = time.perf_counter()
    flat = faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, len(held), BLOCK):
        flat.add(held[start : start + BLOCK].astype(np.float32))
    build_s = time.perf_counter() - begin
    begin = time.perf_counter()
    scores, found = flat.search(queries[:CPU_QUERIES], BEST)
    many = (time.perf_counter() - begin) / CPU_QUERIES * 1e3
    begin = time.perf_counter()
    for query in queries[:8]:
        flat.search(query[None], BEST)
    one = (time.perf_counter() - begin) / 8 * 1e3
    way = f"processor, exact (FAISS, float16; batch of {CPU_QUERIES})"
    row = Row(len(held), way, recall(found, truth[:CPU_QUERIES]), one, many, build_s)
    print(row, flush=True)
    return row, scores


def ways(held: NDArray[np.float16], device: str) -> Iterator[tuple[str, Search, float, bool]]:
    """Name, search, seconds to build it, and whether it must give the very scores of the processor."""
    size = len(held)
    begin = time.perf_counter()
    exact = TorchSearch(DIMENSION, device, size)
    exact.add(np.arange(size), held)
    yield "exact (torch)", partial(exact.search, limit=BEST), time.perf_counter() - begin, True
    del exact
    if device != "cuda":
        return

    torch.cuda.empty_cache()
    resources = faiss.StandardGpuResources()
    config = faiss.GpuIndexFlatConfig()
    config.useFloat16 = True
    begin = time.perf_counter()
    bare = faiss.GpuIndexFlatIP(resources, DIMENSION, config)
    for start in range(0, size, BLOCK):
        bare.add(held[start : start + BLOCK].astype(np.float32))
    build_s = time.perf_counter() - begin
    yield "bare FAISS GpuIndexFlatIP, float16", partial(swapped, bare), build_s, False
    del bare

    begin = time.perf_counter()
    lists = lists_for(size)
    sample = held[:: max(1, size // (40 * lists))].astype(np.float32)
    file = FaissGpuSearch(DIMENSION, sample, lists)
    for start in range(0, size, BLOCK):
        file.add(np.arange(start, min(size, start + BLOCK)), held[start : start + BLOCK])
    build_s = time.perf_counter() - begin
    for probed in (16, 32, 64, 128):
        file.probe(probed)
        way = f"inverted file (FAISS GPU, {lists} lists, {probed} probed)"
        yield way, partial(file.search, limit=BEST), build_s, False


def swapped(index: Any, queries: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """FAISS gives scores before numbers."""
    scores, ids = index.search(queries, BEST)
    return ids, scores


def table(rows: list[Row], device: str) -> str:
    cpu = f"{platform.processor() or platform.machine()}, {faiss.omp_get_max_threads()} threads"
    lines = [
        f"{device}; torch {torch.__version__}, faiss {faiss.__version__}; processor: {cpu}. {DIMENSION} dimensions.",
        "",
        "| vectors | way | recall@10 | ms, batch 1 | ms a query, batch 256 | build, s | largest difference of scores |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        difference = "" if row.largest_difference is None else f"{row.largest_difference:.1e}"
        lines.append(
            f"| {row.size:,} | {row.way} | {row.recall:.4f} | {row.ms_1:.3f} | {row.ms_256:.4f} | {row.build_s:.1f} "
            f"| {difference} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000,1000000,5000000")
    parser.add_argument("--device", default="cuda", help="cuda; or cpu, to see that the script runs")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.device == "cuda" and (probe := probe_gpu()).gpu is None:
        sys.exit(f"no GPU to search on: {probe.reason}")
    rows = [row for size in arguments.sizes.split(",") for row in measure(int(size), arguments.device)]
    name = device_name(torch.device(arguments.device))
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = table(rows, name)
    (arguments.out / "gpu_search.md").write_text(text)
    (arguments.out / "gpu_search.json").write_text(
        json.dumps({"device": name, "rows": [asdict(row) for row in rows]}, indent=1)
    )
    print(text)
    wrong = [row for row in rows if row.largest_difference is not None and row.largest_difference > TOLERANCE]
    sys.exit(f"not the processor's answers: {wrong}" if wrong else 0)


if __name__ == "__main__":
    main()
