"""Computed telephones, alarms, bells, clocks, electronics, games and weapons."""

import numpy as np
from numpy.random import Generator
from sound_tools import (
    Maker,
    Sound,
    at_random,
    beeps,
    bell,
    buzz,
    clock,
    decay,
    gate,
    horn,
    join,
    line,
    mix,
    noise,
    passing,
    rattle,
    regular,
    resonate,
    scatter,
    silence,
    square,
    struck,
    swell,
    thud,
    tone,
    unit,
    vary,
    wobble,
)


def tunes(
    r: Generator, keys: tuple[int, ...], length: float, base: float, partials: tuple[float, ...], fade: float
) -> Sound:
    """Notes (semitones over a base) one after the other."""
    return scatter(
        len(keys) * length + 3 * fade,
        [length * n for n in range(len(keys))],
        lambda n: tone(base * 2 ** (keys[n] / 12), length + 2.5 * fade, partials) * decay(length + 2.5 * fade, fade),
    )


def pistol(r: Generator, half_life: float, high: float, seconds: float) -> Sound:
    return noise(r, seconds, 20, high, 0.2) * decay(seconds, half_life) + 0.6 * noise(r, seconds, 20, 250) * decay(
        seconds, half_life * 3
    )


def sweep(r: Generator, start: float, end: float, seconds: float, partials: tuple[float, ...] = (1,)) -> Sound:
    return tone(np.geomspace(start, end, int(seconds * 44_100)), seconds, partials)


def touch_tones(r: Generator) -> Sound:
    low, high = (697, 770, 852, 941), (1209, 1336, 1477)
    return scatter(
        2.5, regular(r, 2.4, vary(r, 0.25, 0.3)), lambda _: tone(r.choice(low), 0.12) + tone(r.choice(high), 0.12)
    )


def morse(r: Generator) -> Sound:
    pitch, unit_length, starts, now = vary(r, 700, 0.3), vary(r, 0.07, 0.3), [], 0.05
    lengths = r.choice([1, 3], 12)
    for length in lengths:
        starts.append(now)
        now += unit_length * (length + r.choice([1, 1, 3]))
    return scatter(3, starts, lambda n: tone(pitch, unit_length * lengths[n]) * swell(unit_length * lengths[n], 0.1))


def modem(r: Generator) -> Sound:
    return join(
        touch_tones(r)[:40_000],
        tone(2100, 0.5),
        mix(tone(1200, 0.4), tone(2250, 0.4)),
        *(square(r.uniform(600, 2400), 0.06) for _ in range(6)),
        0.7 * noise(r, 1.2, 300, 3600) * wobble(1.2, vary(r, 15, 0.5), 0.2),
    )


def wobbling(
    r: Generator, pitch: float, rate: float, depth: float, seconds: float, partials: tuple[float, ...]
) -> Sound:
    return tone(pitch * wobble(seconds, rate, depth, r.uniform(0, 6)), seconds, partials)


