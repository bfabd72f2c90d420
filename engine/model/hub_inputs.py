"""Pieces as sentence-transformers takes them: one dictionary each, of text, image, video and audio.

Text always comes as {"text": ...}: a bare string that looks like an address or a path would be opened. Names of the
tokenizer's special tokens inside a text are broken up, so that a file that speaks of them does not act as one.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from indexer.pieces import ExtractedPiece
from storage.records import Modality

PAGE_CHARACTERS = 3600
"""Of a page's text: its picture is there as well, and a processor must never cut between the two."""

Inputs = dict[str, Any]


def readable(understood: Iterable[str], *, mixed: bool) -> frozenset[Modality]:
    """Our modalities that can be made of what a model understands (text, image, video, audio).

    A model of pictures reads a video as the mean of its frames. A page is its picture and its text in one input, for
    which the model has to take mixtures.
    """
    known = set(understood)
    found: set[Modality] = {name for name in ("text", "image", "video", "audio") if name in known}
    if "image" in found:
        found.add("video")
    if mixed and {"text", "image"} <= found:
        found.add("document")
    return frozenset(found)


class InputMaker:
    """Turns pieces into inputs. ``videos``: whether the model takes a video as such."""

    def __init__(self, special_tokens: Sequence[str], *, videos: bool, sample_rate: int) -> None:
        longest_first = sorted((token for token in special_tokens if len(token) > 1), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._videos, self._sample_rate = videos, sample_rate

    def inputs(self, piece: ExtractedPiece) -> list[Inputs]:
        """The inputs whose mean is the embedding of ``piece``: one, or one for each frame of a video.

        Raises ``ValueError`` for a piece without content.
        """
        if piece.modality == "video" and piece.frames is not None:
            return [self._video(piece)] if self._videos else [{"image": frame} for frame in piece.frames]
        made: Inputs = {}
        if piece.frames is not None:
            made["image"] = piece.frames[0]
        if piece.sound is not None:
            made["audio"] = {"array": piece.sound, "sampling_rate": self._sample_rate}
        if piece.text is not None and (piece.text.strip() or not made):
            made["text"] = self._words(piece.text if len(made) == 0 else piece.text[:PAGE_CHARACTERS])
        if not made or made.get("text") == "":
            raise ValueError(f"a piece of modality {piece.modality} has neither text nor frames nor sound")
        return [made]

    def _words(self, text: str) -> str:
        if self._special is None:
            return text
        return self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def _video(self, piece: ExtractedPiece) -> Inputs:
        """Frames with the times at which they stand: the models write these between them."""
        assert piece.frames is not None
        frames = np.repeat(piece.frames, 2, axis=0) if len(piece.frames) == 1 else piece.frames
        seconds = (piece.end or 0.0) - (piece.start or 0.0)
        seconds = seconds if seconds > 0 else float(len(frames))
        metadata = {
            "fps": len(frames) / seconds,
            "duration": seconds,
            "total_num_frames": len(frames),
            "frames_indices": list(range(len(frames))),
        }
        return {"video": {"array": np.ascontiguousarray(frames.transpose(0, 3, 1, 2)), "video_metadata": metadata}}
