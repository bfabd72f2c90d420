"""What a run is asked to do, and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from indexer.ignore import IgnoreOptions
from indexer.pieces import ExtractionLimits
from indexer.transcripts import Recognisers, TranscriptSummary
from storage.records import Failure, Modality

Change = Literal["indexed", "moved", "unchanged", "failed", "removed"]


@dataclass(frozen=True)
class PipelineOptions:
    """``workers``: decoding processes. ``batch``: pieces embedded together. ``limits``: what one file may cost.
    ``model_name``: what the settings call the embedder, by which it can be loaded again. ``ignore``: what is passed
    over below a folder. ``recognisers``: what finds words in pictures and sounds, if anything. ``retry``: read once
    more what could not be read, changed or not."""

    workers: int = 2
    batch: int = 32
    limits: ExtractionLimits = field(default_factory=ExtractionLimits)
    model_name: str = ""
    ignore: IgnoreOptions = field(default_factory=IgnoreOptions)
    recognisers: Recognisers = field(default_factory=Recognisers)
    retry: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a run is: ``done`` of ``total`` files; ``change`` is what became of the one at ``path``, ``failure`` why
    it failed.

    Once all files are indexed, their words are counted anew: ``stage`` "words"; a search for duplicates is
    "comparing". ``paused``: why the run waits; no file has been finished then.
    """

    done: int
    total: int
    path: str
    failure: str | None = None
    stage: Literal["files", "words", "comparing"] = "files"
    change: Change = "indexed"
    paused: str | None = None


@dataclass(frozen=True)
class IndexSummary:
    """What a run did. ``indexed`` counts files that came in or changed, those ``moved`` (renamed, copied) included;
    ``pieces`` those embedded in this run; ``failed`` what stands unread now under the paths named. ``transcripts``: for
    whose words it looked besides; ``incomplete``: the files of which some words are missing, and why.
    ``model_changed``: with this run the embeddings of another model, or all anew, have taken the place of those before.
    ``stopped``: it was told to end, or to leave what is gone, before all was done.
    """

    indexed: int
    moved: int
    unchanged: int
    removed: int
    failed: tuple[Failure, ...]
    pieces: Mapping[Modality, int]
    transcripts: TranscriptSummary
    incomplete: tuple[Failure, ...]
    model_changed: bool = False
    stopped: bool = False