SOUNDS: dict[str, Maker] = {
    "beep": lambda r: beeps(r, vary(r, 1000, 0.7), vary(r, 1.2, 0.4), vary(r, 0.2, 0.6), 1.5),
    "alarm": lambda r: beeps(r, vary(r, 2200, 0.5), vary(r, 0.24, 0.4), vary(r, 0.11, 0.2)),
    "smoke alarm": lambda r: scatter(3, [0.05, 0.55, 1.05, 2.2], lambda _: square(3150, 0.3)),
    "busy signal": lambda r: beeps(r, vary(r, 430, 0.15), vary(r, 0.55, 0.2), 0.27),
    "dial tone": lambda r: mix(tone(vary(r, 350, 0.05), 2.5), tone(vary(r, 440, 0.05), 2.5)),
    "telephone dialling": touch_tones,
    "telephone ringing": lambda r: (
        lambda p: scatter(3, [0.0, 1.5], lambda _: scatter(1, regular(r, 1, 0.05), lambda _: bell(r, p, 0.08, 0.3)))
    )(vary(r, 1400, 0.25)),
    "mobile ringtone": lambda r: join(
        *[
            tunes(
                r,
                tuple(int(k) for k in r.choice([0, 3, 5, 7, 10, 12], 6)),
                vary(r, 0.14, 0.3),
                vary(r, 800, 0.2),
                (1, 0, 0.3),
                0.08,
            )
        ]
        * 2
    ),
    "phone vibrating": lambda r: (
        buzz(vary(r, 150, 0.15), 3, 0.75) * gate(3, 0.8, 0.55) * (1 + 0.3 * noise(r, 3, 50, 2000))
    ),
    "modem": modem,
    "fax machine": lambda r: join(
        tone(1100, 0.5),
        silence(0.3),
        tone(2100, 0.7),
        mix(tone(1650 + 170 * np.sign(noise(r, 1.3, 0, 150)), 1.3), 0.2 * noise(r, 1.3, 300, 3000)),
    ),
    "tape rewind": lambda r: (
        unit(
            scatter(
                2.5, regular(r, 2.5, 0.06, 0.03), lambda _: tone(line(0.07, *r.uniform(800, 6000, 3)), 0.07, (1, 0.4))
            )
        )
        + 0.2 * noise(r, 2.5, 1000, 9000)
    ),
    "siren": lambda r: wobbling(r, vary(r, 950, 0.2), r.uniform(0.25, 1.2), 0.35, 3.5, (1, 0.4, 0.3, 0.1)),
    "fire engine horn": lambda r: (
        lambda p: scatter(
            3.2, regular(r, 3.2, 1.2), lambda _: join(horn(r, (p,), 0.58, 0.6), horn(r, (p * 1.34,), 0.58, 0.6))
        )
    )(vary(r, 440, 0.1)),
    "air raid siren": lambda r: tone(line(5, 0.4, 1, 1, 0.5) * vary(r, 460, 0.15), 5, (1, 0.6, 0.5, 0.3, 0.2)),
    "train crossing bell": lambda r: (lambda p, t: scatter(3, regular(r, 3, t), lambda _: bell(r, p, 0.15, 0.6)))(
        vary(r, 900, 0.2), vary(r, 0.45, 0.2)
    ),
    "turn signal": lambda r: scatter(
        3, regular(r, 3, vary(r, 0.38, 0.15)), lambda n: thud(r, 1500 if n % 2 else 2500, 8000, 0.004, 0.05)
    ),
    "reversing truck": lambda r: beeps(r, vary(r, 1250, 0.15), 1.0, 0.5, 3),
    "crosswalk signal": lambda r: beeps(r, vary(r, 880, 0.3), r.choice([0.12, 0.7]), 0.03, 3),
    "microwave": lambda r: join(
        0.4 * tone(vary(r, 100, 0.1), 1.8, (1, 0.7, 0.4, 0.3)) + 0.2 * noise(r, 1.8, 100, 1500),
        beeps(r, vary(r, 2000, 0.2), 0.5, 0.25, 1.4),
    ),
    "camera shutter": lambda r: scatter(
        0.5, [0.02, 0.02 + vary(r, 0.1, 0.6)], lambda n: (1 - 0.3 * n) * thud(r, 1200, 9000, 0.007, 0.1)
    ),
    "camera flash": lambda r: sweep(r, vary(r, 2500, 0.3), vary(r, 11_000, 0.2), 1.8) * line(1.8, 0.3, 1, 0.7),
    "switch": lambda r: scatter(0.3, [0.03, 0.045], lambda _: thud(r, 1000, vary(r, 7000, 0.4), 0.004, 0.06)),
    "mechanical clock winding": lambda r: scatter(
        3,
        [t + 0.025 * n for t in np.arange(0.1, 2.8, vary(r, 0.6, 0.3)) for n in range(9)],
        lambda _: thud(r, 1500, 8000, 0.003, 0.03),
    ),
    "clock ticking": lambda r: (
        lambda c: scatter(
            3.5,
            regular(r, 3.5, vary(r, 0.5, 0.6)),
            lambda n: (
                resonate(thud(r, 800, 9000, 0.004, 0.06), [(c * (1.25 if n % 2 else 1), 250)]) * decay(0.06, 0.012)
            ),
        )
    )(vary(r, 2600, 0.6)),
    "metronome": lambda r: (
        lambda c: scatter(
            3,
            regular(r, 3, vary(r, 0.5, 0.5)),
            lambda n: tone(c * (1.5 if n % 4 == 0 else 1), 0.06) * decay(0.06, 0.008),
        )
    )(vary(r, 1100, 0.3)),
    "cuckoo clock": lambda r: mix(
        scatter(
            3,
            [0.1, 1.3],
            lambda _: join(
                tone(vary(r, 740, 0.02), 0.25, (1, 0.2)) * swell(0.25),
                tone(vary(r, 590, 0.02), 0.35, (1, 0.2)) * swell(0.35),
            ),
        ),
        0.3 * scatter(3, regular(r, 3, 0.5), lambda _: thud(r, 1500, 7000, 0.005, 0.05)),
    ),
    "timer bell": lambda r: join(
        rattle(r, 1.5, vary(r, 9, 0.2), 2000, 8000, 0.004), bell(r, vary(r, 2200, 0.2), 0.4, 1.5)
    ),
    "church bell": lambda r: scatter(3.5, [0.0, vary(r, 1.7, 0.2)], lambda _: bell(r, vary(r, 300, 0.5), 1.0, 3)),
    "bell": lambda r: bell(r, vary(r, 1500, 0.7), vary(r, 0.35, 0.5), 1.8),
    "ding": lambda r: bell(r, vary(r, 2000, 0.4), 0.35, 1.4),
    "hand bell": lambda r: (
        lambda p: scatter(2.5, regular(r, 2.5, vary(r, 0.28, 0.4), 0.03), lambda _: bell(r, p, 0.2, 0.8))
    )(vary(r, 1800, 0.4)),
    "school bell": lambda r: (
        lambda p: scatter(2.5, regular(r, 2.3, vary(r, 0.06, 0.2)), lambda _: bell(r, p, 0.1, 0.4))
    )(vary(r, 1000, 0.3)),
    "doorbell": lambda r: (lambda p: scatter(2.2, [0.02, 0.55], lambda n: bell(r, p * (0.8 if n else 1), 0.3, 1.5)))(
        vary(r, 660, 0.3)
    ),
    "bicycle bell": lambda r: (
        lambda p: scatter(1.6, [t + 0.055 * n for t in (0.02, 0.5) for n in range(5)], lambda _: bell(r, p, 0.14, 0.7))
    )(vary(r, 2300, 0.3)),
    "bicycle freewheel": lambda r: scatter(
        3, np.cumsum(1 / np.linspace(vary(r, 26, 0.3), 8, 45)).tolist(), lambda _: thud(r, 2500, 9000, 0.003, 0.03)
    ),
    "sleigh bells": lambda r: scatter(
        3,
        [t + float(j) for t in np.arange(0.05, 2.9, vary(r, 0.28, 0.3)) for j in r.uniform(0, 0.05, 5)],
        lambda _: r.uniform(0.2, 0.6) * struck(r, r.uniform(4000, 7500), (1, 1.47, 2.09), 0.07, 0.3, 0),
    ),
    "cow bells": lambda r: scatter(
        3,
        at_random(r, 3, 5),
        lambda _: r.uniform(0.3, 1) * struck(r, r.choice([430, 520, 610, 700]), (1, 1.6, 2.3, 3.4), 0.12, 0.6, 0.2),
    ),
    "wind chimes": lambda r: scatter(
        3.5,
        at_random(r, 2.8, vary(r, 4, 0.5)),
        lambda _: (
            r.uniform(0.3, 1)
            * struck(r, r.choice([1047, 1175, 1397, 1568, 1760, 2093]), (1, 2.76, 5.4), 0.5, 1.6, 0.05)
        ),
    ),
    "gong": lambda r: (
        struck(r, vary(r, 95, 0.5), (1, 1.33, 1.71, 2.24, 2.9, 3.6, 4.5, 5.7, 7.1), 1.6, 3.5, 0.1)
        * line(3.5, 0.8, 1, 0.8, 0.5, 0.3)
    ),
    "singing bowl": lambda r: (
        lambda p: mix(*(tone(p * k, 3.5) * decay(3.5, 2 / k**0.5) for k in (1, 1.004, 2.71, 2.72, 5.1)))
    )(vary(r, 280, 0.5)),
    "tuning fork": lambda r: tone(vary(r, 440, 0.2), 2.5, (1, 0.02)) * decay(2.5, 1.2),
    "sonar": lambda r: scatter(3, [0.02, vary(r, 1.6, 0.2)], lambda _: tone(vary(r, 950, 0.3), 1.4) * decay(1.4, 0.22)),
    "geiger counter": lambda r: scatter(
        3, at_random(r, 3, vary(r, 14, 1)), lambda _: thud(r, 1500, 10_000, 0.002, 0.02)
    ),
    "morse code": morse,
    "buzzer": lambda r: buzz(vary(r, 125, 0.3), 0.8, 0.92),
    "error sound": lambda r: tunes(r, (0, -int(r.integers(2, 7))), 0.18, vary(r, 330, 0.4), (1, 0, 0.4, 0, 0.2), 0.15),
    "quiz correct": lambda r: tunes(r, (0, int(r.choice([4, 5, 7]))), 0.16, vary(r, 800, 0.3), (1, 0.3), 0.18),
    "success sound": lambda r: tunes(r, (0, 4, 7, 12), vary(r, 0.12, 0.3), vary(r, 523, 0.3), (1, 0.3, 0.2), 0.18),
    "notification": lambda r: tunes(
        r,
        tuple(int(k) for k in r.choice([0, 4, 7, 12], int(r.integers(2, 4)))),
        0.12,
        vary(r, 1000, 0.4),
        (1, 0.15),
        0.12,
    ),
    "countdown": lambda r: join(
        *(join(tone(vary(r, 800, 0.01), 0.15), silence(0.45)) for _ in range(3)), tone(1600, 0.7)
    ),
    "game coin": lambda r: (lambda p: join(square(p, 0.08), square(p * 1.335, 0.5) * decay(0.5, 0.1)))(
        vary(r, 988, 0.3)
    ),
    "jump": lambda r: square(np.geomspace(vary(r, 250, 0.4), vary(r, 900, 0.3), 11_025), 0.25) * decay(0.25, 0.15),
    "power-up": lambda r: join(
        *(square(vary(r, 400, 0.02) * 2 ** (n * r.choice([3, 4]) / 12), 0.07) for n in range(8))
    ),
    "game over": lambda r: join(
        *(square(vary(r, 520, 0.02) * 2 ** (-n * 2 / 12), 0.18) for n in range(5)), square(200, 0.5) * decay(0.5, 0.2)
    ),
    "arcade game": lambda r: join(*(square(line(0.09, *r.uniform(150, 1800, 2)), 0.09) for _ in range(22))),
    "data sounds": lambda r: scatter(
        2.5, regular(r, 2.5, vary(r, 0.09, 0.3)), lambda _: tone(r.uniform(500, 3500), r.uniform(0.02, 0.08))
    ),
    "laser": lambda r: (lambda s: sweep(r, vary(r, 4500, 0.5), vary(r, 250, 0.6), s, (1, 0.5, 0.3)) * decay(s, s / 2))(
        r.uniform(0.15, 0.6)
    ),
    "laser beam": lambda r: wobbling(r, vary(r, 220, 0.6), vary(r, 30, 0.4), 0.1, 2, (1, 0.6, 0.5, 0.3, 0.3)),
    "lightsaber": lambda r: (
        buzz(line(2.5, 1, 1.2, 0.9, 1.3, 1) * vary(r, 95, 0.2), 2.5, 0.75) * line(2.5, 0.6, 1, 0.5, 1, 0.6)
    ),
    "ufo": lambda r: wobbling(r, vary(r, 600, 0.5), vary(r, 7, 0.5), 0.3, 3, (1, 0.3)),
    "theremin": lambda r: (
        tone(
            np.repeat(vary(r, 500, 0.4) * 2 ** (r.choice([0, 3, 5, 7, 8], 4) / 12), 33_075).astype(np.float32)
            * wobble(3, 6, 0.02)[:132_300],
            3,
            (1, 0.2, 0.1),
        )
        * swell(3, 0.2)
    ),
    "teleport": lambda r: (
        tone(np.geomspace(vary(r, 200, 0.4), 4000, 79_380) * wobble(1.8, 25, 0.2), 1.8, (1, 0.5)) * swell(1.8)
    ),
    "hyperdrive": lambda r: join(
        tone(np.geomspace(60, vary(r, 900, 0.3), 88_200), 2, (1, 0.7, 0.5, 0.3)),
        noise(r, 1, 20, 3000, 0.5) * decay(1, 0.25),
    ),
    "sine sweep": lambda r: sweep(r, vary(r, 80, 0.5), vary(r, 9000, 0.5), r.uniform(1.5, 3)),
    "falling tone": lambda r: sweep(r, vary(r, 3500, 0.5), vary(r, 200, 0.5), r.uniform(1, 2.5), (1, 0.2)),
    "siren whistle": lambda r: (
        tone(line(1.6, *r.choice([[500, 2200], [2200, 500], [600, 2000, 500]][:2])), 1.6, (1, 0.1)) * swell(1.6, 0.2)
    ),
    "referee whistle": lambda r: (
        lambda s: (
            tone(vary(r, 2900, 0.12) * (1 + 0.03 * np.sign(np.sin(2 * np.pi * vary(r, 32, 0.2) * clock(s)))), s)
            + 0.15 * noise(r, s, 2000, 6000)
        )
    )(r.uniform(0.3, 1.3)),
    "dog whistle": lambda r: tone(vary(r, 9500, 0.3), 1.5) * swell(1.5, 0.2),
    "whistle": lambda r: (
        tone(
            np.repeat(vary(r, 1400, 0.3) * 2 ** (r.choice([0, 2, 4, 5, 7, 9], 6) / 12), 15_435).astype(np.float32),
            2.1 + 1e-6,
            (1, 0.05),
        )
        * wobble(2.1 + 1e-6, 6, 0.1)
        + 0.03 * noise(r, 2.1 + 1e-6, 1000, 6000)
    ),
    "kettle whistle": lambda r: (
        mix(tone(line(3, 0.6, 0.9, 1, 1) * vary(r, 2600, 0.2), 3, (1, 0.4)), 0.4 * noise(r, 3, 1500, 9000))
        * line(3, 0.2, 0.6, 1, 1)
    ),
    "electric hum": lambda r: tone(50 * r.choice([1, 1.2]), 3, r.uniform(0.1, 1, 8).tolist()),
    "electric zap": lambda r: (
        lambda s: buzz(line(s, *r.uniform(60, 300, 5)), s, 0.93) * (1 + noise(r, s, 500, 9000)) * decay(s, s / 2)
    )(r.uniform(0.15, 0.5)),
    "electricity": lambda r: mix(
        0.5 * tone(100, 2.5, (1, 0.8, 0.7, 0.6, 0.5)),
        scatter(2.5, at_random(r, 2.5, 18), lambda _: r.uniform(0.4, 1.5) * thud(r, 1000, 14_000, 0.006, 0.06)),
    ),
    "radio static": lambda r: (
        noise(r, 2.5, 200, 9000, 0.1) * (0.7 + 0.3 * noise(r, 2.5, 0.5, 6))
        + 0.15 * sweep(r, vary(r, 400, 1), vary(r, 2500, 1), 2.5)
    ),
    "mobile phone interference": lambda r: (
        buzz(217, 2.5, 0.92) * gate(2.5, vary(r, 3.5, 0.3), 0.4) * gate(2.5, 13, 0.6)
    ),
    "white noise": lambda r: noise(r, 2.5, 0, vary(r, 18_000, 0.2)),
    "brown noise": lambda r: noise(r, 3, 20, 8000, 1),
    "rumble": lambda r: noise(r, 3, 18, vary(r, 110, 0.4)) * (0.7 + 0.3 * noise(r, 3, 0.5, 4)),
    "drone": lambda r: (lambda p: mix(*(buzz(p * k, 3.5, 0.6) for k in (1, 1.006, 1.498))))(vary(r, 70, 0.4)),
    "explosion": lambda r: (
        lambda s: (
            noise(r, s, 20, vary(r, 5000, 0.6), 0.6) * decay(s, s / 7) + 0.5 * noise(r, s, 20, 120) * decay(s, s / 4)
        )
    )(r.uniform(1.2, 3)),
    "gunshot": lambda r: pistol(r, vary(r, 0.035, 0.5), 16_000, 1),
    "shotgun": lambda r: pistol(r, vary(r, 0.08, 0.3), 9000, 1.4),
    "machine gun": lambda r: (
        lambda p: scatter(2, regular(r, r.uniform(0.8, 1.7), p, 0.004), lambda _: pistol(r, 0.025, 12_000, 0.3))
    )(vary(r, 0.09, 0.3)),
    "cannon": lambda r: noise(r, 2.5, 20, 1200, 0.6) * decay(2.5, 0.25) + noise(r, 2.5, 20, 90) * decay(2.5, 0.5),
    "fireworks": lambda r: join(
        0.25 * sweep(r, vary(r, 1500, 0.3), 4000, 0.8),
        mix(
            pistol(r, 0.12, 6000, 1.8),
            scatter(1.8, at_random(r, 1.8, 45), lambda _: r.uniform(0.1, 0.5) * thud(r, 1500, 12_000, 0.006, 0.05)),
        ),
    ),
    "firecracker": lambda r: scatter(
        2, at_random(r, 1.8, vary(r, 9, 0.5)), lambda _: r.uniform(0.4, 1) * pistol(r, 0.015, 16_000, 0.3)
    ),
    "rocket launch": lambda r: noise(r, 3, 30, 6000, 0.4) * line(3, 0, 1, 0.8, 0.5, 0.2),
    "missile": lambda r: passing(r, noise(r, 2, 200, 9000, 0.3), 0.3),
}
