"""Copies of files as people make them: re-encoded, made smaller, cropped, trimmed; and files that only look alike."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from PIL import Image, ImageDraw

from tests.sample_media import RATE, VIDEO_CODECS, VIDEO_OPTIONS, Sound, open_document, write_sound

PICTURE_COPIES = ("q90", "q50", "q30", "webp", "half", "quarter", "crop2", "crop5")
SOUND_COPIES = ("mp3-64", "mp3-32", "ogg-48", "opus-24", "quiet", "trimmed", "trimmed-opus")
FILM_COPIES = ("webm-half", "mkv", "trimmed-webm")
PAGE_COPIES = ("saved-anew", "first-page", "cover-before")


def copy_picture(source: Image.Image, how: str, folder: Path, stem: str) -> Path:
    """One of PICTURE_COPIES of an RGB picture."""
    path = folder / f"{stem}-{how}.{'webp' if how == 'webp' else 'jpg'}"
    width, height = source.size
    quality = {"q90": 90, "q50": 50, "q30": 30, "webp": 50}.get(how, 80)
    if how in ("half", "quarter"):
        part = 2 if how == "half" else 4
        source = source.resize((max(1, width // part), max(1, height // part)), Image.Resampling.LANCZOS)
    elif how.startswith("crop"):
        cut = int(how[4:]) / 100  # of each side, a little less on the right and at the bottom
        box = (width * cut, height * cut, width * (1 - cut / 2), height * (1 - cut / 3))
        source = source.crop(tuple(round(edge) for edge in box))  # type: ignore[arg-type]
    source.save(path, quality=quality)
    return path


def copy_sound(source: Sound, how: str, folder: Path, stem: str) -> Path:
    """One of SOUND_COPIES of a mono sound at RATE; trimmed: some of its beginning and its end is gone."""
    suffix, bit_rate = {
        "mp3-64": (".mp3", 64_000),
        "mp3-32": (".mp3", 32_000),
        "ogg-48": (".ogg", 48_000),
        "opus-24": (".opus", 24_000),
        "quiet": (".flac", 0),
        "trimmed": (".wav", 0),
        "trimmed-opus": (".opus", 32_000),
    }[how]
    if how == "quiet":
        source = np.asarray(source * 0.3, dtype=np.float32)
    if how.startswith("trimmed"):
        source = source[round(len(source) * 0.1) + 317 : round(len(source) * 0.93)]
    path = folder / f"{stem}-{how}{suffix}"
    write_sound(path, source, bit_rate)
    return path


def copy_film(source: Path, how: str, folder: Path) -> Path:
    """One of FILM_COPIES of a film: other codecs and sizes; trimmed: without its first and last second."""
    path = folder / f"{source.stem}-{how}.{'mkv' if how == 'mkv' else 'webm'}"
    with av.open(str(source)) as film:
        stream = film.streams.video[0]
        rate = float(stream.average_rate or 8)
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    sound = _soundtrack(source)
    if how == "trimmed-webm":
        frames = frames[round(rate) : len(frames) - round(rate)]
        sound = sound[RATE:-RATE]
    height, width = frames[0].shape[:2]
    size = (width // 4 * 2, height // 4 * 2) if how == "webm-half" else (width, height)
    codec = VIDEO_CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        video = cast(av.VideoStream, container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001)))
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.bit_rate = 120_000
        video.options = dict(VIDEO_OPTIONS.get(codec, {}))
        audio = (
            cast(av.AudioStream, container.add_stream("libopus", rate=48_000, layout="mono")) if len(sound) else None
        )
        for number, pixels in enumerate(frames):
            picture = Image.fromarray(pixels.astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, 1 / Fraction(rate).limit_denominator(1001)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            samples = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            heard.sample_rate, heard.time_base, heard.pts = RATE, Fraction(1, RATE), 0
            container.mux(audio.encode(heard))
            container.mux(audio.encode(None))
    return path


def read_sound(path: Path) -> Sound:
    """Any sound file as mono float32 at RATE."""
    return _soundtrack(path)


def copy_pages(source: Path, how: str, folder: Path) -> Path:
    """One of PAGE_COPIES of a PDF: written anew, its first page alone, or with another page in front."""
    path = folder / f"{source.stem}-{how}.pdf"
    original, copy = open_document(source), open_document()
    if how == "cover-before":
        copy.new_page(width=420, height=595).insert_text((60, 200), "Lent out to the reading room", fontsize=20)
    copy.insert_pdf(original, to_page=0 if how == "first-page" else -1)
    copy.save(path, garbage=4, deflate=True, clean=True)
    copy.close()
    return path


def write_invoice(path: Path, customer: str, amount: str) -> None:
    """A page of a form, of which two are the same but for a few words."""
    document = open_document()
    page = document.new_page(width=420, height=595)
    page.insert_text((60, 80), "Invoice", fontsize=24)
    terms = "Payable within thirty days. Goods remain the property of the seller until paid in full. " * 6
    page.insert_textbox((60, 110, 360, 400), f"To {customer}\n\nAmount due: {amount}\n\n{terms}", fontsize=11)
    document.save(path)
    document.close()


def write_card(path: Path, words: str, note: str) -> None:
    """A PDF of one page with next to nothing on it; ``note`` is written into its metadata, so that the bytes differ."""
    document = open_document()
    document.new_page(width=420, height=595).insert_text((60, 80), words, fontsize=11)
    document.set_metadata({"title": note})
    document.save(path)
    document.close()


def write_blank_pages(path: Path, count: int, note: str = "") -> None:
    """A PDF of empty pages; ``note`` is written into its metadata, so that the bytes differ."""
    document = open_document()
    for _ in range(count):
        document.new_page(width=420, height=595)
    document.set_metadata({"title": note})
    document.save(path)
    document.close()


def letter_scan(words: list[str], seed: int) -> Image.Image:
    """A scanned page of writing: lines of words, grey paper, a little noise; without a text to compare."""
    random = np.random.default_rng(seed)
    sheet = Image.new("L", (620, 877), 238)
    pen = ImageDraw.Draw(sheet)
    for top in range(80, 780, 22):
        line = ""
        while pen.textlength(line, font_size=15) < 440:
            line += f"{random.choice(words)} "
        pen.text((70, top), line, fill=40, font_size=15)
    pixels = np.asarray(sheet, dtype=np.float32) + random.normal(0, 4, (877, 620))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert("RGB")


def _soundtrack(path: Path) -> Sound:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, dtype=np.float32)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        parts += [part.to_ndarray() for part in resampler.resample(None)]
    return np.concatenate(parts, axis=1).reshape(-1).astype(np.float32)
