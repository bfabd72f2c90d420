"""What computed sounds are made of: tones, noises, envelopes, struck bodies, voices. Mono float32 at 44.1 kHz."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from waves import RATE

Sound = NDArray[np.float32]
Maker = Callable[[Generator], Sound]
WOOD, METAL, GLASS, CHINA = (1, 2.57, 4.95), (1, 1.58, 2.24, 2.92, 3.7, 4.6), (1, 2.32, 4.25, 6.6), (1, 1.85, 3.1, 4.2)
BELL = (0.5, 1, 1.19, 1.5, 2, 2.6, 3.1)


def clock(seconds: float) -> Sound:
    return (np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def line(seconds: float, *values: float) -> Sound:
    """A curve through the values, evenly spaced in time."""
    places = np.linspace(0, 1, len(values))
    return np.interp(np.linspace(0, 1, int(seconds * RATE)), places, values).astype(np.float32)


def swell(seconds: float, power: float = 0.5) -> Sound:
    """An envelope that rises and falls; a small power makes it flat-topped."""
    return (np.hanning(int(seconds * RATE)) ** power).astype(np.float32)


def decay(seconds: float, half_life: float) -> Sound:
    return (0.5 ** (clock(seconds) / half_life)).astype(np.float32)


def wobble(seconds: float, rate: float, depth: float, phase: float = 0.0) -> Sound:
    """1 plus a slow sine."""
    wave: Sound = (1 + depth * np.sin(2 * np.pi * rate * clock(seconds) + phase)).astype(np.float32)
    return wave


def gate(seconds: float, rate: float, open_part: float = 0.5) -> Sound:
    """1 while open, 0 while shut, ``rate`` times a second."""
    return ((clock(seconds) * rate) % 1 < open_part).astype(np.float32)


def vary(random: Generator, value: float, octaves: float = 0.3) -> float:
    return value * 2 ** float(random.uniform(-octaves, octaves))


def tone(frequency: float | NDArray[np.floating], seconds: float, partials: Sequence[float] = (1.0,)) -> Sound:
    """Sum of harmonics; the frequency may be a curve over time, in hertz."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(np.asarray(frequency, np.float64), clock(seconds).shape)) / RATE
    total = np.zeros(len(phase))
    for index, gain in enumerate(partials):
        if gain:
            total += gain * np.sin(phase * (index + 1))
    return total.astype(np.float32)


def buzz(frequency: float | NDArray[np.floating], seconds: float, brightness: float = 0.7) -> Sound:
    """A pulse-like tone: twenty harmonics, each ``brightness`` of the one before."""
    return tone(frequency, seconds, [brightness**n for n in range(20)])


