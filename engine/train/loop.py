"""The training loop that every stage uses. A stage differs in what is trained, on which rows, with which settings."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.model.families import OmniModel, device_of
from engine.model.fused_model import PieceFeatures
from engine.train.data import Batch, TrainingData
from engine.train.losses import allowed_negatives, backward, info_nce, text_anchor
from engine.train.processes import Processes
from engine.train.recipe import StageSettings
from engine.train.state import load_state, save_state
from storage.records import Modality


@dataclass(frozen=True)
class TrainingResult:
    """The mean loss over the first and over the last tenth of the steps (at least one step each)."""

    first_loss: float
    last_loss: float


def train(
    model: OmniModel,
    data: TrainingData,
    settings: StageSettings,
    trainable: Callable[[str], bool],
    work: Path,
    seed: int,
    modalities: Sequence[Modality],
    base_texts: Tensor | None = None,
    processes: Processes = Processes(),  # noqa: B008, frozen
) -> TrainingResult:
    """Train the parameters of ``model`` whose names are ``trainable``, in place, on the device they lie on.

    ``work`` keeps log.jsonl, a line for each step, and the state from which a later call with the same arguments goes
    on, to the same weights as an undisturbed run. ``base_texts`` (texts of the data, width) are the base's embeddings,
    needed when ``settings.anchor`` is not zero. Raises ``ModelError`` when nothing is trainable or the state in
    ``work`` belongs to another run.
    """
    parameters = select(model, trainable)
    if settings.batch % processes.count:
        raise ModelError(f"a batch of {settings.batch} cannot be shared by {processes.count} processes")
    optimizer = make_optimizer(parameters, settings)
    work.mkdir(parents=True, exist_ok=True)
    run = _run_identity(parameters, data, settings, seed, modalities)
    start = load_state(work, run, parameters, optimizer)
    log = work / "log.jsonl"
    losses = _losses_before(log, start, processes)
    model.train(settings.dropout)
    device = device_of(model)
    embed = embedder(model, device)

    for step in range(start, settings.steps):
        began = time.perf_counter()
        torch.manual_seed(_number(f"{seed}/{step}/{processes.rank}"))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * learning_rate(step, settings)
        optimizer.zero_grad()
        batch = data.batch(step, settings.batch, modalities, seed)
        share = settings.batch // processes.count
        own = slice(processes.rank * share, (processes.rank + 1) * share)
        pieces = [disturb(piece, settings.noise) for piece in data.pieces(batch, own)]
        inputs = pieces + data.captions(batch.texts[own])
        parts: dict[str, float] = {}
        loss = batch_loss(batch, settings, base_texts, processes.count, device, parts)
        value = backward(embed, inputs, loss, settings.chunk, processes.gather if processes.count > 1 else None)
        processes.add_up(parameters.values())
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), settings.clip)
        if not math.isfinite(value) or not torch.isfinite(norm):
            raise ModelError(f"training broke down at step {step}: loss {value}, gradient {float(norm)}; lower lr")
        optimizer.step()
        losses.append(value)
        if processes.is_first:
            line = {
                "step": step,
                "loss": value,
                **parts,
                "lr": optimizer.param_groups[0]["lr"],
                "gradient": float(norm),
            }
            with log.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({**line, "seconds": round(time.perf_counter() - began, 4)}) + "\n")
            if (step + 1) % settings.save_every == 0 or step + 1 == settings.steps:
                save_state(work, run, step + 1, parameters, optimizer)
    model.eval().requires_grad_(False)
    processes.wait()
    tenth = max(len(losses) // 10, 1)
    return TrainingResult(sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth)


def select(model: OmniModel, trainable: Callable[[str], bool]) -> dict[str, Tensor]:
    """Make the parameters with ``trainable`` names float32 and trainable, and no others; returns them by name."""
    chosen: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trainable(name))
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
            chosen[name] = parameter
    if not chosen:
        raise ModelError("no parameter of the model is to be trained")
    return chosen


def make_optimizer(parameters: Mapping[str, Tensor], settings: StageSettings) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101); only matrices decay, not biases and the gains of normalisations.

    Each group has its ``peak``, the highest learning rate it comes to.
    """
    groups = []
    for inside, peak in ((True, settings.lr), (False, settings.projector_lr or settings.lr)):
        own = [parameter for name, parameter in parameters.items() if name.startswith("backbone.") == inside]
        matrices, others = ([one for one in own if (one.ndim > 1) == is_matrix] for is_matrix in (True, False))
        groups.append({"params": matrices, "weight_decay": settings.weight_decay, "peak": peak})
        groups.append({"params": others, "weight_decay": 0.0, "peak": peak})
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.lr)


def learning_rate(step: int, settings: StageSettings) -> float:
    """The share of its peak that the learning rate has: a straight rise over the warmup, then half a cosine to zero."""
    warmup = round(settings.warmup * settings.steps)
    if step < warmup:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / max(settings.steps - warmup, 1))) / 2


