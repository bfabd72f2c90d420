"""A generated library whose files are as large, as long and as hard to decode as those people have.

    python -m benchmarks.realistic_library FOLDER --scale 0.1

At scale 1: 5,000 pictures (photographs of 12 megapixels, smaller ones from the web, screenshots), 300 PDFs, 300 sounds
(songs, recordings of seconds), 60 videos (1080p and 720p, half a minute), 3,000 texts. Encoding is slow, so pictures,
sounds and videos of one sort are few (``_BASES``) and copied with another comment inside: no two files have the same
bytes, each is decoded and embedded in full, nothing is reused.
"""

import argparse
import struct
import zlib
from pathlib import Path
from typing import cast

import av
import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.sample_media import RATE, SAMPLES, pages, take, waves, write_sound

_BASES = 6
_PROSE = ("field-guide", "music-room", "observatory", "coast", "high-street")
COUNTS = {"pictures": 5_000, "documents": 300, "sounds": 300, "videos": 60, "texts": 3_000}


def build(folder: Path, scale: float, cache: Path) -> dict[str, int]:
    """Write the library; returns how many files of each sort. ``cache`` keeps what is slow to encode."""
    counts = {sort: max(1, round(count * scale)) for sort, count in COUNTS.items()}
    cache.mkdir(parents=True, exist_ok=True)
    for sort, write in (
        ("pictures", _write_pictures),
        ("documents", _write_documents),
        ("sounds", _write_sounds),
        ("videos", _write_videos),
        ("texts", _write_texts),
    ):
        (folder / sort).mkdir(parents=True, exist_ok=True)
        write(folder / sort, counts[sort], cache)
    return counts


