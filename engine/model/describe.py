"""What `synesthete model info`, `list` and `use` say of models; none of it loads their weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from engine.errors import ModelError
from engine.model.hub import PREFIX, HubName, local_folder, parse_name
from engine.model.hub_files import fingerprint_of, is_sentence_transformer
from engine.model.known_models import KNOWN_MODELS, known, warning
from engine.paths import expanded
from storage.records import MODALITIES

if TYPE_CHECKING:
    from engine.settings import ModelSettings


def describe_model(settings: "ModelSettings") -> dict[str, Any]:
    """The model that the settings name, as plain values. Raises ``ModelError``."""
    name = settings.name
    hub = parse_name(name) if name.startswith(PREFIX) else None
    folder = local_folder(hub) if hub else expanded(name)
    if hub is None and (name == "bundled" or not is_sentence_transformer(folder)):
        return _own_model(name, folder)
    model = known(hub.repository) if hub else None
    described: dict[str, Any] = {"name": name, "folder": str(folder)}
    if hub:
        described["revision"] = folder.name
    described["fingerprint"] = fingerprint_of(folder, f"{settings.bits} {settings.dimension}")
    described["bytes"] = size_of(folder)
    if model is not None:
        described |= {
            "parameters": f"{model.parameters:g} thousand million",
            "dimension": settings.dimension or model.dimension,
            "modalities": list(model.modalities),
            "licence": model.licence,
            "memory": f"{model.gigabytes:g} GB in bfloat16",
            "scores": f"{model.scores} ({model.source})",
        }
        if "audio" not in model.modalities:
            described["sounds"] = "by the bundled model, in a space of their own and listed apart"
    described["device"], described["bits"] = settings.device, settings.bits
    return described


def _own_model(name: str, folder: Path) -> dict[str, Any]:
    """One of our own checkpoints: the bundled model, one trained like it, or a large one with ears."""
    from engine.model.checkpoint import Checkpoint
    from engine.model.embedder import BUNDLED
    from engine.model.families import open_model

    checkpoint = open_model(BUNDLED if name == "bundled" else folder)
    described: dict[str, Any] = {
        "name": name,
        "folder": str(checkpoint.folder),
        "fingerprint": checkpoint.fingerprint,
        "bytes": size_of(checkpoint.folder),
        "dimension": checkpoint.config.dimension,
        "modalities": list(MODALITIES),
    }
    if isinstance(checkpoint, Checkpoint):
        described["card"] = checkpoint.card()
    return described


def size_of(folder: Path) -> int:
    """Bytes of the files in ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def show_model(console: Console, described: dict[str, Any]) -> None:
    """A line for each value, the card last."""
    width = max(len(name) for name in described)
    for name, value in described.items():
        if name == "card":
            continue
        shown = ", ".join(value) if isinstance(value, list) else f"{value / 1e6:,.1f} MB" if name == "bytes" else value
        console.print(f"{name.replace('bytes', 'size'):<{width}}  {shown}", markup=False)
    if "card" in described:
        console.print(f"\n{described['card']}", markup=False)


def show_known(console: Console) -> None:
    """Two lines for each model of the table, and what stands against the use of some."""
    for model in KNOWN_MODELS:
        seen = "text, image, video, document" + (", audio" if "audio" in model.modalities else "")
        terms = "" if model.terms == "free" else f" ({model.terms} only)"
        console.print(
            f"hub:{model.name:<40} {model.parameters:>5.2f} B  {model.gigabytes:>5.1f} GB  {model.licence}{terms}",
            markup=False,
        )
        length = f"{model.dimension:,} numbers" + (f", may be cut to {model.shortest}" if model.shortest else "")
        console.print(f"    {seen}; {length}; {model.scores} [{model.source}]", markup=False)
        if model.note:
            console.print(f"    {model.note}", markup=False)
    console.print(
        "\nB: thousand million parameters. GB: memory on a GPU, in bfloat16; twice that on a processor. "
        "Figures are their publishers'; any other model of sentence-transformers can be named too.",
        markup=False,
    )


def name_to_use(name: str, is_accepted: bool) -> tuple[str, str]:
    """What to write into the settings for ``name``, and what to tell the user about it.

    Raises ``ModelError`` for a folder without a model, a name that is none, and terms that were not accepted.
    """
    path = expanded(name)
    if name == "bundled":
        return name, ""
    if path.is_dir():
        if not is_sentence_transformer(path):
            _own_model(name, path)
        return str(path.absolute()), ""
    if "/" not in name.removeprefix(PREFIX) or path.is_absolute() or name.startswith(("./", "../", "~")):
        raise ModelError(f"{name}: there is no such folder, and a model of a hub is called hub:ORG/NAME")
    hub = parse_name(name)
    model = known(hub.repository)
    remarks = []
    if model is not None and (terms := warning(model)):
        if not is_accepted:
            raise ModelError(f"{terms}; --accept-licence takes it all the same")
        remarks.append(terms)
    remarks += _still_missing(hub)
    return f"{PREFIX}{hub}", "\n".join(remarks)


def _still_missing(hub: HubName) -> list[str]:
    try:
        local_folder(hub)
    except ModelError:
        return [f"it is not on this machine yet: `synesthete model download {hub}`"]
    return []
