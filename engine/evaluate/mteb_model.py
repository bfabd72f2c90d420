"""Our model behind mteb's encoder protocol, and named public tasks run with it.

mteb (Muennighoff et al., arXiv 2210.07316; images: arXiv 2504.10471) hands out rows of text, pictures, sound and video,
alone or together. A row becomes pieces as they would be cut from a file, and its embedding is the mean of theirs.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import mteb
import numpy as np
import torch
from mteb.models import ModelMeta
from mteb.models.modality_collators import FramesCollator
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engine.errors import ModelError
from engine.model.embedder import ModelEmbedder
from indexer.extract.pictures import fitted
from indexer.pieces import ExtractedPiece, MediaFormat

Sound = NDArray[np.float32]
COLUMNS = ("text", "image", "audio", "video")


class MtebModel:
    """Implements ``mteb.models.models_protocols.EncoderProtocol`` with an embedder."""

    def __init__(self, embedder: ModelEmbedder) -> None:
        self._embedder = embedder
        self.mteb_model_meta = describe(embedder)

    def encode(self, inputs: Any, **told: Any) -> NDArray[np.float32]:
        """Embeddings, float32 (rows, dimension), of what a ``DataLoader`` of mteb yields; no use is made of prompts."""
        inputs.collate_fn = _columns
        return np.concatenate([self._embed(batch) for batch in inputs])

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Cosines (n, m) of embeddings (n, dimension) and (m, dimension)."""
        return torch.as_tensor(embeddings1) @ torch.as_tensor(embeddings2).T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Cosines (n,) of embeddings (n, dimension), row by row."""
        return (torch.as_tensor(embeddings1) * torch.as_tensor(embeddings2)).sum(dim=-1)

    def _embed(self, batch: Mapping[str, Sequence[Any]]) -> NDArray[np.float32]:
        present = {name: batch[name] for name in COLUMNS if name in batch}
        rows = [dict(zip(present, values, strict=True)) for values in zip(*present.values(), strict=True)]
        pieces = [cut_row(row, self._embedder.media) for row in rows]
        vectors = self._embedder.embed([piece for own in pieces for piece in own])
        ends = np.cumsum([len(own) for own in pieces])
        means = np.stack([part.mean(axis=0) for part in np.split(vectors, ends[:-1])])
        unit: NDArray[np.float32] = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return unit


def cut_row(row: Mapping[str, Any], media: MediaFormat) -> list[ExtractedPiece]:
    """The pieces of a row: a picture with words is a page, a video is a few frames, sound is cut into windows."""
    text, image, sound, video = (row.get(name) for name in COLUMNS)
    pieces = []
    if video is not None:
        frames = np.stack([_picture(frame, media) for frame in _frames(video, media.frames_per_moment)])
        pieces.append(ExtractedPiece("video", text=text, frames=frames))
    elif image is not None:
        frames = _picture(image, media)[np.newaxis]
        pieces.append(ExtractedPiece("image" if text is None else "document", text=text, frames=frames))
    elif text is not None:
        pieces.append(ExtractedPiece("text", text=text))
    if sound is not None:
        samples = resample(np.asarray(sound["array"], dtype=np.float32), int(sound["sampling_rate"]), media.sample_rate)
        window = round(media.window_seconds * media.sample_rate)
        pieces += [ExtractedPiece("audio", sound=samples[at : at + window]) for at in range(0, len(samples), window)]
    if not pieces:
        raise ModelError(f"mteb: a row has none of {', '.join(COLUMNS)}")
    return pieces


def resample(sound: Sound, rate: int, wanted: int) -> Sound:
    """Sound (samples,) or (channels, samples) as mono (samples,) at ``wanted`` hertz."""
    mono = sound.mean(axis=0) if sound.ndim > 1 else sound
    if rate == wanted:
        return mono
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono[np.newaxis]), format="flt", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])


def describe(embedder: ModelEmbedder) -> ModelMeta:
    """What mteb wants to know of a model: name and fingerprint, so that its results are not taken for another's."""
    return ModelMeta.create_empty(
        {
            "name": f"synesthete/{embedder.checkpoint.folder.name}",
            "revision": embedder.fingerprint,
            "embed_dim": embedder.dimension,
            "max_tokens": embedder.checkpoint.config.max_tokens,
            "similarity_fn_name": "cosine",
            "framework": ["PyTorch"],
            "open_weights": True,
            "use_instructions": False,
            "modalities": list(COLUMNS),
        }
    )


def named_tasks(names: Sequence[str]) -> list[Any]:
    """mteb's tasks of these names. Raises ``ModelError`` for a name it does not know."""
    tasks = []
    for name in names:
        try:
            tasks.append(mteb.get_task(name))
        except KeyError as error:
            raise ModelError(f"mteb {version('mteb')} has no task {name}") from error
    return tasks


def run_tasks(
    folder_or_name: str | Path,
    tasks: Iterable[Any],
    device: str = "cpu",
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run tasks of mteb with the model in a folder, or "bundled"; mteb fetches the data that a task needs.

    Returns model, fingerprint, version, and for each task its metric, main score and all scores. Raises ``ModelError``
    when a task fails, for whatever reason: no network, a missing decoder, a data set that has gone.
    """
    embedder = ModelEmbedder.load(folder_or_name, device)
    results = {}
    for task in tasks:
        began = time.perf_counter()
        name = task.metadata.name
        try:
            (result,) = mteb.evaluate(MtebModel(embedder), task, cache=None, show_progress_bar=False).task_results
        except Exception as error:  # of mteb, of datasets, of the network
            first = next(iter(str(error).splitlines()), "")
            raise ModelError(f"mteb task {name} failed: {type(error).__name__}: {first}") from error
        score = float(result.get_score())
        results[name] = {"metric": task.metadata.main_score, "score": score, "scores": result.scores}
        say(f"{name}: {score:.4f} in {time.perf_counter() - began:.1f} s")
    return {
        "model": str(folder_or_name),
        "fingerprint": embedder.fingerprint,
        "mteb": version("mteb"),
        "tasks": results,
    }


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns, nothing stacked: pictures, sounds and videos differ in size."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _picture(image: Any, media: MediaFormat) -> NDArray[np.uint8]:
    """A Pillow picture, or an array or tensor (3, height, width), as an extractor would hand it on."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(1, 2, 0)))
    return fitted(image.convert("RGB"), media.image_size)


def _frames(video: Any, count: int) -> Any:
    """``count`` frames (count, 3, height, width), evenly over a decoder of torchcodec or a tensor of all frames."""
    if isinstance(video, torch.Tensor | np.ndarray):
        return video[np.linspace(0, len(video) - 1, count).round().astype(int)]
    return FramesCollator.resample_video(video, num_frames=count)
