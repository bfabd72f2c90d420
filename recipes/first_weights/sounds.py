"""Named sounds: sonic-pi samples (CC0), Freedoom effects (BSD), ion.sound (MIT), General MIDI (MIT), synthetic."""

import hashlib
import re
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import synthesis
import tinysoundfont
from numpy.typing import NDArray

HERE = Path(__file__).parent
RATE = 44_100
KITS = {0: "", 24: "electronic ", 40: "brushed "}
MELODY = (0, 4, 7, 12)


def entries(cache: Path, held_out: list[str]) -> Iterator[dict]:
    """All sounds; one in eight clips of a concept with several is kept for validation with new clips."""
    names = read_names()
    originals = {Path(name).stem for name in held_out}
    groups = [sonic_pi(cache, names), freedoom(cache, names), ion_sound(cache, names), midi(cache), synthetic(cache)]
    by_concept: dict[str, int] = {}
    for entry in (entry for group in groups for entry in group):
        by_concept[entry["concept"]] = by_concept.get(entry["concept"], 0) + 1
        if entry["source"] == "sonic-pi" and Path(entry["file"]).stem in originals:
            entry["split"] = "excluded"
        elif by_concept[entry["concept"]] % 8 == 3:
            entry["clip"] = "validation"
        yield entry


def read_names() -> list[tuple[str, re.Pattern[str], list[str]]]:
    """sound_names.tsv: source, pattern of the file name, captions; the first pattern that fits counts."""
    lines = (HERE / "sound_names.tsv").read_text().splitlines()[1:]
    return [
        (source, re.compile(pattern), texts.split("|")) for source, pattern, texts in (x.split("\t") for x in lines)
    ]


def _named(names: list, source: str, file: Path, licence: str) -> dict | None:
    for own_source, pattern, texts in names:
        if own_source == source and pattern.fullmatch(file.stem):
            return _entry(file, texts, texts[0], licence, source)
    return None


def _entry(file: Path, texts: list[str], concept: str, licence: str, source: str) -> dict:
    return {
        "modality": "audio", "file": str(file), "texts": texts, "concept": concept,
        "licence": licence, "source": source,
    }  # fmt: skip


def sonic_pi(cache: Path, names: list) -> Iterator[dict]:
    for file in sorted((cache / "data/sonic-pi-samples/usr/share/sonic-pi/samples").glob("*.flac")):
        if entry := _named(names, "sonic-pi", file, "CC0-1.0"):
            yield entry


def ion_sound(cache: Path, names: list) -> Iterator[dict]:
    for file in sorted((cache / "data/ion-sound/package/sounds").glob("*.ogg")):
        if entry := _named(names, "ion-sound", file, "MIT"):
            yield entry


def freedoom(cache: Path, names: list) -> Iterator[dict]:
    """The sound lumps of the WAD: 8-bit samples behind a header of format, rate and count (16 bytes of padding)."""
    wad = (cache / "data/freedoom/usr/share/games/doom/freedoom2.wad").read_bytes()
    count, directory = struct.unpack("<ii", wad[4:12])
    for index in range(count):
        start, size, raw = struct.unpack_from("<ii8s", wad, directory + 16 * index)
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        if not name.startswith("DS") or size < 100:
            continue
        file = cache / "freedoom" / f"{name[2:].lower()}.wav"
        entry = _named(names, "freedoom", file, "BSD-3-Clause")
        if entry:
            _, rate, samples = struct.unpack_from("<HHI", wad, start)
            data = np.frombuffer(wad, np.uint8, min(samples, size - 8), start + 8)[16:-16]
            write_wave(file, (data.astype(np.float32) - 128) / 128, rate)
            yield entry


def midi(cache: Path) -> Iterator[dict]:
    """Each General MIDI programme as two single notes, a melody, a chord; each drum as hit and rhythm on three kits."""
    rows = [line.split("\t") for line in (HERE / "midi_names.tsv").read_text().splitlines()[1:]]
    font = cache / "data/fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2"
    synth = tinysoundfont.Synth(samplerate=RATE)
    bank = synth.sfload(str(font))
    for kind, number, name, family in rows:
        if kind == "programme":
            texts = [name, f"{name} playing", f"{name}, {family}"]
            low = 36 if family == "bass" else 55
            patterns = {
                "low": [(0.0, low, 1.6)],
                "high": [(0.0, low + 17, 0.7)],
                "melody": [(0.3 * step, low + 5 + key, 0.5) for step, key in enumerate(MELODY)],
                "chord": [(0.0, low + 5 + key, 2.0) for key in MELODY[:3]],
            }
            settings = [(0, int(number), patterns)]
        else:
            key = int(number)
            texts = [name, f"{name} hit", f"{name}, {family}"]
            patterns = {
                "hit": [(0.0, key, 1.0)],
                "rhythm": [(beat, key, 0.2) for beat in (0.0, 0.25, 0.5, 1.0, 1.25, 1.5)],
            }
            settings = [(128, kit, patterns) for kit in KITS]
        for own_bank, preset, variants in settings:
            for variant, notes in variants.items():
                file = cache / "midi" / f"{kind}-{number}-{own_bank}-{preset}-{variant}.wav"
                if not file.exists():
                    write_wave(file, render(synth, bank, own_bank, preset, notes), RATE)
                captions = [f"{KITS[preset]}{text}" for text in texts] if own_bank else texts
                yield _entry(file, captions, name, "MIT", "midi")


def render(synth: tinysoundfont.Synth, font: int, bank: int, preset: int, notes: list) -> NDArray[np.float32]:
    """Notes (start, key, length; seconds) of one instrument as mono sound, with a second to fade."""
    synth.program_select(0, font, bank, preset, bank == 128)
    events = sorted([(start, True, key) for start, key, _ in notes] + [(s + n, False, key) for s, key, n in notes])
    pieces, now = [], 0.0
    for time, on, key in events:
        if time > now:
            pieces.append(np.array(synth.generate(round((time - now) * RATE)), dtype=np.float32))
            now = time
        if on:
            synth.noteon(0, key, 100)
        else:
            synth.noteoff(0, key)
    pieces.append(np.array(synth.generate(RATE), dtype=np.float32))
    synth.sounds_off()
    synth.generate(RATE // 10)
    return np.concatenate(pieces).reshape(-1, 2).mean(axis=1)


def synthetic(cache: Path) -> Iterator[dict]:
    """Sounds computed by synthesis.py, six variants each."""
    for name, (texts, make) in synthesis.SOUNDS.items():
        for variant in range(6):
            file = cache / "synthetic" / f"{name}-{variant}.wav"
            if not file.exists():
                seed = int.from_bytes(hashlib.sha256(f"{name}{variant}".encode()).digest()[:4], "little")
                write_wave(file, make(np.random.default_rng(seed)), RATE)
            yield _entry(file, texts, texts[0], "AGPL-3.0-or-later", "synthetic")


def write_wave(file: Path, sound: NDArray[np.float32], rate: int) -> None:
    """16-bit mono, scaled to a peak of 0.9."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scaled = sound / max(float(np.abs(sound).max()), 1e-6) * 0.9
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((scaled * 32767).astype("<i2").tobytes())
