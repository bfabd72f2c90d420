"""Pictures, sounds, videos and documents for the sample library, the same bytes on every run."""

import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import Image, ImageChops

SAMPLES = Path(__file__).parent / "samples"
RATE = 44_100
FRAMES_PER_SECOND = 8
FRAME_SIZE = (320, 240)
REPRODUCIBLE = {"fflags": "+bitexact"}
# The suffix decides the container; this table decides what is inside it.
AUDIO_CODECS = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".ogg": "vorbis",
    ".opus": "libopus",
    ".m4a": "aac",
    ".mp4": "aac",
    ".mov": "aac",
    ".mkv": "libopus",
    ".webm": "libopus",
    ".avi": "libmp3lame",
}
VIDEO_CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx", ".avi": "mpeg4"}
VIDEO_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
}

Sound = NDArray[np.float32]
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """One scene of a video: a picture under a slowly moving camera, with its own sound or silence."""

    theme: str
    picture: str
    sound: Sound | None = None
    seconds: float = 4.0


def picture(name: str, tint: Color = (255, 255, 255)) -> Image.Image:
    """A shipped picture, RGB, its white ground replaced by ``tint``."""
    with Image.open(SAMPLES / "pictures" / f"{name}.png") as image:
        drawn = image.convert("RGB")
    return ImageChops.multiply(drawn, Image.new("RGB", drawn.size, tint))


def photograph(name: str, tint: Color) -> Image.Image:
    """A picture as a camera would bring it: a coloured ground with a fall-off in light and a little grain."""
    drawn = np.asarray(picture(name, tint), dtype=np.float32)
    height, width, _ = drawn.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1.0 - 0.18 * np.sqrt(x**2 + y**2)
    grain = np.random.default_rng(len(name)).normal(0.0, 2.5, size=(height, width, 1))
    return Image.fromarray(np.clip(drawn * light[..., None] + grain, 0, 255).astype(np.uint8))


def take(name: str, speed: float = 1.0) -> Sound:
    """A shipped sound, mono float32 at ``RATE``, peak 0.7; ``speed`` changes tempo and pitch together, as on tape."""
    with av.open(str(SAMPLES / "sounds" / f"{name}.flac")) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    sound = np.concatenate(frames).astype(np.float32) / 32768
    if speed != 1.0:
        positions = np.arange(0, len(sound) - 1, speed)
        sound = np.interp(positions, np.arange(len(sound)), sound).astype(np.float32)
    return np.asarray(sound * (0.7 / np.abs(sound).max()), dtype=np.float32)


def sequence(*parts: tuple[float, Sound], seconds: float) -> Sound:
    """Sounds laid over each other, each from its own second on, cut or padded to ``seconds``."""
    mixed = np.zeros(round(seconds * RATE), dtype=np.float32)
    for start, sound in parts:
        first = round(start * RATE)
        part = sound[: max(0, len(mixed) - first)]
        mixed[first : first + len(part)] += part
    peak = float(np.abs(mixed).max())
    return np.asarray(mixed * (0.9 / max(peak, 0.9)), dtype=np.float32)


