"""A base with ears: a vision-language model of a hub or a folder, and the audio encoder of another.

Both lie on this machine already (`synesthete model download`; of the second only the encoder's files are needed).
The words around a piece are those of the first model's own chat template, so that texts and pictures keep the
embeddings they had; only sound is new, and means nothing before its projector is trained.
"""

import json
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.fuse.checkpoint_folder import new_folder, write_recipe
from engine.model.hub import PREFIX, local_folder, parse_name
from engine.model.hub_files import offline
from engine.train.recipe import ComposeSettings, TrainRecipe

_MARK = "(what is said)"  # no word that a template could hold


def compose_base(recipe: TrainRecipe) -> Path:
    """Put the recipe's base together, unless it is there. Raises ``ModelError`` when a part is missing."""
    settings = recipe.compose
    if settings is None or recipe.base.exists():
        return recipe.base
    from engine.model.large_checkpoint import assemble

    backbone, audio = _folder(settings.backbone), _folder(settings.audio, whole=False)
    prefix, suffix = template_tokens(backbone)
    with new_folder(recipe.base) as folder:
        assemble(backbone, audio, folder, settings.projector_width, prefix_tokens=prefix, suffix_tokens=suffix)
        write_recipe(folder, {"stage": "compose", "made_from": _sources(settings, backbone, audio)})
    return recipe.base


def template_tokens(folder: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The tokens before and after what a user says, by the chat template and prompt of the model in ``folder``.

    Raises ``ModelError`` when it has no template.
    """
    from transformers import AutoTokenizer

    said: list[Any] = [{"role": "user", "content": [{"type": "text", "text": _MARK}]}]
    prompt = _document_prompt(folder)
    if prompt:
        said.insert(0, {"role": "system", "content": [{"type": "text", "text": prompt}]})
    try:
        with offline():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            told = tokenizer.apply_chat_template(said, tokenize=False, chat_template=_template(folder))
            before, _, after = str(told).rpartition(_MARK)
    except Exception as error:  # templates are programs of others
        raise ModelError(f"model {folder}: its chat template cannot be read ({error})") from error
    encode = tokenizer.encode
    return tuple(encode(before, add_special_tokens=False)), tuple(encode(after, add_special_tokens=False))


def _template(folder: Path) -> str | None:
    """The processor's template, which stands in a file of its own; None for the tokenizer's."""
    path = folder / "chat_template.jinja"
    return path.read_text(encoding="utf-8") if path.exists() else None


def _document_prompt(folder: Path) -> str:
    try:
        prompts = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))["prompts"]
        return str(prompts.get("document") or prompts.get("passage") or "")
    except (OSError, ValueError, KeyError, AttributeError):
        return ""


def _folder(name: str, *, whole: bool = True) -> Path:
    return local_folder(parse_name(name), whole=whole) if name.startswith(PREFIX) else Path(name)


def _sources(settings: ComposeSettings, backbone: Path, audio: Path) -> dict[str, str]:
    return {
        "backbone": settings.backbone,
        "backbone_revision": backbone.name,
        "audio": settings.audio,
        "audio_revision": audio.name,
    }
