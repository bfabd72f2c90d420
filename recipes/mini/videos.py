"""Short films made of captioned pictures: the camera moves over one, or two follow each other by a cut or a dissolve.

Each is one moment of the extractor: the first shot of a cut film is shorter than the shortest moment. Which pictures,
which movement and which sound a film has is decided by hashes of the files' names, so that a film stays as it is when
other pictures come or go.
"""

import hashlib
import random
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from splits import MOST_WORDS, place

FILMS = {"train": 1500, "validation": 150, "test": 400}
RATE = 8
SOUND_RATE = 44_100
SHAPES = [(224, 224), (256, 256), (256, 224), (224, 256)]
DARK = "#404850"
PAPERS = 4 * ["white"] + ["#f4efe2", "#e3ecf5", "#dddddd", "#e7f3e4", DARK]
LEAST_CONTRAST = 10
"""Standard deviation of the pixels, of 255: a white drawing on white gets another paper."""

FIRST_SHOT = 7
"""Frames before a cut: under a second, the shortest moment of the extractor."""

Shot = Callable[[float], Image.Image]


def entries(cache: Path, pictures: Iterable[dict], sounds: Iterable[dict]) -> Iterator[dict]:
    """Rows with the split of their pictures, one film a concept; a quarter have a soundtrack of the same split."""
    pictures, sounds = list(pictures), list(sounds)
    for split, count in FILMS.items():
        ordered = sorted((row for row in pictures if row["split"] == split), key=lambda row: _place(row["file"]))
        first: dict[str, dict] = {}
        for row in ordered:
            if len(first) < count:
                first.setdefault(row["concept"], row)
        others = [row for row in ordered if row["concept"] not in first]
        heard = sorted(
            (row["file"] for row in sounds if (row["split"], row["source"]) == (split, "sonic-pi")), key=_place
        )
        for row in first.values():
            draw = random.Random(f"film {_name(row['file'])}")
            kind = draw.choices(["move", "cut", "dissolve"], [0.65, 0.25, 0.1])[0]
            shown = [row] if kind == "move" else [row, _after(draw.random(), others, lambda other: other["file"])]
            sound = _after(draw.random(), heard, str) if draw.random() < 0.25 and heard else None
            content = repr((kind, [_name(each["file"]) for each in shown], sound and _name(sound)))
            file = cache / "videos" / f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.mp4"
            if not file.exists():
                write(file, list(frames(kind, [each["file"] for each in shown], draw)), sound)
            caption = ", then ".join(each["texts"][0] for each in shown)
            yield {
                "modality": "video", "file": str(file), "split": split,
                "texts": row["texts"] if kind == "move" else [" ".join(caption.split()[: 2 * MOST_WORDS])],
                "concept": row["concept"] if kind == "move" else ", then ".join(each["concept"] for each in shown),
                "licence": " AND ".join(sorted({each["licence"] for each in shown})),
                "source": "films",
            }  # fmt: skip


def frames(kind: str, files: Sequence[str], draw: random.Random) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a film of two to three seconds, uint8 of shape (height, width, 3)."""
    size, paper = draw.choice(SHAPES), draw.choice(PAPERS)
    shots = [shot(file, size, paper, draw) for file in files]
    count = draw.randint(2 * RATE, 3 * RATE)
    if kind == "cut":
        second = draw.randint(FIRST_SHOT, FIRST_SHOT + 2)
        yield from (np.asarray(shots[0](at / FIRST_SHOT)) for at in range(FIRST_SHOT))
        yield from (np.asarray(shots[1](at / second)) for at in range(second))
        return
    for at in range(count):
        time = at / (count - 1)
        picture = shots[0](time)
        if kind == "dissolve":
            picture = Image.blend(picture, shots[1](time), time)
        yield np.asarray(picture)


def shot(file: str, size: tuple[int, int], paper: str, draw: random.Random) -> Shot:
    """A picture on ``paper`` under a moving camera: a function from time (0 to 1) to the frame."""
    width, height = size
    with Image.open(file) as image:
        drawn = image.convert("RGBA")
    drawn.thumbnail((2 * width, 2 * height))
    if max(drawn.width / width, drawn.height / height) < 1:
        factor = min(width / drawn.width, height / drawn.height)
        drawn = drawn.resize((max(1, round(drawn.width * factor)), max(1, round(drawn.height * factor))))
    margin = 1.15
    scale = max(drawn.width / width, drawn.height / height) * margin
    canvas = _lay(drawn, (round(width * scale), round(height * scale)), paper)
    if np.asarray(canvas).std(axis=(0, 1)).mean() < LEAST_CONTRAST:
        canvas = _lay(drawn, canvas.size, DARK if paper != DARK else "white")
    # The window: its share of the canvas and its centre, at the beginning and at the end.
    movement = draw.choice(["in", "out", "pan", "pan", "still"])
    near, far = draw.uniform(0.55, 0.7), draw.uniform(0.92, 1.0)
    begin, end = {"in": (far, near), "out": (near, far), "pan": (0.75, 0.75), "still": (far, far)}[movement]
    reach = 0.12 if movement == "pan" else 0.04
    path = [(0.5 + draw.choice([-reach, 0, reach]), 0.5 + draw.choice([-reach, 0, reach])) for _ in range(2)]

    def frame(time: float) -> Image.Image:
        share = begin + (end - begin) * time
        x, y = (
            min(max(start + (stop - start) * time, share / 2), 1 - share / 2) for start, stop in zip(*path, strict=True)
        )
        box = (
            (x - share / 2) * canvas.width,
            (y - share / 2) * canvas.height,
            (x + share / 2) * canvas.width,
            (y + share / 2) * canvas.height,
        )
        return canvas.resize(size, Image.Resampling.BILINEAR, box=box)

    return frame


def _lay(drawn: Image.Image, size: tuple[int, int], paper: str) -> Image.Image:
    """A picture in the middle of a sheet."""
    sheet = Image.new("RGBA", size, paper)
    sheet.alpha_composite(drawn, ((sheet.width - drawn.width) // 2, (sheet.height - drawn.height) // 2))
    return sheet.convert("RGB")


def write(file: Path, pictures: Sequence[NDArray[np.uint8]], sound: str | None) -> None:
    """Encode a film as H.264, with ``sound`` (a file, cut to the film's length) as AAC; the same bytes every time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_suffix(".partial")
    height, width, _ = pictures[0].shape
    with av.open(str(scratch), "w", format="mp4", options={"fflags": "+bitexact"}) as out:
        video = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "24", "threads": "1"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        for picture in pictures:
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        if audio is not None:
            samples = read_sound(sound, len(pictures) / RATE)
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
            out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    scratch.replace(file)


def read_sound(file: str, seconds: float) -> NDArray[np.float32]:
    """The beginning of a sound as mono samples at SOUND_RATE, silence after its end."""
    with av.open(file) as container:
        resampler = av.AudioResampler("fltp", "mono", SOUND_RATE)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    samples = np.zeros(round(seconds * SOUND_RATE), dtype=np.float32)
    found = np.concatenate(parts)[: len(samples)]
    samples[: len(found)] = found
    return samples


def _name(file: str) -> str:
    """A file as its folder and name: enough to tell it from the others, wherever the cache lies."""
    return "/".join(Path(file).parts[-3:])


def _place(file: str) -> float:
    return place(f"film {_name(file)}")


def _after(where: float, ring: Sequence, file: Callable[..., str]):
    """The one that follows ``where`` on a ring ordered by place; it stays the same while it and what precedes do."""
    return ring[bisect(ring, where, key=lambda item: _place(file(item))) % len(ring)]
