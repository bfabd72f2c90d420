"""Computed voices of animals and people."""

import numpy as np
from numpy.random import Generator
from sound_tools import (
    Maker,
    Sound,
    at_random,
    buzz,
    clock,
    decay,
    gate,
    join,
    line,
    mix,
    noise,
    regular,
    resonate,
    scatter,
    silence,
    swell,
    thud,
    tone,
    vary,
    voice,
    wobble,
)

AH, OH, EH, EE, OO = (730, 1090, 2440), (570, 840, 2410), (530, 1840, 2480), (270, 2290, 3010), (300, 870, 2240)


def call(r: Generator, pitch: float, contour: tuple[float, ...], seconds: float, formants: tuple[float, ...]) -> Sound:
    """One voiced call along a contour of relative pitches."""
    seconds = vary(r, seconds, 0.3)
    curve = line(seconds, *contour) * vary(r, pitch, 0.25)
    sound = voice(r, curve, [vary(r, formant, 0.12) for formant in formants], r.uniform(0.01, 0.1))
    return sound * swell(len(curve) / 44_100 + 1e-6, 0.35)[: len(sound)]


def calls(r: Generator, count: int, gap: float, make: Maker, seconds: float = 2.6) -> Sound:
    """The same kind of call a few times."""
    starts, now = [], r.uniform(0.02, 0.2)
    for _ in range(int(r.integers(max(1, count - 1), count + 2))):
        starts.append(float(now))
        now += vary(r, gap, 0.25)
    return scatter(seconds, starts, lambda _: make(r))


def chirp(r: Generator, low: float, high: float, longest: float = 0.16) -> Sound:
    length = r.uniform(0.04, longest)
    curve = line(length, *r.uniform(low, high, int(r.integers(2, 5))))
    return tone(curve, length, (1, r.uniform(0, 0.2))) * swell(length, 1)


def trill(r: Generator, pitch: float, rate: float, seconds: float, depth: float = 0.08) -> Sound:
    return tone(pitch * wobble(seconds, rate, depth), seconds, (1, 0.1)) * swell(seconds, 0.5)


def rough(r: Generator, pitch: float, seconds: float, formants: tuple[float, ...], roughness: float = 0.8) -> Sound:
    """A hoarse call: its loudness shaken by noise."""
    shaken = 1 + roughness * noise(r, seconds, 20, 300)
    sound = voice(r, line(seconds, 1, 1.1, 0.8) * pitch, formants, 0.3)
    return sound * shaken[: len(sound)] * swell(seconds, 0.4)[: len(sound)]


def insect(r: Generator, pitch: float, depth: float, seconds: float = 3) -> Sound:
    flight = 1 + depth * noise(r, seconds, 0.3, 4)
    loud = 0.6 + 0.4 * noise(r, seconds, 0.3, 3)
    return buzz(pitch * flight, seconds, 0.75) * loud


def chorus(r: Generator, voices: int, make: Maker, seconds: float = 3) -> Sound:
    return scatter(seconds, r.uniform(0, seconds - 0.4, voices).tolist(), lambda _: vary(r, 0.5, 1) * make(r))


def syllable(r: Generator, pitch: float) -> Sound:
    vowel = (AH, OH, EH, EE, OO)[int(r.integers(5))]
    length = r.uniform(0.1, 0.28)
    curve = line(length, *(pitch * r.uniform(0.85, 1.15, 3)))
    consonant = noise(r, 0.05, 2000, 9000) * 0.15 * swell(0.05)
    return join(consonant, voice(r, curve, vowel) * swell(length, 0.4)[: len(curve)])


def babble(r: Generator, speakers: int, seconds: float = 3.5) -> Sound:
    total = 0.03 * noise(r, seconds, 100, 3000, 0.4)

    def speaker(pitch: float) -> Sound:
        starts = regular(r, seconds, r.uniform(0.18, 0.26), 0.08)
        return scatter(seconds, starts, lambda _: syllable(r, pitch))

    for _ in range(speakers):
        pitch = vary(r, 160, 0.6)
        total = mix(total, vary(r, 0.5, 0.7) * speaker(pitch))
    return total


