"""Tiny models with random weights, saved as folders of sentence-transformers: what a hub has to offer, in a second."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    WhisperFeatureExtractor,
)
from transformers.models.qwen3_omni_moe.configuration_qwen3_omni_moe import Qwen3OmniMoeAudioEncoderConfig
from transformers.models.qwen3_omni_moe.modeling_qwen3_omni_moe import Qwen3OmniMoeAudioEncoder

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|audio_start|>",
    "<|audio_end|>",
    "<|audio_pad|>",
]
WORDS = ["a", "the", "red", "green", "blue", "sound", "picture", "page", "of", "colour", "dog", "sea"]
WORDS += ["user", "system", "assistant", "seconds"]
LETTERS = [chr(code) for code in range(33, 127)]

# One place for each modality, in the manner of the models this stands for; after the words comes what is to be read.
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }} {% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif c.type == 'video' %}VIDEO{% elif c.type == 'audio' %}AUDIO"
    "{% elif c.type == 'text' %}{{ c.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>{% endfor %}<|endoftext|>"
)
TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "initializer_range": 0.3,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 1024,
    "rope_parameters": {"rope_type": "default", "rope_theta": 5e5, "mrope_section": [4, 2, 2]},
}


def tokenizer() -> PreTrainedTokenizerFast:
    """Words and single characters; 'seconds' and the like are whole, everything else is spelt."""
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*SPECIAL, *WORDS, *LETTERS, "[UNK]"]))}
    raw = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        unk_token="[UNK]",
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        additional_special_tokens=SPECIAL[1:3],
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "audio_token": "<|audio_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
            "audio_bos_token": "<|audio_start|>",
            "audio_eos_token": "<|audio_end|>",
        },
        model_max_length=1024,
    )


VISION: dict[str, Any] = {
    "depth": 2,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_heads": 2,
    "num_position_embeddings": 64,
    "deepstack_visual_indexes": [0],
}


def save_qwen3_vl(
    folder: Path,
    seed: int = 0,
    text: Mapping[str, Any] = TEXT,
    vision: Mapping[str, Any] = VISION,
    longest_edge: int = 64 * 1024,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Path:
    """A vision-language model: text, pictures, videos and mixtures of these; unless told otherwise 32 wide.

    ``longest_edge``: the most pixels of a picture, or of the frames of a video together.
    """
    words = tokenizer()
    number = words.convert_tokens_to_ids
    torch.manual_seed(seed)
    config = Qwen3VLConfig(
        text_config={"vocab_size": len(words), **text},
        vision_config={"patch_size": 16, "spatial_merge_size": 2, "out_hidden_size": text["hidden_size"], **vision},
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    published = folder / "published"
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = Qwen3VLForConditionalGeneration(config)
    torch.set_default_dtype(before)
    model.save_pretrained(published)
    half = {
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
    }
    size = {"shortest_edge": 1024, "longest_edge": longest_edge}
    Qwen3VLProcessor(
        Qwen2VLImageProcessor(size=size, **half),
        words,
        Qwen3VLVideoProcessor(size=size, **half),
        chat_template=TEMPLATE.replace("VIDEO", "<|video_pad|>").replace("AUDIO", ""),
    ).save_pretrained(published)
    return _save(folder, published, model_kwargs={"dtype": dtype})


def _save(folder: Path, published: Path, **options: Any) -> Path:
    transformer = Transformer(str(published), **options)
    pooling = Pooling(transformer.get_embedding_dimension(), "lasttoken")
    model = SentenceTransformer(
        modules=[transformer, pooling, Normalize()],
        device="cpu",
        prompts={"query": "Find what the user describes.", "document": ""},
    )
    model.save(str(folder / "model"))
    return folder / "model"


def save_qwen2_5_omni(folder: Path, seed: int = 0) -> Path:
    """An omni model: text, pictures, videos and sounds, 32 wide."""
    words = tokenizer()
    number = words.convert_tokens_to_ids
    torch.manual_seed(seed)
    config = Qwen2_5OmniThinkerConfig(
        text_config={**{name: value for name, value in TEXT.items() if name != "head_dim"}, "vocab_size": len(words)},
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_heads": 2,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
        audio_config={
            "num_mel_bins": 16,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 24,
            "d_model": 16,
            "output_dim": 32,
            "n_window": 20,
        },
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        audio_token_id=number("<|audio_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        audio_start_token_id=number("<|audio_start|>"),
        audio_end_token_id=number("<|audio_end|>"),
        pad_token_id=number("<|endoftext|>"),
    )
    published = folder / "published"
    Qwen2_5OmniThinkerForConditionalGeneration(config).save_pretrained(published)
    sizes = {"shortest_edge": 784, "longest_edge": 64 * 784}
    Qwen2_5OmniProcessor(
        Qwen2VLImageProcessor(size=sizes, patch_size=14, temporal_patch_size=2, merge_size=2),
        Qwen2VLVideoProcessor(size=sizes, patch_size=14, temporal_patch_size=2, merge_size=2),
        WhisperFeatureExtractor(feature_size=16, chunk_length=30),
        words,
        chat_template=TEMPLATE.replace("VIDEO", "<|vision_bos|><|video_pad|><|vision_eos|>")
        .replace("AUDIO", "<|audio_start|><|audio_pad|><|audio_end|>")
        .replace("vision_bos", "vision_start")
        .replace("vision_eos", "vision_end"),
    ).save_pretrained(published)
    how = {"method": "forward", "method_output_name": ["hidden_states", -1]}
    modalities = dict.fromkeys(("text", "image", "video", "audio"), how)
    return _save(
        folder,
        published,
        transformer_task="any-to-any",
        modality_config={**modalities, "message": {**how, "format": "structured"}},
        module_output_name="token_embeddings",
    )


def save_ears(folder: Path, seed: int = 0) -> Path:
    """What a composition needs of Qwen3-Omni: its audio encoder, under the names it is published with."""
    config = Qwen3OmniMoeAudioEncoderConfig(
        num_mel_bins=16,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=16,
        d_model=16,
        output_dim=24,
        n_window=50,
        n_window_infer=200,
        downsample_hidden_size=4,
        max_source_positions=64,
    )
    torch.manual_seed(seed)
    tower = Qwen3OmniMoeAudioEncoder(config)
    folder.mkdir(parents=True)
    names = {f"thinker.audio_tower.{name}": tensor for name, tensor in tower.state_dict().items()}
    save_file(names, folder / "model.safetensors")
    described = {"thinker_config": {"audio_config": config.to_dict()}}
    (folder / "config.json").write_text(json.dumps(described))
    return folder
