"""How fast a large model embeds: through our embedder, against its bare forward pass and what the chip can compute.

    python -m benchmarks.hub_speed --out DIR [--tiny]

Builds a Qwen3-VL of 2B size (the shape of Qwen3-VL-Embedding-2B) with random weights on the device, in the dtype the
embedder would choose, saves it as sentence-transformers does and loads it by the code that loads one from a hub.
Nothing is fetched. ``--tiny`` takes a model of 32 numbers instead, to see that everything runs.

For texts, pictures and moments of video, at several batch sizes: pieces a second through ``HubEmbedder.embed``, from
arrays to vectors; the same for the bare forward pass on tensors that lie on the device already; their ratio; and the
share of the arithmetic peak (model FLOP utilisation, PaLM, arXiv 2204.02311). Then the rate at which one and several
decoding processes of ours deliver pictures and moments from files, and so where the bottleneck lies.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.model.batch_sizes import BatchSizes
from engine.model.devices import chosen_devices, dtype_for
from engine.model.hub_embedder import HubEmbedder, HubOptions
from indexer.pieces import ExtractedPiece, ExtractionLimits
from tests.engine.model.tiny_hub import TEXT, VISION, save_qwen3_vl

TEXT_2B = {
    "vocab_size": 151_936,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 32_768,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 5e6,
        "mrope_section": [24, 20, 20],
        "mrope_interleaved": True,
    },
}
VISION_2B = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_heads": 16,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [5, 11, 17],
}
PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}
"""Dense bfloat16 FLOP/s of the data sheets (SXM parts)."""

SECONDS = 2.0  # at least this long for each figure


@dataclass(frozen=True)
class Row:
    """One kind at one batch size. Rates in pieces a second; ``tokens`` the length of a sequence, padding included."""

    kind: str
    batch: int
    tokens: int
    embedder: float
    bare: float
    ratio: float
    flop_share: float | None
    matmul_share: float | None


def pieces(kind: str, count: int, shape: tuple[int, int]) -> list[ExtractedPiece]:
    """Texts of a hundred words or so, pictures of one shape, moments of four frames."""
    random = np.random.default_rng(0)
    if kind == "text":
        words = np.array(["the", "red", "green", "blue", "sound", "picture", "page", "of", "colour", "dog", "sea"])
        return [ExtractedPiece("text", text=" ".join(random.choice(words, 128))) for _ in range(count)]
    frames = 4 if kind == "video" else 1
    made = [random.integers(0, 255, (frames, *shape, 3), np.uint8) for _ in range(min(count, 8))]
    modality: Any = kind
    return [ExtractedPiece(modality, frames=made[n % len(made)], start=0.0, end=4.0) for n in range(count)]


def rate(work: Callable[[], object], count: int, device: torch.device) -> float:
    """Pieces a second: the median over runs that together take ``SECONDS``, after one to warm up."""
    work()
    took: list[float] = []
    while sum(took) < SECONDS or len(took) < 2:
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        took.append(time.perf_counter() - began)
    return count / statistics.median(took)


def measure(embedder: HubEmbedder, kind: str, size: int, shape: tuple[int, int], peaks: tuple[float, float]) -> Row:
    """One row: eight batches through the embedder and, as tensors on the device, through the model alone."""
    device = embedder.devices[0]
    count = 8 * size
    asked = pieces(kind, count, shape)
    embedder._sizes = BatchSizes({asked[0].modality: size})
    own = rate(lambda: embedder.embed(asked), count, device)
    if embedder.batch_size(asked[0].modality) < size:
        raise MemoryError(f"{kind} in batches of {size} do not fit")
    worker = embedder._workers[0]
    inputs = [one for piece in asked[:size] for one in embedder._maker.inputs(piece)]
    options = {"video": {"do_sample_frames": False}}
    features = worker.model.preprocess(inputs, task="document", processing_kwargs=options)
    features = {name: value.to(device) if torch.is_tensor(value) else value for name, value in features.items()}

    @torch.inference_mode()
    def bare() -> list[torch.Tensor]:
        return [worker.model(dict(features))["sentence_embedding"].cpu() for _ in range(8)]

    alone = rate(bare, count, device)
    flops = operations(worker.model, features) / size
    share, of_product = (own * flops / peak if peak else None for peak in peaks)
    return Row(kind, size, int(features["input_ids"].shape[1]), own, alone, own / alone, share, of_product)


def operations(model: Any, features: dict[str, Any]) -> float:
    """Floating-point operations of one forward pass over what is no padding.

    Two for each weight of a matrix and token, and in attention 4 x tokens x tokens x width for each sequence and layer,
    half of it where a token sees only those before it.
    """
    inner = model[0].model
    text, vision = inner.config.text_config, inner.config.vision_config
    lengths = features["attention_mask"].sum(1).tolist()
    layers = sum(each.numel() for name, each in inner.language_model.named_parameters() if "embed_tokens" not in name)
    width = text.num_attention_heads * text.head_dim
    total = sum(2.0 * layers * n + 2.0 * n * n * width * text.num_hidden_layers for n in lengths)
    for name in ("image_grid_thw", "video_grid_thw"):
        for time_steps, height, breadth in features.get(name, torch.zeros(0, 3, dtype=torch.long)).tolist():
            patches = height * breadth
            weights = sum(each.numel() for each in inner.visual.blocks.parameters())
            merging = sum(each.numel() for n, each in inner.visual.named_parameters() if "merger" in n)
            attention = 4.0 * patches * patches * vision.hidden_size * vision.depth
            total += time_steps * (2.0 * patches * (weights + merging / vision.spatial_merge_size**2) + attention)
    return total


def matmul_peak(device: torch.device, dtype: torch.dtype, width: int) -> float:
    """FLOP/s of a square matrix product, as the device does it now."""
    left = torch.randn(width, width, device=device, dtype=dtype)
    return rate(lambda: [left @ left for _ in range(10)], 1, device) * 10 * 2.0 * width**3


def decoding(folder: Path, cores: int, seconds: float) -> list[dict[str, Any]]:
    """Pieces a second that our decoding processes deliver, for one process and for as many as there are cores."""
    from concurrent.futures import ThreadPoolExecutor

    from indexer.extract.sandbox import ExtractionWorker
    from indexer.pieces import MediaFormat

    files = {"image": make_picture(folder / "photo.jpg"), "video": make_film(folder / "film.mp4")}
    found: list[dict[str, Any]] = []

    def deliver(path: Path, kind: str) -> float:
        """Pieces a second of one process, over whole passes through the file."""
        count = 0
        with ExtractionWorker(MediaFormat(image_size=448, sample_rate=16_000), ExtractionLimits()) as worker:
            list(worker.open(files["image"]).pieces)  # starts the process
            began = time.perf_counter()
            while count == 0 or time.perf_counter() - began < seconds:
                count += sum(piece.modality == kind for piece in worker.open(path).pieces)
            return count / (time.perf_counter() - began)

    for kind, path in files.items():
        for processes in sorted({1, min(4, cores), cores}):
            with ThreadPoolExecutor(processes) as pool:
                rates = pool.map(lambda _: deliver(path, kind), range(processes))  # noqa: B023
                found.append({"kind": kind, "processes": processes, "rate": sum(rates)})
    return found


def make_picture(path: Path) -> Path:
    """A photograph of twelve megapixels: noise upon a gradient, so that it has the bytes of one."""
    from PIL import Image

    random = np.random.default_rng(1)
    slope = np.linspace(0, 200, 4000)[None, :, None] + random.normal(0, 6, (3000, 4000, 3))
    Image.fromarray(slope.clip(0, 255).astype(np.uint8)).save(path, quality=88)
    return path


def make_film(path: Path) -> Path:
    """Thirty seconds of 1920 x 1080 in H.264 at 30 frames a second, with a cut every five seconds."""
    import av

    random = np.random.default_rng(2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "23"}
        for second in range(30):
            if second % 5 == 0:
                scene = np.kron(random.integers(0, 255, (27, 48, 3), np.uint8), np.ones((40, 40, 1), np.uint8))
            for frame in range(30):
                moved = np.roll(scene, 4 * (30 * (second % 5) + frame), axis=1)
                for packet in stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def markdown(report: dict[str, Any]) -> str:
    """The report as tables."""
    shares = f"{report['matmul_tflops']:.0f} TFLOP/s in a matrix product"
    if report["peak_tflops"]:
        shares += f", {report['peak_tflops']:.0f} by the data sheet"
    lines = [
        f"{report['model']}, {report['dtype']}, on {report['device']} ({shares}), {report['cores']} cores; "
        f"torch {report['torch']}, transformers {report['transformers']}, "
        f"sentence-transformers {report['sentence_transformers']}.",
        "",
        "| kind | batch | tokens each | embedder, pieces/s | bare forward, pieces/s | ratio | of the data sheet | "
        "of a matrix product |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        share = "" if row["flop_share"] is None else f"{row['flop_share']:.2f}"
        lines.append(
            f"| {row['kind']} | {row['batch']} | {row['tokens']} | {row['embedder']:.1f} | {row['bare']:.1f} | "
            f"{row['ratio']:.2f} | {share} | {row['matmul_share']:.2f} |"
        )
    if isinstance(report["decoding"], str):
        return "\n".join([*lines, "", f"Decoding was not measured: {report['decoding']}.", ""])
    lines += ["", "| file | decoding processes | pieces/s | a process |", "|---|---|---|---|"]
    for row in report["decoding"]:
        name = "photograph, 12 megapixels" if row["kind"] == "image" else "film, 1080p"
        lines.append(f"| {name} | {row['processes']} | {row['rate']:.1f} | {row['rate'] / row['processes']:.1f} |")
    lines.append("")
    for kind in ("image", "video"):
        fastest = max((row["embedder"] for row in report["rows"] if row["kind"] == kind), default=0.0)
        alone = next(row["rate"] for row in report["decoding"] if row["kind"] == kind)
        lines.append(
            f"One decoding process delivers {alone:.1f} {kind} pieces a second, the model takes {fastest:.1f}: "
            f"{fastest / alone:.1f} processes keep it busy."
        )
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for hub_speed.md and hub_speed.json")
    parser.add_argument("--tiny", action="store_true", help="a model of 32 numbers, to see that everything runs")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    device = chosen_devices(chosen.device)[0]
    dtype = dtype_for(device)
    text, vision = (TEXT, VISION) if chosen.tiny else (TEXT_2B, VISION_2B)
    began = time.perf_counter()
    report = describe(device, dtype, chosen.tiny)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = save_qwen3_vl(Path(place), 0, text, vision, longest_edge=16 * 2**20, device=str(device), dtype=dtype)
        print(f"built and saved in {time.perf_counter() - began:.0f} s", flush=True)
        embedder = HubEmbedder(report["model"], folder, HubOptions(device=str(device)))
    print(f"loaded after {time.perf_counter() - began:.0f} s", flush=True)
    product = matmul_peak(device, dtype, 8192 if device.type == "cuda" else 512)
    report["matmul_tflops"] = product / 1e12
    peaks = (1e12 * (report["peak_tflops"] or 0), product)
    shape = (96, 128) if chosen.tiny else (448, 608)
    plan = {"text": (1, 8, 32, 128, 256), "image": (1, 8, 32, 64), "video": (1, 4, 16, 32)}
    if chosen.tiny:
        plan = {"text": (1, 8), "image": (1, 4), "video": (1, 2)}
    for kind, sizes in plan.items():
        for size in sizes:
            try:
                row = measure(embedder, kind, size, shape, peaks)
            except MemoryError as error:
                print(error, flush=True)
                break
            report["rows"].append(asdict(row))
            print(row, f"{time.perf_counter() - began:.0f} s", flush=True)
            save(report, chosen.out)
    with tempfile.TemporaryDirectory() as place:
        try:
            report["decoding"] = decoding(Path(place), os.cpu_count() or 1, 2.0 if chosen.tiny else 5.0)
        except Exception as error:  # a machine without our decoders can still measure the model
            report["decoding"] = f"{type(error).__name__}: {error}"
    report["seconds"] = time.perf_counter() - began
    save(report, chosen.out)
    print(markdown(report))


def describe(device: torch.device, dtype: torch.dtype, is_tiny: bool) -> dict[str, Any]:
    """What was measured, and with what."""
    import sentence_transformers
    import transformers

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    peak = next((value for part, value in PEAK.items() if part in name), None)
    return {
        "model": "a Qwen3-VL of 32 numbers" if is_tiny else "Qwen3-VL of 2B size, random weights",
        "device": name,
        "dtype": str(dtype).removeprefix("torch."),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "sentence_transformers": sentence_transformers.__version__,
        "peak_tflops": None if peak is None else peak / 1e12,
        "matmul_tflops": None,
        "rows": [],
        "decoding": "not yet",
    }


def save(report: dict[str, Any], out: Path) -> None:
    """Write what there is so far: a run that is cut off has not been for nothing."""
    (out / "hub_speed.json").write_text(json.dumps(report, indent=1) + "\n")
    if report["rows"]:
        (out / "hub_speed.md").write_text(markdown(report))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