def laugh(r: Generator, pitch: float) -> Sound:
    vowel = (AH, EH, OH)[int(r.integers(3))]
    count, gap = int(r.integers(5, 10)), r.uniform(0.15, 0.23)
    return scatter(
        0.3 + count * gap,
        [0.03 + gap * n for n in range(count)],
        lambda n: (
            (1 - 0.06 * n)
            * join(
                0.2 * noise(r, 0.05, 800, 6000) * swell(0.05),
                voice(r, line(0.12, 1.1, 0.9) * pitch * (1 - 0.03 * n), vowel, 0.15) * swell(0.12, 0.5),
            )
        ),
    )


def breaths(r: Generator, seconds: float, period: float, low: float, high: float, flutter: float = 0.0) -> Sound:
    def one(n: int) -> Sound:
        length = period * (0.4 if n % 2 else 0.5)
        shake = (0.5 + 0.5 * gate(length, vary(r, flutter, 0.2), 0.4)) if flutter else 1
        return (0.6 if n % 2 else 1) * noise(r, length, low, high, 0.4) * swell(length, 1) * shake

    return scatter(seconds, regular(r, seconds, period * 0.55), one)


def hoofs(r: Generator, rhythm: tuple[float, ...], period: float) -> Sound:
    tuned = vary(r, 900, 0.4)
    starts = [t + beat * period for t in np.arange(0.05, 2.8, period) for beat in rhythm]
    return scatter(
        3,
        starts,
        lambda _: resonate(thud(r, 200, 4000, 0.015, 0.12), [(vary(r, tuned, 0.15), 120)]) * decay(0.12, 0.02),
    )


def cough(r: Generator) -> Sound:
    burst = noise(r, 0.22, 300, 6000, 0.3) * decay(0.22, 0.05)
    tail = voice(r, line(0.22, 1.3, 0.8) * vary(r, 180, 0.5), AH, 0.5) * decay(0.22, 0.06)
    return mix(resonate(burst, [(700, 400), (1800, 600)]), 0.5 * tail)