def waves(seconds: float, seed: int, level: float = 0.25) -> Sound:
    """Surf: low-passed noise that swells and draws back every six seconds or so."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    noise = np.fft.irfft(spectrum / (1 + (frequency / 500) ** 1.2), count)
    swell = 0.35 + 0.65 * np.sin(np.pi * np.arange(count) / RATE / 6.0) ** 2
    return np.asarray(noise / np.abs(noise).max() * swell * level / 0.5, dtype=np.float32)


def telephone_bell(seconds: float, pitch: float, ring: float, pause: float) -> Sound:
    """A ringing telephone: a clapper strikes two gongs in turn, 22 times a second, ``ring`` seconds of every cycle."""
    moments = np.arange(round(0.25 * RATE)) / RATE
    strikes = [
        sum(
            weight * np.exp(-moments * decay) * np.sin(2 * np.pi * gong * partial * moments)
            for partial, weight, decay in ((1.0, 1.0, 14), (2.71, 0.6, 20), (5.2, 0.35, 35), (8.1, 0.15, 60))
        )
        for gong in (pitch, pitch * 1.19)
    ]
    sound = np.zeros(round(seconds * RATE) + len(moments))
    for number, moment in enumerate(np.arange(0, seconds, 1 / 22)):
        if moment % (ring + pause) < ring:
            first = round(moment * RATE)
            sound[first : first + len(moments)] += strikes[number % 2]
    sound = sound[: round(seconds * RATE)]
    return np.asarray(sound * 0.6 / np.abs(sound).max(), dtype=np.float32)


def ticking(seconds: float, beat: float) -> Sound:
    """A clock: tick and tock in turn, one every ``beat`` seconds."""
    tick, tock = take("elec_tick", 0.55), take("elec_tick", 0.42)
    times = np.arange(0.1, seconds - 0.1, beat)
    return sequence(*((float(t), (tick, tock)[i % 2]) for i, t in enumerate(times)), seconds=seconds)


def with_hiss(sound: Sound, level: float, seed: int) -> Sound:
    """The sound as a cheap recorder would have it, with noise of RMS ``level`` under it."""
    return (sound * 0.8 + np.random.default_rng(seed).normal(0, level, len(sound))).astype(np.float32)


def _add_audio(container: av.container.OutputContainer, suffix: str, bit_rate: int) -> av.AudioStream:
    codec = AUDIO_CODECS[suffix]
    # FFmpeg's own Vorbis encoder does stereo alone; Opus knows no 44.1 kHz.
    layout = "stereo" if codec == "vorbis" else "mono"
    rate = 48_000 if codec == "libopus" else RATE
    stream = cast(av.AudioStream, container.add_stream(codec, rate=rate, layout=layout))
    stream.options = {"strict": "experimental"} if codec == "vorbis" else {}
    stream.codec_context.thread_count = 1
    if codec not in ("pcm_s16le", "flac"):
        stream.bit_rate = bit_rate
    return stream


def _encode_audio(container: av.container.OutputContainer, stream: av.AudioStream, sound: Sound) -> None:
    samples = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_sound(path: Path, sound: Sound, bit_rate: int = 64_000) -> None:
    """A sound file in the format that the suffix names."""
    with av.open(str(path), "w", container_options=REPRODUCIBLE) as container:
        _encode_audio(container, _add_audio(container, path.suffix, bit_rate), sound)


def _moving_camera(scene: Scene, seed: int) -> list[Image.Image]:
    """The scene's frames: a slow zoom with a drift, over a ground of its own light colour."""
    random = np.random.default_rng(seed)
    red, green, blue = (int(value) for value in random.integers(205, 250, size=3))
    drawn = picture(scene.picture, (red, green, blue))
    width, height = FRAME_SIZE
    # Shrunk once to what the closest view needs, so that the frames cost little.
    whole = 1.15
    drawn.thumbnail((round(whole * width), round(whole * height)), Image.Resampling.LANCZOS)
    # The camera may look past the picture's edge by as much as this, and sees the ground there.
    ground = Image.new("RGB", (round(whole * width * 1.5), round(whole * height * 1.5)), (red, green, blue))
    ground.paste(drawn, ((ground.width - drawn.width) // 2, (ground.height - drawn.height) // 2))
    count = round(scene.seconds * FRAMES_PER_SECOND)
    start, end = random.permutation([0.86, 1.12])
    drift = random.uniform(-24, 24, size=2)
    frames = []
    for share in np.linspace(0, 1, count):
        scale = whole / (start + (end - start) * share)
        left = (ground.width - scale * width) / 2 + drift[0] * (share - 0.5)
        top = (ground.height - scale * height) / 2 + drift[1] * (share - 0.5)
        view = (left, top, left + scale * width, top + scale * height)
        frames.append(ground.resize(FRAME_SIZE, Image.Resampling.BILINEAR, box=view))
    return frames


def write_video(path: Path, scenes: tuple[Scene, ...], seed: int) -> None:
    """A video of several scenes with hard cuts and a soundtrack, in the format that the suffix names."""
    soundtrack, start = [], 0.0
    for scene in scenes:
        if scene.sound is not None:
            soundtrack.append((start, scene.sound[: round(scene.seconds * RATE)]))
        start += scene.seconds
    codec = VIDEO_CODECS[path.suffix]
    with av.open(str(path), "w", container_options=REPRODUCIBLE) as container:
        stream = cast(av.VideoStream, container.add_stream(codec, rate=FRAMES_PER_SECOND))
        stream.width, stream.height = FRAME_SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 160_000
        stream.thread_count = 1
        stream.options = dict(VIDEO_OPTIONS.get(codec, {}))
        # Every stream must be known before the first packet is written.
        audio = _add_audio(container, path.suffix, 48_000) if soundtrack else None
        number = 0
        for index, scene in enumerate(scenes):
            for image in _moving_camera(scene, seed * 10 + index):
                frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode(None))
        if audio is not None:
            _encode_audio(container, audio, sequence(*soundtrack, seconds=start))


def pages(name: str) -> list[tuple[str, str]]:
    """Title and prose of every page of a shipped text; each begins with a line ``# Title``."""
    text = (SAMPLES / "texts" / f"{name}.md").read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in text.split("# ") if part.strip()]
    return [(title.strip(), body.strip()) for title, _, body in parts]