def disturb(piece: PieceFeatures, noise: float) -> PieceFeatures:
    """The same piece, each channel of what the encoders say multiplied by 1 + ``noise`` times a standard normal."""

    def disturbed(part: Tensor | None) -> Tensor | None:
        return None if part is None else part * (1 + noise * torch.randn(part.shape[-1]))

    return replace(piece, frames=disturbed(piece.frames), sound=disturbed(piece.sound)) if noise else piece


def embedder(model: OmniModel, device: torch.device) -> Callable[[Sequence[PieceFeatures]], Tensor]:
    """``model.embed_features`` for features that lie on the CPU; in bfloat16 where weights on a GPU are.

    Pieces go through the model beside others of about their length: a page would make every caption as long as itself.
    """
    is_half = any(parameter.dtype == torch.bfloat16 for parameter in model.parameters())

    def embed(features: Sequence[PieceFeatures]) -> Tensor:
        groups = groups_of_like_length(features)
        with torch.autocast(device.type, torch.bfloat16, enabled=is_half and device.type == "cuda"):
            parts = [model.embed_features([features[place] for place in group]) for group in groups]
        places = torch.tensor([place for group in groups for place in group], device=device)
        return torch.cat(parts)[places.argsort()]

    return embed


def groups_of_like_length(features: Sequence[PieceFeatures]) -> list[list[int]]:
    """Places of the pieces in groups, shortest first; in a group none is more than twice as long as another."""
    lengths = [_length(piece) for piece in features]
    groups: list[list[int]] = []
    for place in sorted(range(len(features)), key=lengths.__getitem__):
        if not groups or lengths[place] > 2 * lengths[groups[-1][0]] + 8:
            groups.append([])
        groups[-1].append(place)
    return groups


def _length(piece: PieceFeatures) -> int:
    tokens = 0 if piece.tokens is None else len(piece.tokens)
    frames = 0 if piece.frames is None else piece.frames[..., 0].numel()
    return tokens + frames + (0 if piece.sound is None else len(piece.sound))


def batch_loss(
    batch: Batch,
    settings: StageSettings,
    base_texts: Tensor | None,
    processes: int,
    device: torch.device,
    parts: dict[str, float],
) -> Callable[[Tensor], Tensor]:
    """The loss of a batch as a function of its embeddings; ``parts`` receives its summands.

    The embeddings (2 n, width) come process by process, the pieces of each before its texts.
    """
    labels = [batch.concepts, batch.texts]
    allowed = allowed_negatives(labels).to(device)
    if settings.negatives == "modality":
        kinds = torch.tensor(batch.modalities, device=device)
        allowed &= kinds.unsqueeze(0) == kinds.unsqueeze(1)

    def loss(everything: Tensor) -> Tensor:
        shares = everything.view(processes, 2, -1, everything.shape[-1])
        pieces, texts = shares[:, 0].flatten(0, 1), shares[:, 1].flatten(0, 1)
        contrast = info_nce(pieces, texts, settings.temperature, allowed)
        parts["contrast"] = float(contrast.detach())
        if not settings.anchor:
            return contrast
        if base_texts is None:
            raise ModelError("an anchor needs the base's embeddings of the texts")
        numbers = torch.tensor([*batch.texts, *batch.passages])
        is_text = numbers >= 0
        own = torch.cat([texts, pieces])[is_text.to(device)]
        anchor = text_anchor(own, base_texts[numbers[is_text]].to(device, own.dtype))
        parts["anchor"] = float(anchor.detach())
        return contrast + settings.anchor * anchor

    return loss


@torch.inference_mode()
def embed_texts(model: OmniModel, data: TrainingData, chunk: int = 256) -> Tensor:
    """Embeddings of every text of ``data``, float32 (texts, width) on the CPU."""
    embed = embedder(model, device_of(model))
    numbers = range(len(data.texts))
    parts = [embed(data.captions(numbers[start : start + chunk])).float().cpu() for start in numbers[::chunk]]
    return torch.cat(parts)


def _run_identity(
    parameters: Mapping[str, Tensor],
    data: TrainingData,
    settings: StageSettings,
    seed: int,
    modalities: Sequence[Modality],
) -> str:
    """A hash of what decides the run: settings, seed, data, and the values the parameters start from."""
    told = [settings.model_dump_json(exclude={"save_every", "chunk"}), seed, data.fingerprint, list(modalities)]
    digest = hashlib.sha256(json.dumps(told).encode())
    for name, parameter in parameters.items():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def _losses_before(log: Path, start: int, processes: Processes) -> list[float]:
    """The losses of the steps before ``start``; lines of steps that will be done again are taken out of the log."""
    if not processes.is_first:
        return []
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)[:start] if log.exists() else []
    log.write_text("".join(lines), encoding="utf-8")
    return [json.loads(line)["loss"] for line in lines]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
