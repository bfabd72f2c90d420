"""synesthete: search a folder of media by meaning, from any modality to any other. Start with ``SearchEngine``."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.search_engine import SearchEngine

__all__ = ["SearchEngine"]


def __getattr__(name: str) -> Any:
    """``SearchEngine``, when it is asked for: a model can be trained where no library (SQLAlchemy, FAISS) is."""
    if name == "SearchEngine":
        from engine.search_engine import SearchEngine

        return SearchEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
