"""What a library holds and how far it is, told without a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.reembed import Reembedding, reembedding
from storage.library import IndexSize, Library
from storage.records import Failure, LibraryCounts, Modality, RootState
from storage.roots import states
from storage.transcripts import problems_under


@dataclass(frozen=True)
class Status:
    """What a library holds. ``model``: the fingerprint of what made it, which the settings then called ``model_name``
    and now ``settings_model``. ``roots``: what was asked for, with the time of its last scan (seconds since 1970);
    ``folders``: how far each of them is; ``paused``: why indexing would wait now;
    ``incomplete``: files of which some words are missing; ``disk_bytes``: what the data folder takes up;
    ``reembedding``: a change of model that is not finished; ``index``: how the pieces of each modality are searched."""

    data: Path
    model: str | None
    model_name: str
    settings_model: str
    counts: LibraryCounts
    roots: dict[str, float]
    folders: tuple[RootState, ...]
    paused: str | None
    failures: tuple[Failure, ...]
    incomplete: tuple[Failure, ...]
    disk_bytes: int
    reembedding: Reembedding | None = None
    index: Mapping[Modality, IndexSize] = field(default_factory=dict)


def status_of(library: Library, settings_model: str, paused: str | None) -> Status:
    """The status of ``library``, for settings that name this model; ``paused``: why indexing would wait now."""
    catalog = library.catalog
    model = catalog.model()
    with catalog.reading() as connection:
        incomplete = problems_under(connection, "/")
        folders = states(connection)
    return Status(
        data=library.folder,
        model=None if model is None else model[0],
        model_name=catalog.model_name(),
        settings_model=settings_model,
        counts=catalog.counts(),
        roots=catalog.roots(),
        folders=tuple(folders),
        paused=paused,
        failures=tuple(catalog.failures_under("/").values()),
        incomplete=tuple(incomplete),
        disk_bytes=sum(path.stat().st_size for path in library.folder.rglob("*") if path.is_file()),
        reembedding=reembedding(library),
        index=library.index_sizes(),
    )