def open_document(path: Path | None = None) -> Any:
    """A PDF or EPUB, or an empty PDF; Any, because PyMuPDF comes without types."""
    return pymupdf.Document(path)  # type: ignore[no-untyped-call]


def write_pdf(path: Path, name: str, pictures: dict[int, str] | None = None) -> None:
    """A PDF of A5 pages, one for each page of the text; ``pictures`` names the drawing below a page's prose, from 1."""
    document = open_document()
    drawings = pictures or {}
    for number, (title, body) in enumerate(pages(name), start=1):
        page = document.new_page(width=420, height=595)
        page.insert_textbox((48, 50, 372, 90), title, fontsize=18, fontname="tibo")
        page.insert_textbox((48, 92, 372, 380), _flowing(body), fontsize=11, fontname="tiro", lineheight=1.35)
        if number in drawings:
            page.insert_image((120, 385, 300, 565), filename=SAMPLES / "pictures" / f"{drawings[number]}.png")
    _save_pdf(document, path)


def write_scan(path: Path, name: str) -> None:
    """A PDF with one page that is nothing but a picture, slightly askew and grey as from an old scanner."""
    sheet = Image.new("L", (840, 1190), 236)
    drawn = picture(name, (236, 236, 236)).convert("L")
    drawn = drawn.resize((drawn.width * 3 // 2, drawn.height * 3 // 2)).rotate(2.5, fillcolor=236, expand=True)
    sheet.paste(drawn, ((840 - drawn.width) // 2, (1190 - drawn.height) // 2))
    jpeg = path.with_suffix(".jpg")
    sheet.save(jpeg, quality=70)
    document = open_document()
    document.new_page(width=420, height=595).insert_image((0, 0, 420, 595), stream=jpeg.read_bytes())
    jpeg.unlink()
    _save_pdf(document, path)


def _flowing(body: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in body.split("\n\n"))


def _save_pdf(document: Any, path: Path) -> None:
    document.set_metadata({})
    document.save(path, garbage=3, deflate=True, no_new_id=True)
    document.close()


def write_epub(path: Path, name: str, title: str) -> None:
    """An EPUB 3 with one chapter for each page of the text."""
    chapters = pages(name)
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    links = "".join(f'<li><a href="c{n}.xhtml">{heading}</a></li>' for n, (heading, _) in enumerate(chapters))
    files = {
        "META-INF/container.xml": f'{head}<container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="book.opf" '
        'media-type="application/oebps-package+xml"/></rootfiles></container>',
        "book.opf": f'{head}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">{path.stem}</dc:identifier>'
        f'<dc:title>{title}</dc:title><dc:language>en</dc:language><meta property="dcterms:modified">'
        '2020-01-01T00:00:00Z</meta></metadata><manifest><item id="nav" href="nav.xhtml" properties="nav" '
        f'media-type="application/xhtml+xml"/>{items}</manifest><spine>{spine}</spine></package>',
        "nav.xhtml": f'{head}<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f'<head><title>{title}</title></head><body><nav epub:type="toc"><ol>{links}</ol></nav></body></html>',
    }
    for number, (heading, body) in enumerate(chapters):
        prose = "".join(f"<p>{paragraph}</p>" for paragraph in body.split("\n\n"))
        files[f"c{number}.xhtml"] = (
            f'{head}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{heading}</title></head>'
            f"<body><h1>{heading}</h1>{prose}</body></html>"
        )
    with zipfile.ZipFile(path, "w") as archive:
        # The mimetype comes first and uncompressed, or it is no EPUB.
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip")
        for inner, content in files.items():
            archive.writestr(zipfile.ZipInfo(inner), content, compress_type=zipfile.ZIP_DEFLATED)