SOUNDS: dict[str, Maker] = {
    "birdsong": lambda r: chorus(r, int(r.integers(8, 20)), lambda q: chirp(q, vary(q, 2200, 0.2), vary(q, 6000, 0.3))),
    "nightingale": lambda r: scatter(
        3.5,
        np.cumsum(r.uniform(0.15, 0.5, 9)).tolist(),
        lambda _: trill(r, r.uniform(1800, 5000), r.uniform(12, 40), r.uniform(0.15, 0.5), r.uniform(0.05, 0.3)),
    ),
    "crow": lambda r: calls(r, 3, 0.7, lambda q: rough(q, vary(q, 320, 0.3), q.uniform(0.25, 0.45), (900, 1600, 2600))),
    "seagull": lambda r: calls(r, 4, 0.55, lambda q: call(q, 900, (0.8, 1.5, 1.4, 0.9), 0.45, (1500, 2600, 3800))),
    "pigeon": lambda r: calls(r, 3, 0.9, lambda q: call(q, 380, (0.9, 1.05, 1, 0.9), 0.6, (450, 800))),
    "owl": lambda r: calls(
        r, 3, 0.8, lambda q: tone(line(0.5, 1, 1.05, 0.97) * vary(q, 360, 0.3), 0.5, (1, 0.15)) * swell(0.5, 1)
    ),
    "eagle": lambda r: calls(r, 2, 1.2, lambda q: call(q, 2200, (1.1, 1.3, 0.8), 0.8, (2500, 3600, 5000))),
    "parrot": lambda r: calls(
        r, 3, 0.7, lambda q: rough(q, vary(q, 800, 0.3), q.uniform(0.2, 0.4), (1800, 2800, 4000))
    ),
    "peacock": lambda r: calls(r, 2, 1.1, lambda q: call(q, 700, (0.7, 1.3, 1.2, 0.7), 0.9, (1100, 2200, 3200))),
    "penguin": lambda r: calls(
        r, 4, 0.5, lambda q: rough(q, vary(q, 260, 0.3), q.uniform(0.25, 0.5), (700, 1500, 2600), 0.5)
    ),
    "woodpecker": lambda r: scatter(
        2.5,
        [t + n / vary(r, 18, 0.2) for t in (0.1, 1.4) for n in range(int(r.integers(9, 16)))],
        lambda _: resonate(thud(r, 300, 5000, 0.008, 0.08), [(vary(r, 1100, 0.1), 150)]) * decay(0.08, 0.015),
    ),
    "cuckoo": lambda r: calls(
        r,
        2,
        1.2,
        lambda q: join(
            *(tone(f, s, (1, 0.1)) * swell(s, 0.8) for f, s in ((vary(q, 670, 0.04), 0.22), (lower_note(q), 0.32)))
        ),
    ),
    "duck": lambda r: calls(r, 5, 0.3, lambda q: call(q, 260, (1.1, 1, 0.85), 0.2, (1000, 1700, 2700))),
    "goose": lambda r: calls(r, 4, 0.5, lambda q: call(q, 420, (0.8, 1.2, 1), 0.32, (900, 1500, 2400))),
    "chicken": lambda r: calls(
        r, 7, 0.33, lambda q: call(q, 480, (0.9, 1.2, 0.8), q.choice([0.09, 0.09, 0.3]), (900, 1900, 3000))
    ),
    "rooster": lambda r: calls(
        r, 1, 2, lambda q: call(q, 650, (0.8, 1, 0.85, 1.5, 1.6, 1.4, 0.8), 1.7, (900, 1800, 2900))
    ),
    "turkey": lambda r: calls(
        r,
        2,
        1.1,
        lambda q: (
            voice(q, line(0.8, 1.3, 0.8) * vary(q, 500, 0.2) * wobble(0.8, 14, 0.2)[:35280], (900, 1700))
            * gate(0.8, 14, 0.6)[:35280]
        ),
    ),
    "dog barking": lambda r: calls(r, 3, vary(r, 0.45, 0.4), bark_of(r)),
    "dog whining": lambda r: calls(r, 2, 0.9, lambda q: call(q, 750, (0.9, 1.3, 0.9), 0.7, (1100, 2400))),
    "wolf": lambda r: calls(r, 1, 2.5, lambda q: call(q, 400, (0.6, 1, 1.15, 1.1, 1.05, 0.7), 2.5, (600, 1100))),
    "cat meowing": lambda r: calls(r, 2, 1.1, lambda q: call(q, 600, (0.9, 1.4, 1.2, 0.8), 0.7, (900, 1700, 3000))),
    "cat purring": lambda r: (
        noise(r, 3, 30, 900, 0.5) * gate(3, vary(r, 25, 0.15), 0.5) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.6 * clock(3)))
    ),
    "cat hissing": lambda r: calls(r, 2, 1.0, lambda q: noise(q, 0.7, 2500, 11000, 0.2) * line(0.7, 0, 1, 0.7, 0.2, 0)),
    "cow": lambda r: calls(r, 1, 2, lambda q: call(q, 130, (0.75, 1.1, 1.15, 1, 0.85), 1.6, (450, 900, 2200)), 2.4),
    "sheep": lambda r: calls(r, 2, 1.3, lambda q: bleat(q, vary(q, 330, 0.25), vary(q, 8, 0.2))),
    "goat": lambda r: calls(r, 2, 1.2, lambda q: bleat(q, vary(q, 480, 0.25), vary(q, 11, 0.2))),
    "pig": lambda r: calls(
        r, 5, 0.4, lambda q: rough(q, vary(q, 110, 0.3), q.uniform(0.12, 0.35), (500, 1400, 2300), 1.2)
    ),
    "donkey": lambda r: scatter(
        3,
        regular(r, 2.8, 0.85),
        lambda _: join(call(r, 600, (0.8, 1.3), 0.4, (900, 1800)), call(r, 220, (1.2, 0.8), 0.45, (700, 1300))),
    ),
    "horse neighing": lambda r: calls(
        r,
        1,
        2,
        lambda q: (lambda n: n * wobble(1.8, vary(q, 11, 0.2), 0.6)[: len(n)])(
            fixed_call(q, 800, (0.9, 1.4, 1.1, 0.7, 0.5), 1.6)
        ),
        2.2,
    ),
    "horse galloping": lambda r: hoofs(r, (0, 0.22, 0.38), vary(r, 0.48, 0.2)),
    "horse trotting": lambda r: hoofs(r, (0,), vary(r, 0.33, 0.3)),
    "lion": lambda r: calls(r, 1, 2, lambda q: rough(q, vary(q, 75, 0.25), 2.0, (400, 800, 1500), 1.0), 2.6),
    "bear": lambda r: calls(r, 2, 1.2, lambda q: rough(q, vary(q, 95, 0.25), 0.9, (350, 750, 1300), 1.3)),
    "monster growling": lambda r: calls(
        r, 1, 2, lambda q: rough(q, vary(q, 50, 0.3), q.uniform(1, 2), (300, 700, 1800), 1.5)
    ),
    "elephant": lambda r: calls(r, 1, 2, lambda q: rough(q, vary(q, 480, 0.2), 1.4, (900, 1700, 3000, 4200), 0.4), 2.2),
    "monkey": lambda r: calls(r, 7, 0.28, lambda q: call(q, q.choice([350, 700]), (0.8, 1.3), 0.2, (700, 1200))),
    "seal": lambda r: calls(r, 4, 0.5, lambda q: rough(q, vary(q, 190, 0.25), 0.3, (600, 1300, 2400), 0.6)),
    "whale": lambda r: calls(
        r,
        2,
        1.6,
        lambda q: tone(line(1.5, *q.uniform(0.5, 1.6, 4)) * vary(q, 260, 0.5), 1.5, (1, 0.5, 0.2)) * swell(1.5, 0.7),
        3.5,
    ),
    "dolphin": lambda r: mix(
        scatter(2.5, [0.1, 0.9, 1.6], lambda _: 0.7 * tone(line(0.5, *r.uniform(5000, 13000, 4)), 0.5) * swell(0.5)),
        scatter(2.5, regular(r, 2.5, 0.02, 0.015), lambda _: 0.4 * thud(r, 6000, 20000, 0.002, 0.01)),
    ),
    "mouse squeaking": lambda r: calls(r, 6, 0.25, lambda q: chirp(q, 5000, 9000, 0.09)),
    "bat squeak": lambda r: calls(r, 12, 0.11, lambda q: chirp(q, 8000, 14000, 0.04), 1.6),
    "frog": lambda r: calls(
        r, 4, 0.6, lambda q: voice(q, line(0.3, 0.9, 1.1) * vary(q, 110, 0.2), (500, 1300, 2200)) * gate(0.3, 36, 0.6)
    ),
    "toad": lambda r: resonate(buzz(vary(r, 1400, 0.2), 3, 0.3) * gate(3, vary(r, 30, 0.2), 0.5), [(1400, 300)]),
    "snake": lambda r: noise(r, 2.5, 3500, 12000, 0.1) * line(2.5, 0, 0.8, 1, 0.8, 0),
    "rattlesnake": lambda r: noise(r, 2.5, 4000, 14000) * gate(2.5, vary(r, 55, 0.2), 0.35) * swell(2.5, 0.4),
    "cricket": lambda r: tone(vary(r, 4400, 0.2), 3) * gate(3, vary(r, 30, 0.2), 0.6) * gate(3, vary(r, 1.8, 0.4), 0.5),
    "cicada": lambda r: (
        mix(noise(r, 3, 4000, 9000) * gate(3, vary(r, 110, 0.3), 0.5), 0.5 * tone(vary(r, 5500, 0.2), 3))
        * line(3, 0.4, 1, 0.9, 0.6)
    ),
    "bee": lambda r: insect(r, vary(r, 210, 0.2), 0.05),
    "fly": lambda r: insect(r, vary(r, 170, 0.2), 0.15) * gate(3, vary(r, 0.8, 0.4), 0.75),
    "mosquito": lambda r: (
        0.8 * tone(vary(r, 600, 0.2) * (1 + 0.06 * noise(r, 3, 0.3, 3)), 3, (1, 0.6, 0.4, 0.3)) * swell(3, 1)
    ),
    "wings flapping": lambda r: scatter(
        2, regular(r, 1.8, vary(r, 0.1, 0.4), 0.01), lambda _: noise(r, 0.07, 200, 3500, 0.4) * swell(0.07, 1)
    ),
    "baby crying": lambda r: calls(
        r, 3, 1.0, lambda q: call(q, 430, (0.8, 1.25, 1.2, 0.85), 0.8, (1000, 1800, 3200)), 3.2
    ),
    "child laughing": lambda r: laugh(r, vary(r, 430, 0.2)),
    "laughter": lambda r: laugh(r, vary(r, 200, 0.5)),
    "evil laugh": lambda r: laugh(r, vary(r, 95, 0.15)),
    "coughing": lambda r: calls(r, 3, 0.4, cough, 2),
    "sneezing": lambda r: join(
        voice(r, line(0.5, 0.9, 1.2) * vary(r, 220, 0.4), AH, 0.8) * line(0.5, 0, 0.5),
        silence(0.08),
        1.2 * resonate(noise(r, 0.5, 800, 12000) * decay(0.5, 0.09), [(2500, 1500), (5000, 2000)]),
    ),
    "snoring": lambda r: breaths(r, 4.5, vary(r, 2.6, 0.2), 80, 1200, vary(r, 28, 0.2)),
    "breathing": lambda r: breaths(r, 3.5, vary(r, 1.8, 0.5), 300, 4000),
    "sniffing": lambda r: breaths(r, 2, vary(r, 0.55, 0.3), 1500, 8000),
    "dog sniffing": lambda r: breaths(r, 2, vary(r, 0.3, 0.2), 800, 7000),
    "sigh": lambda r: mix(
        noise(r, 1.4, 400, 5000, 0.5) * line(1.4, 0, 1, 0.5, 0),
        0.3 * voice(r, line(1.4, 1.2, 0.7) * vary(r, 170, 0.5), AH, 0.5) * line(1.4, 0, 1, 0.3, 0),
    ),
    "yawn": lambda r: voice(r, line(2, 0.8, 1.3, 0.7) * vary(r, 180, 0.5), AH, 0.4) * line(2, 0, 0.6, 1, 0.4, 0),
    "kiss": lambda r: calls(
        r,
        1,
        0.8,
        lambda q: join(noise(q, 0.12, 2500, 7000) * line(0.12, 0.1, 0.6), thud(q, 1000, 6000, 0.01, 0.08)),
        1.2,
    ),
    "hiccup": lambda r: calls(r, 2, 1.1, lambda q: call(q, 330, (0.7, 1.7), 0.11, AH)),
    "chewing": lambda r: scatter(
        3,
        regular(r, 2.9, vary(r, 0.42, 0.2), 0.08),
        lambda _: scatter(0.25, at_random(r, 0.22, 60), lambda _: r.uniform(0.2, 1) * thud(r, 1000, 8000, 0.004, 0.02)),
    ),
    "drinking": lambda r: calls(
        r,
        3,
        0.8,
        lambda q: noise(q, 0.6, 500, 6000, 0.3) * gate(0.6, vary(q, 30, 0.2), 0.6) * line(0.6, 0.2, 0.8, 1),
        2.6,
    ),
    "gulping": lambda r: calls(
        r, 4, 0.45, lambda q: tone(line(0.1, 1, 1.8) * vary(q, 280, 0.3), 0.1) * swell(0.1, 1), 2.2
    ),
    "fart": lambda r: (
        lambda s: (
            buzz(line(s, 1.1, 0.8, 1.2, 0.6) * vary(r, 75, 0.4) * (1 + 0.25 * noise(r, s, 2, 30)), s, 0.85)
            * swell(s, 0.3)
        )
    )(r.uniform(0.3, 1.2)),
    "burp": lambda r: (lambda s: rough(r, vary(r, 75, 0.3), s, (500, 1000, 2200), 1.4))(r.uniform(0.4, 1.0)),
    "gargling": lambda r: (
        voice(r, line(2.5, 1, 1.1, 0.95) * vary(r, 160, 0.4), AH, 0.3) * (0.4 + 0.6 * gate(2.5, vary(r, 17, 0.2), 0.5))
    ),
    "whispering": lambda r: scatter(
        3,
        regular(r, 2.9, 0.22, 0.1),
        lambda _: (
            resonate(noise(r, 0.17, 300, 9000), [(f, 150) for f in (AH, OH, EH, EE, OO)[int(r.integers(5))]])
            * swell(0.17, 0.6)
        ),
    ),
    "crowd talking": lambda r: babble(r, int(r.integers(7, 14))),
    "restaurant": lambda r: mix(
        babble(r, 8),
        0.5 * scatter(3.5, at_random(r, 3.5, 3), lambda _: tone(r.uniform(2500, 6000), 0.2) * decay(0.2, 0.03)),
    ),
    "crowd booing": lambda r: chorus(r, 14, lambda q: call(q, vary(q, 150, 0.5), (1, 1, 0.9), 1.4, OO)),
    "cheering crowd": lambda r: mix(
        chorus(r, 22, lambda q: call(q, vary(q, 330, 0.7), (0.9, 1.2, 1), 0.9, (AH, EH)[int(q.integers(2))])),
        0.4 * noise(r, 3, 500, 5000, 0.3),
    ),
    "man laughing": lambda r: laugh(r, vary(r, 140, 0.25)),
    "man screaming": lambda r: rough(r, vary(r, 380, 0.2), r.uniform(0.7, 1.4), AH, 0.3),
    "woman screaming": lambda r: rough(r, vary(r, 950, 0.25), r.uniform(0.7, 1.5), (1100, 1900, 3100), 0.25),
    "singing voice": lambda r: (
        voice(
            r,
            np.repeat(vary(r, 240, 0.7) * 2 ** (r.choice([0, 2, 4, 5, 7], 4) / 12), 22_050).astype(np.float32)
            * wobble(2, 5.5, 0.012)[:88_200],
            (AH, OH, EH)[int(r.integers(3))],
        )
        * swell(2, 0.2)
    ),
    "humming": lambda r: (
        voice(
            r,
            np.repeat(vary(r, 190, 0.7) * 2 ** (r.choice([0, 2, 3, 5, 7], 4) / 12), 22_050).astype(np.float32)
            * wobble(2, 5, 0.01)[:88_200],
            (250, 1000),
        )
        * swell(2, 0.2)
    ),
}


