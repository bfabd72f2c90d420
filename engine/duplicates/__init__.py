"""Near-identical files: found by their embeddings, confirmed by what they look and sound like in detail."""
