"""Large models that are published for sentence-transformers: what they are, and on which terms.

Facts as of November 2026, of their publishers; we have run none of them. Parameters, length, licence and modalities:
mteb 2.26 (``mteb.get_model_meta``). Scores: only where their publisher gives them in text, with the place. Memory:
bfloat16 weights, two bytes a parameter, and a fifth more for what a small batch needs.
"""

from dataclasses import dataclass
from typing import Literal

from engine.errors import ModelError
from storage.records import Modality

Terms = Literal["free", "research", "non-commercial"]


@dataclass(frozen=True)
class KnownModel:
    """``parameters`` in thousand millions; ``terms``: what may be done with it; ``note`` what else to know.

    ``shortest``: the length to which its embeddings may be cut (Matryoshka), 0 if it was not trained for that.
    """

    name: str
    parameters: float
    dimension: int
    licence: str
    terms: Terms
    modalities: tuple[Modality, ...]
    scores: str
    source: str
    note: str = ""
    shortest: int = 0

    @property
    def gigabytes(self) -> float:
        """Memory it needs on a GPU, in bfloat16."""
        return round(2.4 * self.parameters, 1)


_SEEING: tuple[Modality, ...] = ("text", "image", "video", "document")
_ALL: tuple[Modality, ...] = (*_SEEING, "audio")
_BASE_3B = "derives from Qwen2.5-Omni-3B, whose licence allows research alone, whatever its own card says"

KNOWN_MODELS: tuple[KnownModel, ...] = (
    KnownModel(
        "Qwen/Qwen3-VL-Embedding-2B",
        2.13,
        2048,
        "Apache 2.0",
        "free",
        _SEEING,
        "MMEB-V2 73.2 (image 75.0, video 61.9, document 79.2)",
        "github.com/QwenLM/Qwen3-VL-Embedding",
        shortest=64,
    ),
    KnownModel(
        "Qwen/Qwen3-VL-Embedding-8B",
        8.14,
        4096,
        "Apache 2.0",
        "free",
        _SEEING,
        "MMEB-V2 77.8 (image 80.1, video 67.1, document 82.4)",
        "github.com/QwenLM/Qwen3-VL-Embedding",
        shortest=64,
    ),
    KnownModel(
        "LCO-Embedding/LCO-Embedding-Omni-7B",
        8.93,
        3584,
        "MIT",
        "free",
        _ALL,
        "figures in the paper",
        "arXiv 2510.11693",
    ),
    KnownModel("Haon-Chen/e5-omni-7B", 8.93, 3584, "MIT", "free", _ALL, "figures in the paper", "arXiv 2601.03666"),
    KnownModel(
        "LCO-Embedding/LCO-Embedding-Omni-3B",
        4.70,
        2048,
        "MIT",
        "research",
        _ALL,
        "figures in the paper",
        "arXiv 2510.11693",
        _BASE_3B,
    ),
    KnownModel(
        "Haon-Chen/e5-omni-3B",
        4.70,
        2048,
        "MIT",
        "research",
        _ALL,
        "figures in the paper",
        "arXiv 2601.03666",
        _BASE_3B,
    ),
    KnownModel(
        "jinaai/jina-embeddings-v5-omni-small",
        1.63,
        1024,
        "CC BY-NC 4.0",
        "non-commercial",
        _ALL,
        "MAEB 49.96",
        "jina.ai/models/jina-embeddings-v5-omni-small",
        "needs Python code that comes with it: [model] remote_code",
        shortest=32,
    ),
    KnownModel(
        "jinaai/jina-embeddings-v5-omni-nano",
        0.99,
        768,
        "CC BY-NC 4.0",
        "non-commercial",
        _ALL,
        "figures in the paper",
        "arXiv 2605.08384",
        "needs Python code that comes with it: [model] remote_code",
        shortest=32,
    ),
)


def known(repository: str) -> KnownModel | None:
    """What is known of the model ORG/NAME."""
    return next((model for model in KNOWN_MODELS if model.name.lower() == repository.lower()), None)


def require_length(model: KnownModel, length: int) -> None:
    """Raise ``ModelError`` if its embeddings cannot be cut to ``length`` without losing what they mean; 0 is whole."""
    if length == 0 or length == model.dimension:
        return
    if not model.shortest:
        raise ModelError(f"model {model.name} was not trained for shorter embeddings: [model] dimension = 0")
    if not model.shortest <= length <= model.dimension:
        raise ModelError(
            f"model {model.name}: its embeddings can be cut to {model.shortest} to {model.dimension} numbers, "
            f"not to {length}: see [model] dimension"
        )


def warning(model: KnownModel) -> str | None:
    """What has to be said before a model is used whose terms are not free."""
    if model.terms == "free":
        return None
    use = "research" if model.terms == "research" else "non-commercial use"
    return f"{model.name}: licence {model.licence}, for {use} only" + (f"; {model.note}" if model.note else "")
