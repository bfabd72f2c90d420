"""The embedder over a large model of sentence-transformers, from a hub or a folder.

Reading (tokens, patches, spectrograms) and computing overlap: for each device a few threads read while one computes. A
batch that does not fit into memory is halved, and no larger one of its kind is tried again.
"""

import copy
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import ModelError
from engine.model.batch_sizes import BatchSizes
from engine.model.devices import chosen_devices, dtype_for, is_out_of_memory
from engine.model.hub_files import fingerprint_of, is_sentence_transformer, offline
from engine.model.hub_inputs import InputMaker, Inputs, readable
from engine.model.quantised import batch_mates_leak, quantised
from engine.model.room import require_room
from engine.model.spaces import Space
from engine.model.turns import Turns
from indexer.pieces import ExtractedPiece, MediaFormat
from storage.records import Modality

IMAGE_SIZE = 448  # pixels of the shorter side: pages stay legible
UNRELATED = (0.25, 0.1)
"""Mean and deviation of the cosine of what has nothing to do with each other, until a library says better: a guess
about where such models put it, outweighed by a library of a hundred pieces."""

_FIRST_BATCH = {
    "cuda": {"text": 256, "image": 64, "document": 32, "video": 16, "audio": 1},
    "mps": {"text": 64, "image": 16, "document": 8, "video": 4, "audio": 1},
    "cpu": {"text": 32, "image": 8, "document": 4, "video": 2, "audio": 1},
}
"""Where the search for a size begins. Sounds go one at a time: padded beside a longer one, a sound changes."""

_READERS = {"cuda": 4, "mps": 2, "cpu": 1}
_PROMPTS = {"query": ("query",), "document": ("document", "passage", "corpus")}
_VIDEO = {"video": {"do_sample_frames": False}}


@dataclass(frozen=True)
class HubOptions:
    """How to load: ``device`` as in the settings; ``bits`` 16, 8 or 4 a weight; ``dimension`` to cut embeddings to
    (0: whole); ``trust_code``: run Python code that comes with the model."""

    device: str = "auto"
    bits: int = 16
    dimension: int = 0
    trust_code: bool = False


