"""synesthete: search a folder of media by meaning, from any modality to any other. Start with ``SearchEngine``."""

from engine.search_engine import SearchEngine

__all__ = ["SearchEngine"]
