"""From the name in the settings to a model that is ready: the bundled one, a folder, or one of a hub."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import HubError, ModelError
from engine.model.hub import PREFIX, HubName, local_folder, may_run_code, parse_name
from engine.model.hub_files import foreign_code, is_sentence_transformer
from engine.model.known_models import known, require_length
from engine.model.spaces import Completed, SearchModel
from storage.records import MODALITIES

if TYPE_CHECKING:
    from engine.settings import ModelSettings


def load_search_model(name: str, settings: "ModelSettings") -> SearchModel:
    """The model called ``name``, completed by the bundled one where it lacks a modality. Raises ``ModelError``."""
    import torch

    from engine.model.embedder import ModelEmbedder

    if settings.threads:
        torch.set_num_threads(settings.threads)
    small_device = "cpu" if settings.device == "auto" else settings.device
    hub = parse_name(name) if name.startswith(PREFIX) else None
    folder = local_folder(hub) if hub else Path(name)
    if hub or (name != "bundled" and is_sentence_transformer(folder)):
        large = _load_large(name, hub, folder, settings)
        if large.modalities == frozenset(MODALITIES):
            return large
        return Completed(large, ModelEmbedder.load("bundled"))
    if name != "bundled" and is_composed(folder):
        from engine.model.large_embedder import LargeEmbedder

        if settings.bits != 16 or settings.dimension:
            raise ModelError(f"model {folder}: it can be loaded only as it is: [model] bits = 16, dimension = 0")
        return LargeEmbedder.load(folder, settings.device)
    return ModelEmbedder.load(name, device=small_device)


def is_composed(folder: Path) -> bool:
    """Whether ``folder`` holds a large model put together and trained by ourselves."""
    from engine.model.families import is_large

    return is_large(folder / "config.json")


def _load_large(name: str, hub: HubName | None, folder: Path, settings: "ModelSettings") -> SearchModel:
    from engine.model.hub_embedder import HubEmbedder, HubOptions

    model = known(hub.repository) if hub else None
    if model is not None:
        require_length(model, settings.dimension)
    options = HubOptions(settings.device, settings.bits, settings.dimension)
    trusted = may_run_code(hub, folder, settings.remote_code)
    if trusted and (other := foreign_code(folder)) is not None:
        raise HubError(f"model {name} takes code from {other}, which [model] remote_code does not name: it is not run")
    return HubEmbedder(name, folder, replace(options, trust_code=trusted))