def noise(random: Generator, seconds: float, low: float = 0, high: float = 22_050, slope: float = 0) -> Sound:
    """Noise between two frequencies, falling as frequency ** -slope, with a peak of 1."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(random.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= ((frequency >= low) & (frequency <= high)) * np.maximum(frequency, 20) ** -slope
    return unit(np.fft.irfft(spectrum, count))


def unit(sound: NDArray[np.floating]) -> Sound:
    return (sound / max(float(np.abs(sound).max()), 1e-9)).astype(np.float32)


def resonate(sound: Sound, peaks: Sequence[tuple[float, float]], floor: float = 0.02) -> Sound:
    """The sound through resonances (centre and width, hertz), as a throat or a box has them."""
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    shape = floor + sum(1 / (1 + ((frequency - centre) / width) ** 2) for centre, width in peaks)
    return unit(np.fft.irfft(spectrum * shape, len(sound)))


def struck(
    random: Generator, base: float, ratios: Sequence[float], half_life: float, seconds: float, click: float = 0.2
) -> Sound:
    """A struck body: inharmonic partials, the high ones gone first, and the noise of the blow."""
    total = np.zeros(int(seconds * RATE), dtype=np.float32)
    for ratio in ratios:
        if base * ratio < RATE / 2.2:
            detuned = base * ratio * float(random.uniform(0.99, 1.01))
            total += float(random.uniform(0.4, 1)) * tone(detuned, seconds) * decay(seconds, half_life / ratio**0.7)
    return unit(total) + click * noise(random, seconds, 200, 9000) * decay(seconds, 0.004)


def thud(random: Generator, low: float, high: float, half_life: float, seconds: float = 0.3) -> Sound:
    """A short burst of noise that dies away."""
    return noise(random, seconds, low, high) * decay(seconds, half_life)


def voice(random: Generator, pitch: Sound, formants: Sequence[float], breath: float = 0.05) -> Sound:
    """A voice: pulses at a pitch curve through formants, with some breath."""
    seconds = len(pitch) / RATE + 1e-6
    source = buzz(pitch, seconds, 0.88)[: len(pitch)]
    airy = source + breath * 8 * noise(random, seconds, 500, 9000)[: len(pitch)]
    return resonate(airy, [(formant, 60 + 0.06 * formant) for formant in formants])


def scatter(seconds: float, starts: Sequence[float], make: Callable[[int], Sound]) -> Sound:
    """Sounds laid over each other at the given starts."""
    out = np.zeros(int(seconds * RATE), dtype=np.float32)
    for index, start in enumerate(starts):
        at = int(start * RATE)
        if at < len(out):
            piece = make(index)[: len(out) - at]
            out[at : at + len(piece)] += piece
    return out


def regular(random: Generator, seconds: float, period: float, jitter: float = 0.0) -> list[float]:
    return [float(t + random.uniform(0, jitter)) for t in np.arange(0.05, seconds, period)]


def at_random(random: Generator, seconds: float, rate: float) -> list[float]:
    """Starts without a rhythm, ``rate`` a second."""
    return sorted(random.uniform(0, max(seconds - 0.05, 0.01), max(1, int(seconds * rate))).tolist())


def join(*pieces: Sound) -> Sound:
    return np.concatenate(pieces).astype(np.float32)


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * RATE), dtype=np.float32)


def mix(*sounds: Sound) -> Sound:
    """The sum, as long as the shortest."""
    length = min(len(sound) for sound in sounds)
    return sum(sound[:length] for sound in sounds)  # type: ignore[return-value]


def bell(r: Generator, base: float, half_life: float, seconds: float) -> Sound:
    return struck(r, base, BELL, half_life, seconds, 0.1)


def beeps(r: Generator, frequency: float, period: float, length: float, seconds: float = 2.6) -> Sound:
    return scatter(
        seconds, regular(r, seconds, period), lambda _: tone(frequency, length, (1, 0.2, 0.1)) * swell(length, 0.1)
    )


def crackle(
    r: Generator, seconds: float, rate: float, low: float = 500, high: float = 14_000, half_life: float = 0.004
) -> Sound:
    return scatter(
        seconds,
        at_random(r, seconds, rate),
        lambda _: r.uniform(0.1, 1) ** 2 * thud(r, low, high, half_life, 8 * half_life),
    )


def rattle(
    r: Generator, seconds: float, rate: float, low: float, high: float, half_life: float, jitter: float = 0.005
) -> Sound:
    return scatter(
        seconds,
        regular(r, seconds, 1 / rate, jitter),
        lambda _: r.uniform(0.6, 1) * thud(r, low, high, half_life, 8 * half_life),
    )


def passing(r: Generator, sound: Sound, shift: float) -> Sound:
    """Something that goes by: the pitch falls and the loudness peaks as it passes."""
    seconds = len(sound) / RATE
    x = np.linspace(-3, 3, len(sound))
    speed = 1 - shift * x / np.sqrt(1 + x * x)
    bent = np.interp(np.cumsum(speed) / speed.mean() * (len(sound) - 1) / len(sound), np.arange(len(sound)), sound)
    heard: Sound = (bent / (1 + x * x) ** 0.8).astype(np.float32)[: int(seconds * RATE)]
    return heard


def horn(r: Generator, pitches: tuple[float, ...], seconds: float, brightness: float) -> Sound:
    return sum(buzz(pitch, seconds, brightness) for pitch in pitches) * swell(seconds, 0.1)


def square(frequency: float | NDArray[np.floating], seconds: float) -> Sound:
    return tone(frequency, seconds, (1, 0, 0.33, 0, 0.2, 0, 0.14, 0, 0.11))


def rip(r: Generator, seconds: float, rate: float, low: float, high: float) -> Sound:
    return noise(r, seconds, low, high) * (0.4 + 0.6 * gate(seconds, rate, 0.4)) * line(seconds, 0.5, 1, 1, 0.3)


def gusts(r: Generator, seconds: float, low: float, high: float, slope: float, calm: float = 0.25) -> Sound:
    envelope = np.interp(np.linspace(0, 1, int(seconds * 44_100)), np.linspace(0, 1, 6), r.uniform(calm, 1, 6))
    return (noise(r, seconds, low, high, slope) * envelope).astype(np.float32)


def tumble(
    r: Generator, seconds: float, rate: float, ratios: tuple[float, ...], low: float, high: float, half_life: float
) -> Sound:
    """Many small bodies knocking, fewer and fewer."""
    starts = sorted((seconds * r.random(int(rate * seconds)) ** 1.7 * 0.9).tolist())
    return scatter(
        seconds, starts, lambda _: r.uniform(0.2, 1) * struck(r, r.uniform(low, high), ratios, half_life, 0.3, 0.3)
    )


def whoosh(r: Generator, seconds: float, low: float, high: float) -> Sound:
    fast = noise(r, seconds, low, high, 0.2) * swell(seconds, 2)
    return mix(fast, 0.5 * noise(r, seconds, low / 2, low * 2, 0.2) * line(seconds, 0.1, 0.5, 1, 0.2))


def knocks(
    r: Generator,
    starts: list[float],
    base: float,
    ratios: tuple[float, ...],
    half_life: float,
    seconds: float = 2.5,
    click: float = 0.3,
) -> Sound:
    return scatter(
        seconds, starts, lambda _: r.uniform(0.6, 1) * struck(r, base, ratios, half_life, 10 * half_life + 0.1, click)
    )


def bounces(r: Generator, base: float, ratios: tuple[float, ...], half_life: float, first: float = 0.5) -> Sound:
    starts, gap, now = [], first, 0.05
    while gap > 0.03 and now < 2.8:
        starts.append(now)
        now, gap = now + gap, gap * r.uniform(0.74, 0.8)
    return scatter(3, starts, lambda n: 0.88**n * struck(r, base, ratios, half_life, 0.4, 0.3))