def scene(width: int, height: int, seed: int) -> Image.Image:
    """A picture with detail at every scale, as photographs have: noise, stronger the coarser it is, and a drawing."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for step in (2, 4, 16, 64, 256):
        small = random.normal(0, 3 * step**0.45, (height // step + 2, width // step + 2, 3)).astype(np.float32)
        layers = [
            Image.fromarray(small[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            for channel in range(3)
        ]
        total += np.stack([np.asarray(layer) for layer in layers], axis=2)
    picture = Image.fromarray(np.clip(total + random.uniform(90, 160, 3), 0, 255).astype(np.uint8))
    drawings = sorted((SAMPLES / "pictures").glob("*.png"))
    with Image.open(drawings[seed % len(drawings)]) as opened:
        drawn = opened.convert("RGBA")
    drawn = drawn.resize((width // 2, max(1, drawn.height * width // 2 // drawn.width)))
    picture.paste(drawn, (width // 4, (height - drawn.height) // 2), drawn)
    return picture


def _cached(path: Path, write: object) -> Path:
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        write(unfinished)  # type: ignore[operator]
        unfinished.replace(path)
    return path


def _write_pictures(folder: Path, count: int, cache: Path) -> None:
    """Seven in ten are photographs of a telephone, two come from the web, one is a screenshot."""

    def base(number: int, seed: int) -> bytes:
        if number < 7:
            photograph = cache / f"photograph{seed}.jpg"
            return _cached(photograph, lambda to: scene(4000, 3000, seed).save(to, quality=88)).read_bytes()
        if number < 9:
            small = cache / f"web{seed}.jpg"
            return _cached(small, lambda to: scene(1600, 1200, seed).save(to, quality=80)).read_bytes()
        shot = cache / f"screenshot{seed}.png"
        return _cached(shot, lambda to: _screenshot(seed).save(to)).read_bytes()

    for number in range(count):
        data = base(number % 10, number // 10 % _BASES)
        said = f"picture {number}".encode()
        if data[:2] == b"\xff\xd8":
            data = data[:2] + b"\xff\xfe" + struct.pack(">H", len(said) + 2) + said + data[2:]
        else:
            chunk = b"tEXtComment\0" + said
            data = (
                data[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
            )
        (folder / f"IMG_{number:05d}{'.jpg' if data[:2] == bytes([0xFF, 0xD8]) else '.png'}").write_bytes(data)


def _screenshot(seed: int) -> Image.Image:
    picture = Image.new("RGB", (1920, 1080), "white")
    picture.paste(scene(900, 600, seed), (60, 120))
    draw = ImageDraw.Draw(picture)
    for row, (title, body) in enumerate(_prose(seed)[:20]):
        draw.text((1000, 60 + 50 * row), f"{title}\n{body[:120]}", fill="black")
    return picture


def _prose(seed: int) -> list[tuple[str, str]]:
    found = pages(f"pages/{_PROSE[seed % len(_PROSE)]}")
    return found[seed % len(found) :] + found[: seed % len(found)]


def _sentences(random: np.random.Generator, characters: int) -> str:
    """Prose of that length: sentences of the shipped texts in another order, with paragraphs."""
    said = [
        part.strip()
        for name in _PROSE
        for _, body in pages(f"pages/{name}")
        for part in body.split(".")
        if part.strip()
    ]
    text = ""
    while len(text) < characters:
        text += said[random.integers(len(said))].replace("\n", " ") + (".\n\n" if random.random() < 0.15 else ". ")
    return text


def _write_documents(folder: Path, count: int, cache: Path) -> None:
    """Four to twelve pages of prose, a picture on every third."""
    picture = _cached(cache / "in-a-document.jpg", lambda to: scene(1200, 800, 3).save(to, quality=85)).read_bytes()
    for number in range(count):
        random = np.random.default_rng(number)
        document = pymupdf.open()  # type: ignore[no-untyped-call]
        for page_number in range(4 + number % 9):
            page = document.new_page(width=595, height=842)
            bottom = 520 if page_number % 3 == 0 else 790
            page.insert_textbox((60, 50, 535, bottom), _sentences(random, bottom * 4), fontsize=11, fontname="tiro")
            if page_number % 3 == 0:
                page.insert_image((100, 540, 495, 800), stream=picture)
        document.save(folder / f"report{number:04d}.pdf", deflate=True)
        document.close()


def _write_sounds(folder: Path, count: int, cache: Path) -> None:
    """Of six: three short recordings, one of forty seconds, a minute without loss, a song."""
    for number in range(count):
        sort, seed = number % 6, number // 6 % 2
        suffix, seconds = ((".wav", 6), (".mp3", 15), (".ogg", 25), (".m4a", 40), (".flac", 60), (".mp3", 210))[sort]
        base = _cached(
            cache / f"sound{seconds}-{seed}{suffix}",
            lambda to, seconds=seconds, seed=seed: write_sound(to, _music(seconds, seed), 192_000),
        )
        _copy_recording(base, folder / f"recording{number:04d}{suffix}", number)


def _music(seconds: int, seed: int) -> NDArray[np.float32]:
    sound = waves(seconds, seed)
    names = sorted(path.stem for path in (SAMPLES / "sounds").glob("*.flac"))
    for start in range(0, seconds * RATE - 10 * RATE, 3 * RATE):
        played = take(names[(start // RATE + seed) % len(names)])[: 4 * RATE]
        sound[start : start + len(played)] += 0.5 * played
    return np.clip(sound, -1, 1).astype(np.float32)


def _write_videos(folder: Path, count: int, cache: Path) -> None:
    """Half are 1080p, half 720p; thirty pictures a second, half a minute, three scenes, with sound."""
    for number in range(count):
        size = ((1920, 1080), (1280, 720))[number % 2]
        base = _cached(cache / f"video{size[1]}.mp4", lambda to, size=size: _encode_video(to, size, 30))
        _copy_recording(base, folder / f"VID_{number:04d}.mp4", number)


def _encode_video(path: Path, size: tuple[int, int], seconds: int) -> None:
    width, height = size
    grounds = [np.asarray(scene(width + 256, height + 256, seed)) for seed in range(3)]
    random = np.random.default_rng(0)
    grain = random.integers(-6, 7, (8, height, width, 1)).astype(np.int16)
    with av.open(str(path), "w", format="mp4") as container:
        video = cast(av.VideoStream, container.add_stream("libx264", rate=30))
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.bit_rate = width * height * 4
        video.options = {"preset": "veryfast"}
        audio = container.add_stream("aac", rate=RATE)
        for number in range(seconds * 30):
            ground, shift = grounds[number * 3 // (seconds * 30)], number % 250
            view = ground[shift : shift + height, shift : shift + width].astype(np.int16) + grain[number % 8]
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.clip(view, 0, 255).astype(np.uint8), "rgb24")))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(_music(seconds, 5)[np.newaxis], "fltp", "mono")
        frame.sample_rate = RATE
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (part := fifo.read(1024, partial=True)) is not None:
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))


def _copy_recording(base: Path, path: Path, number: int) -> None:
    """The same packets in a container with another comment."""
    with av.open(str(base)) as source, av.open(str(path), "w") as target:
        target.metadata["comment"] = f"recording {number}"
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)


def _write_texts(folder: Path, count: int, cache: Path) -> None:
    """From a note of a few lines to twenty thousand characters, most of them short."""
    for number in range(count):
        random = np.random.default_rng(number)
        text = _sentences(random, int(min(20_000, 300 * random.pareto(1.0) + 200)))
        suffix = (".txt", ".md", ".html")[number % 3]
        if suffix == ".html":
            body = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
            text = f"<html><body><article><h1>Number {number}</h1>{body}</article></body></html>"
        (folder / f"note{number:05d}{suffix}").write_text(text)


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    counts = build(arguments.folder, arguments.scale, arguments.cache)
    print(counts, f"{size_of(arguments.folder) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