def lower_note(r: Generator) -> float:
    """The lower note of a cuckoo."""
    return vary(r, 530, 0.04)


def bleat(r: Generator, pitch: float, rate: float) -> Sound:
    seconds = r.uniform(0.6, 1.1)
    shaken = wobble(seconds, rate, 0.55)
    sound = voice(r, line(seconds, 1, 1.05, 0.92) * pitch * wobble(seconds, rate, 0.04), (800, 1700, 2700), 0.08)
    return sound * shaken[: len(sound)] * swell(seconds, 0.3)[: len(sound)]


def fixed_call(r: Generator, pitch: float, contour: tuple[float, ...], seconds: float) -> Sound:
    curve = line(seconds, *contour) * vary(r, pitch, 0.2)
    return voice(r, curve, (1000, 2000, 3200), 0.1) * swell(seconds, 0.4)[: len(curve)]


def bark_of(r: Generator) -> Maker:
    """One dog: its size stays the same from bark to bark."""
    size = vary(r, 380, 0.7)

    def bark(q: Generator) -> Sound:
        sound = voice(q, line(0.17, 0.8, 1.3, 0.7) * size * q.uniform(0.95, 1.05), (1.9 * size, 4.2 * size, 3000), 0.3)
        return sound * swell(0.17, 0.5)[: len(sound)] * (1 + 0.3 * noise(q, 0.17, 30, 400))[: len(sound)]

    return bark
