"""Going over to a GPU: never for a single search, in the background, and a line says why not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.gpu_switch import GpuSwitch
from storage.library import Library
from storage.records import FileState, Piece, Source


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path)
    library.catalog.bind_model("model", 4)
    piece = Piece("text", np.array([0.6, 0.8, 0, 0], dtype=np.float16))
    library.catalog.put_source(Source("/a.txt", "text", FileState(1, 1), b""), [piece])
    library.refresh()
    return library


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_processor_goes_on_and_a_line_says_why(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    switch = GpuSwitch("cuda")
    switch.asked(library)
    switch.wait()
    assert caplog.text == ""
    for _ in range(3):
        switch.asked(library)
        switch.wait()
    assert caplog.text.count("the processor searches, not a GPU: torch sees no GPU") == 1
    assert library.search("text", np.array([0.6, 0.8, 0, 0], dtype=np.float32), 1)[0].tolist() == [1]


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_small_library_never_asks_for_a_gpu(library: Library, device: str, caplog: pytest.LogCaptureFixture) -> None:
    switch = GpuSwitch(device)  # type: ignore[arg-type]
    for _ in range(3):
        switch.asked(library)
        switch.wait()
    assert caplog.text == "" and library.may_accelerate(1) and not library.may_accelerate(2)