class HubEmbedder:
    """Implements ``indexer.embedder.Embedder`` for the modalities that the model has. Threads may share it.

    Models of others may keep something between two calls, so each copy computes one batch at a time; a query is next
    when that is done, before all that is to be indexed.

    Raises ``ModelError`` in one line when the model cannot be loaded or does not fit into memory.
    """

    asks_as_it_holds = False  # many are told by a prompt what is a question

    def __init__(self, name: str, folder: Path, options: HubOptions = HubOptions()) -> None:
        self.name, self.folder, self.options = name, folder, options
        self.devices = chosen_devices(options.device)
        self._workers = [_Worker(load(name, folder, device, options), device) for device in self.devices]
        model = self._workers[0].model
        self._width = int(model.get_embedding_dimension() or 0)
        if options.dimension > self._width:
            raise ModelError(f"model {name}: its embeddings have {self._width} numbers, not {options.dimension}")
        understood = [kind for kind in model.modalities if isinstance(kind, str)]
        mixed = "message" in understood or ("image", "text") in model.modalities
        self.modalities = readable(understood, mixed=mixed)
        self.media = MediaFormat(image_size=IMAGE_SIZE, sample_rate=_sample_rate(model))
        self._maker = InputMaker(
            _special_tokens(model), videos="video" in understood, sample_rate=self.media.sample_rate
        )
        first = _FIRST_BATCH[self.devices[0].type]
        self._sizes = BatchSizes(dict.fromkeys(first, 1) if batch_mates_leak(options.bits) else first)
        readers = len(self._workers) * _READERS[self.devices[0].type]
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="embed")
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for number in range(readers):
            self._free.put(self._workers[number % len(self._workers)].with_own_reader())
        self._asking: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._asking.put(worker.with_own_reader())

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self.options.dimension or self._width

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The one space of the model."""
        return (Space(self.name, self.modalities, 0, self.dimension),)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the files, of the bits a weight has, and of the length that was asked for."""
        return fingerprint_of(self.folder, f"{self.options.bits} {self.options.dimension}")

    def background(self, query: Modality, piece: Modality) -> tuple[float, float]:
        """Mean and standard deviation of the cosine between an unrelated query and piece: a guess, the same for all."""
        return UNRELATED

    def embed(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """L2-normalised vectors, float32 (len(pieces), dimension), of what is to be found.

        Raises ``ValueError`` for a piece without content, ``ModelError`` when one alone needs too much memory.
        """
        return self._embed(pieces, "document")

    def embed_query(self, pieces: Sequence[ExtractedPiece]) -> NDArray[np.float32]:
        """The same of what is asked with: many models are told by a prompt that a text is a question."""
        return self._embed(pieces, "query")

    def batch_size(self, modality: Modality) -> int:
        """How many pieces go through the model together, as found so far."""
        return self._sizes[modality]

    def _embed(self, pieces: Sequence[ExtractedPiece], task: str) -> NDArray[np.float32]:
        for piece in pieces:
            if piece.modality not in self.modalities:  # a chat template would pass over it in silence
                raise ModelError(f"model {self.name} cannot read {piece.modality}")
        inputs = [self._maker.inputs(piece) for piece in pieces]
        rows = [(index, kind, one) for index, own in enumerate(inputs) for kind, one in _kinds(pieces[index], own)]
        vectors = torch.zeros(len(pieces), self.dimension)
        batches = list(self._batches(rows))

        def run(batch: tuple[str, list[tuple[int, Inputs]]]) -> Tensor:
            return self._run(batch[0], [one for _, one in batch[1]], task)

        done = map(run, batches) if task == "query" else self._pool.map(run, batches)
        for (_, batch), made in zip(batches, done, strict=True):
            vectors.index_add_(0, torch.tensor([index for index, _ in batch]), made)
        return F.normalize(vectors, dim=-1).numpy()

    def _batches(self, rows: Sequence[tuple[int, str, Inputs]]) -> Iterator[tuple[str, list[tuple[int, Inputs]]]]:
        """Rows of one kind and about one length together, the longest first."""
        for kind in dict.fromkeys(kind for _, kind, _ in rows):
            own = [(index, one) for index, this, one in rows if this == kind]
            own.sort(key=lambda row: -_size(row[1]))
            size = self._sizes[kind.split("+")[0]]
            for start in range(0, len(own), size):
                yield kind, own[start : start + size]

    def _run(self, kind: str, inputs: list[Inputs], task: str) -> Tensor:
        """Unit vectors (len(inputs), dimension) on the CPU."""
        modality = kind.split("+")[0]
        free = self._asking if task == "query" else self._free
        worker = free.get()
        too_large = (
            f"model {self.name}: one piece of {modality} alone needs more memory than {worker.device} has; "
            "take a smaller model, or [model] bits = 8 or 4"
        )

        def compute(part: Sequence[Inputs]) -> Tensor:
            return F.normalize(worker.embed(part, task)[:, : self.dimension].float(), dim=-1)

        try:
            return self._sizes.run(modality, inputs, compute, worker.device, too_large)
        except ModelError:
            raise
        except Exception as error:  # anything may come out of a model from elsewhere
            raise ModelError(f"model {self.name}: {_first_line(error)}") from error
        finally:
            free.put(worker)


class _Worker:
    """One device with its copy of the model. ``reader`` makes inputs into tensors and serves one thread at a time."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.model, self.device = model, device
        self.reader: Any = model[0]
        self._turns = Turns()

    def with_own_reader(self) -> "_Worker":
        """The same model behind a reader of its own: tokenizers must not be used by two threads."""
        other = copy.copy(self)
        if hasattr(self.reader, "processor"):
            other.reader = copy.copy(self.reader)
            other.reader.processor = copy.deepcopy(self.reader.processor)
        return other

    def embed(self, inputs: Sequence[Inputs], task: str) -> Tensor:
        """What the model makes of ``inputs``, on the CPU."""
        prompt = _prompt(self.model, task)
        with torch.inference_mode():
            if self.reader is self.model[0]:
                with self._turns.taken(first=task == "query"):
                    features = self.model.preprocess(inputs, prompt=prompt, task=task, processing_kwargs=_VIDEO)
            else:
                features = self.reader.preprocess(inputs, prompt=prompt, task=task, processing_kwargs=_VIDEO)
            pinned = self.device.type == "cuda"
            features = {name: _moved(value, self.device, pinned) for name, value in features.items()}
            with self._turns.taken(first=task == "query"):
                made: Tensor = self.model(features, task=task)["sentence_embedding"]
            return made.cpu()  # outside the turn: the next batch may be set going meanwhile


def load(name: str, folder: Path, device: torch.device, options: HubOptions) -> Any:
    """The model in ``folder`` as a SentenceTransformer on ``device``; nothing is fetched. Raises ``ModelError``."""
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise ModelError(f"model {name} needs {error.name}: pip install 'synesthete[hub]'") from error
    if not is_sentence_transformer(folder):
        raise ModelError(
            f"model {name}: {folder} has no modules.json: it is no embedding model of sentence-transformers"
        )
    require_room(name, folder, device, options.bits)
    arguments: dict[str, Any] = {"dtype": dtype_for(device), "use_safetensors": True}
    if options.bits < 16:
        arguments |= quantised(name, options.bits, device)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        with offline():
            model = SentenceTransformer(
                str(folder),
                device=None if "device_map" in arguments else str(device),
                local_files_only=True,
                trust_remote_code=options.trust_code,
                model_kwargs=arguments,
            )
    except Exception as error:  # anything may be wrong in a folder from elsewhere
        raise _load_error(name, device, error) from error
    return model.eval().requires_grad_(False)


def _load_error(name: str, device: torch.device, error: Exception) -> ModelError:
    if is_out_of_memory(error):
        return ModelError(
            f"model {name} does not fit into the memory of {device}; take a smaller one, or [model] bits = 8 or 4"
        )
    if "trust_remote_code" in str(error):
        return ModelError(
            f"model {name} needs Python code that comes with it; read that code, and if you trust it name the model "
            'and its commit: [model] remote_code = "ORG/NAME@COMMIT"'
        )
    return ModelError(f"model {name} cannot be loaded: {_first_line(error)}")


def _kinds(piece: ExtractedPiece, inputs: Sequence[Inputs]) -> list[tuple[str, Inputs]]:
    """Each input with the kind of batch it may go into: the piece's modality and what the input is made of."""
    return [(f"{piece.modality}+{'+'.join(sorted(one))}", one) for one in inputs]


def _size(one: Inputs) -> int:
    """Roughly how long the model's sequence will be."""
    size = len(one.get("text", "")) // 4
    for name in ("image", "video", "audio"):
        if name in one:
            array = one[name] if name == "image" else one[name]["array"]
            size += array.size // (640 if name == "audio" else 3 * 32 * 32)
    return int(size)


def _prompt(model: Any, task: str) -> str | None:
    for name in (*_PROMPTS[task], model.default_prompt_name):
        if model.prompts.get(name):
            return str(model.prompts[name])
    return None


def _moved(value: Any, device: torch.device, pinned: bool) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.pin_memory().to(device, non_blocking=True) if pinned else value.to(device)


def _sample_rate(model: Any) -> int:
    processor = getattr(model[0], "processor", None)
    extractor = getattr(processor, "feature_extractor", processor)
    return int(getattr(extractor, "sampling_rate", 16_000))


def _special_tokens(model: Any) -> list[str]:
    return [str(token) for token in getattr(model.tokenizer, "all_special_tokens", [])]


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
