"""Whether this machine has a GPU that can search: tried with a tiny search in a process of its own.

Some builds of FAISS report a GPU and then abort in the first search, which must not end the program.
``python -m engine.gpu_probe`` is that process.
"""

import signal
import subprocess
import sys
from dataclasses import dataclass

_SECONDS = 120
_GOOD = "found "


@dataclass(frozen=True)
class Probe:
    """``gpu`` is its name, or None; then ``reason`` says in a line why there is none to use."""

    gpu: str | None
    reason: str = ""


def probe_gpu() -> Probe:
    """Try a search on the GPU. Takes seconds, most of them for loading torch."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "engine.gpu_probe"], capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Probe(None, f"the trial search did not come to an end ({type(error).__name__})")
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines and lines[-1].startswith(_GOOD):
        return Probe(lines[-1].removeprefix(_GOOD))
    if done.returncode < 0:
        return Probe(None, f"the trial search was ended by {signal.Signals(-done.returncode).name}")
    return Probe(None, lines[-1] if lines else f"the trial search failed with code {done.returncode}")


def _try_search() -> str:
    """The line that the process prints."""
    import faiss
    import numpy as np
    import torch

    if not torch.cuda.is_available():
        return "torch sees no GPU"
    if not hasattr(faiss, "StandardGpuResources"):
        return "this build of FAISS has no GPU part; the extra `gpu` installs one that has"
    from engine.gpu_search import FaissGpuSearch, TorchSearch

    vectors = (np.eye(64, 32) + np.eye(64, 32, -32) / 2).astype(np.float32)
    by_torch, by_faiss = TorchSearch(32, "cuda"), FaissGpuSearch(32, vectors, lists=1)
    for search in (by_torch, by_faiss):
        search.add(np.arange(64), vectors.astype(np.float16))
        ids, scores = search.search(vectors[:2], 2)
        if ids.tolist() != [[0, 32], [1, 33]] or not np.allclose(scores, [[1, 0.5], [1, 0.5]]):
            return f"the trial search ({search.name}) gave a wrong answer"
    return f"{_GOOD}{torch.cuda.get_device_name()}"


if __name__ == "__main__":
    try:
        line = _try_search()
    except Exception as error:  # whatever it is, it is the reason
        line = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    print(line)
    sys.exit(0 if line.startswith(_GOOD) else 1)
