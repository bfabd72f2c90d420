"""BERT's encoder in plain torch: what MiniLM needs to run, without the seconds it takes to import transformers.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", arXiv 1810.04805. Modules are named as in
transformers' ``BertModel``, so that its weights fit without renaming; a test holds the two against each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class BertOutput:
    """``last_hidden_state`` is (n, length, hidden_size), as transformers names it."""

    last_hidden_state: Tensor


class BertEncoder(nn.Module):
    """Sequences of input embeddings to sequences of the same shape. ``config`` as in transformers' ``BertConfig``."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Layers(config)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings.word_embeddings

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor) -> BertOutput:
        """``inputs_embeds`` (n, length, hidden_size); ``attention_mask`` (n, length), 1 where there is something."""
        hidden: Tensor = self.embeddings(inputs_embeds)
        mask = attention_mask.bool()[:, None, None, :]
        for layer in self.encoder.layer:
            hidden = layer(hidden, mask)
        return BertOutput(hidden)


class Embeddings(nn.Module):
    """Adds to each embedding those of its position and of the first segment, there being no other."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.word_embeddings = nn.Embedding(config["vocab_size"], width)
        self.position_embeddings = nn.Embedding(config["max_position_embeddings"], width)
        self.token_type_embeddings = nn.Embedding(config.get("type_vocab_size", 2), width)
        self.LayerNorm = _layer_norm(config)

    def forward(self, inputs_embeds: Tensor) -> Tensor:
        positions = self.position_embeddings.weight[: inputs_embeds.shape[1]]
        embeddings: Tensor = self.LayerNorm(inputs_embeds + positions + self.token_type_embeddings.weight[0])
        return embeddings


class Layers(nn.Module):
    """The stack of layers, under the name ``layer``."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))


class Layer(nn.Module):
    """Attention, then a network of two layers, each added to what went in and normalised."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Dense(config["hidden_size"], config["intermediate_size"])
        self.output = AddAndNormalise(config["intermediate_size"], config)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        hidden = self.attention(hidden, mask)
        result: Tensor = self.output(F.gelu(self.intermediate.dense(hidden)), hidden)
        return result


class Attention(nn.Module):
    """Every position looks at every position that ``mask`` (n, 1, 1, length) leaves, with several heads."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.heads = int(config["num_attention_heads"])
        self.self = QueryKeyValue(config["hidden_size"])
        self.output = AddAndNormalise(config["hidden_size"], config)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        count, length, width = hidden.shape
        query, key, value = (part.view(count, length, self.heads, -1).transpose(1, 2) for part in self.self(hidden))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        result: Tensor = self.output(attended.transpose(1, 2).reshape(count, length, width), hidden)
        return result


class QueryKeyValue(nn.Module):
    """The three projections of attention, and ``joined``, where it is given: all of them in one multiplication."""

    joined: nn.Module | None

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.joined = None

    def forward(self, hidden: Tensor) -> tuple[Tensor, ...]:
        if self.joined is not None:
            all_three: Tensor = self.joined(hidden)
            return all_three.chunk(3, dim=-1)
        return self.query(hidden), self.key(hidden), self.value(hidden)


class Dense(nn.Module):
    """A linear layer, under the name ``dense``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)


class AddAndNormalise(Dense):
    """A linear layer whose result is added to what it is to correct."""

    def __init__(self, inputs: int, config: Mapping[str, Any]) -> None:
        super().__init__(inputs, config["hidden_size"])
        self.LayerNorm = _layer_norm(config)

    def forward(self, x: Tensor, corrected: Tensor) -> Tensor:
        result: Tensor = self.LayerNorm(corrected + self.dense(x))
        return result


def _layer_norm(config: Mapping[str, Any]) -> nn.LayerNorm:
    return nn.LayerNorm(config["hidden_size"], eps=config.get("layer_norm_eps", 1e-12))


def build_backbone(config: Mapping[str, Any]) -> Any:
    """The backbone that ``config`` describes: BERT as above, anything else as transformers builds it.

    Raises TypeError, ValueError or KeyError for a config that describes nothing.
    """
    if config["model_type"] == "bert":
        return BertEncoder(config)
    from transformers import AutoConfig, AutoModel

    backbone = AutoModel.from_config(AutoConfig.for_model(**config))  # type: ignore[no-untyped-call]
    if hasattr(backbone, "pooler"):
        backbone.pooler = None  # a head for another task; embeddings are pooled by FusedModel
    return backbone
