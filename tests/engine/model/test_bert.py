"""Our BERT against transformers' own, on random weights: the same numbers under the same names."""

import pytest
import torch
from transformers import BertConfig, BertModel

from engine.model.bert import BertEncoder, build_backbone

SHAPE = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "layer_norm_eps": 1e-12,
}


@pytest.fixture
def peer() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(**{name: value for name, value in SHAPE.items() if name != "model_type"})
    return BertModel(config, add_pooling_layer=False).eval()


def test_it_computes_what_transformers_computes(peer: BertModel) -> None:
    own = build_backbone(SHAPE)
    assert isinstance(own, BertEncoder)
    own.load_state_dict(peer.state_dict())  # strict: the same names and shapes
    own.eval()
    inputs = torch.randn(3, 17, 32)
    mask = torch.ones(3, 17, dtype=torch.long)
    mask[1, 9:] = 0
    with torch.no_grad():
        expected = peer(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        computed = own(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    assert torch.allclose(computed[mask.bool()], expected[mask.bool()], atol=1e-5)


def test_any_other_backbone_comes_from_transformers() -> None:
    shape = SHAPE | {"model_type": "distilbert", "dim": 32, "n_layers": 1, "n_heads": 4, "hidden_dim": 64}
    assert type(build_backbone(shape)).__name__ == "DistilBertModel"
    with pytest.raises((ValueError, KeyError)):
        build_backbone({"model_type": "nothing of the kind"})
