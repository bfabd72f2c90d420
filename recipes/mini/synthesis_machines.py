"""Computed vehicles, motors and engines."""

import numpy as np
from numpy.random import Generator
from sound_tools import (
    Maker,
    Sound,
    at_random,
    buzz,
    clock,
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
    square,
    swell,
    thud,
    tone,
    unit,
    vary,
    wobble,
)


def firing(r: Generator, rate: Sound, box: tuple[float, ...], rasp: float = 0.3) -> Sound:
    """A combustion engine: firings at a rate curve (hertz) through a resonant body."""
    seconds = len(rate) / 44_100 + 1e-6
    uneven = rate * (1 + 0.02 * noise(r, seconds, 2, 20))
    sound = buzz(uneven, seconds, 0.85) * (1 + 0.4 * noise(r, seconds, 20, 400)) + rasp * noise(
        r, seconds, 300, 5000, 0.4
    )
    return resonate(sound, [(centre, centre * 0.3) for centre in box], 0.1)


def motor(r: Generator, pitch: float, hiss: float, seconds: float = 3, low: float = 300, high: float = 9000) -> Sound:
    """An electric motor: whine and harmonics, with rushing air."""
    run = line(seconds, 1, 1.01, 0.99, 1) * pitch
    whine = unit(buzz(run, seconds, 0.6)) + 0.3 * tone(run * 7.03, seconds)
    return mix(whine, hiss * noise(r, seconds, low, high, 0.3))


def puffs(r: Generator, rate: float, seconds: float = 3.5) -> Sound:
    length = min(0.9 / rate, 0.3)
    return scatter(
        seconds,
        regular(r, seconds, 1 / rate),
        lambda n: (1 if n % 4 == 0 else 0.6) * noise(r, length, 150, 6000, 0.3) * swell(length, 1),
    )


SOUNDS: dict[str, Maker] = {
    "car horn": lambda r: (
        lambda p, s: scatter(1.6, [0.05, 0.9][: int(r.integers(1, 3))], lambda _: horn(r, (p, p * 1.25), s, 0.8))
    )(vary(r, 400, 0.2), r.uniform(0.3, 0.7)),
    "ship horn": lambda r: horn(r, (vary(r, 90, 0.3), vary(r, 135, 0.1)), 2.5, 0.82),
    "fog horn": lambda r: horn(r, (vary(r, 130, 0.3),), 2.5, 0.6) * line(2.5, 0.6, 1, 1, 0.7),
    "train horn": lambda r: horn(r, tuple(vary(r, 311, 0.08) * k for k in (1, 1.19, 1.5)), r.uniform(0.8, 2), 0.75),
    "train whistle": lambda r: (
        mix(*(tone(vary(r, f, 0.03), 1.8, (1, 0.3)) for f in (600, 720, 900)), 0.5 * noise(r, 1.8, 400, 5000, 0.3))
        * swell(1.8, 0.3)
    ),
    "air horn": lambda r: horn(r, (vary(r, 480, 0.2), vary(r, 590, 0.1)), r.uniform(0.6, 1.6), 0.92),
    "vuvuzela": lambda r: horn(r, tuple(vary(r, 235, 0.04) for _ in range(3)), 2.5, 0.9),
    "engine": lambda r: firing(r, line(3, *r.uniform(0.9, 1.1, 5)) * vary(r, 35, 0.4), (90, 220, 500)),
    "truck": lambda r: firing(r, line(3, *r.uniform(0.95, 1.1, 4)) * vary(r, 18, 0.3), (60, 140, 400, 1100), 0.5),
    "tractor": lambda r: firing(r, line(3, 1, 1.05, 1) * vary(r, 11, 0.25), (80, 180, 450), 0.2),
    "motorcycle": lambda r: firing(r, line(3, *r.uniform(0.6, 1.6, 5)) * vary(r, 85, 0.3), (180, 450, 1100), 0.4),
    "lawn mower": lambda r: firing(r, line(3, 1, 1.02, 0.98) * vary(r, 48, 0.2), (300, 900, 2200), 0.7),
    "chainsaw": lambda r: firing(r, line(3, 0.6, 1.4, 1.5, 0.8, 1.4) * vary(r, 95, 0.2), (500, 1300, 3000), 0.6),
    "boat engine": lambda r: mix(
        firing(r, line(3, 1, 1.05, 1) * vary(r, 25, 0.3), (120, 300)),
        0.4 * noise(r, 3, 200, 3000, 0.6) * wobble(3, 1.2, 0.5),
    ),
    "car accelerating": lambda r: firing(
        r, line(3, 0.5, 1.2, 0.8, 1.5, 1.1, 1.8) * vary(r, 60, 0.2), (120, 350, 900), 0.4
    ),
    "car revving": lambda r: firing(r, line(3, 0.4, 1.8, 0.5, 2, 0.4) * vary(r, 60, 0.2), (130, 380, 900), 0.4),
    "engine starting": lambda r: join(
        resonate(buzz(vary(r, 20, 0.1), 1, 0.9) * gate(1, 7, 0.6), [(600, 300), (1500, 400)]),
        firing(r, line(1.8, 1.8, 1, 1) * vary(r, 35, 0.2), (90, 220, 500)),
    ),
    "racing car": lambda r: passing(r, firing(r, line(3, 1, 1.1) * vary(r, 280, 0.2), (900, 1800, 3200), 0.4), 0.3),
    "car passing": lambda r: passing(
        r, mix(noise(r, 3, 100, 5000, 0.4), 0.5 * firing(r, line(3, 1, 1) * vary(r, 50, 0.2), (90, 250))), 0.12
    ),
    "aeroplane": lambda r: passing(r, mix(noise(r, 4, 50, 3000, 0.5), 0.3 * tone(vary(r, 900, 0.3), 4)), 0.1),
    "jet engine": lambda r: (
        mix(noise(r, 3, 60, 9000, 0.3), 0.25 * tone(line(3, 0.9, 1.1) * vary(r, 2500, 0.3), 3, (1, 0.3)))
        * line(3, 0.6, 1, 0.9)
    ),
    "propeller": lambda r: mix(
        firing(r, line(3, 1, 1.03, 0.98) * vary(r, 65, 0.2), (150, 400, 900)), 0.3 * noise(r, 3, 100, 3000, 0.7)
    ),
    "helicopter": lambda r: (
        noise(r, 3, 60, 2500, 0.5) * (0.15 + gate(3, vary(r, 12, 0.25), 0.35)) + 0.2 * motor(r, vary(r, 180, 0.2), 0.2)
    ),
    "tyre screech": lambda r: (
        resonate(
            buzz(line(1.2, 1.1, 1, 0.85) * vary(r, 900, 0.3) * (1 + 0.05 * noise(r, 1.2, 20, 400)), 1.2, 0.7)
            + noise(r, 1.2, 800, 6000),
            [(1100, 200), (2300, 300)],
        )
        * line(1.2, 0.5, 1, 0.9, 0)
    ),
    "train": lambda r: mix(
        scatter(
            3.5,
            [t + d for t in np.arange(0.1, 3.4, vary(r, 0.85, 0.2)) for d in (0, 0.13)],
            lambda _: thud(r, 60, 1800, 0.03, 0.25),
        ),
        0.25 * noise(r, 3.5, 50, 900, 0.5),
    ),
    "steam train": lambda r: puffs(r, vary(r, 3.2, 0.5)),
    "steam engine": lambda r: mix(
        puffs(r, vary(r, 1.8, 0.3)), 0.4 * rattle(r, 3.5, vary(r, 3.6, 0.2), 300, 3000, 0.012)
    ),
    "windscreen wipers": lambda r: scatter(
        3.2,
        regular(r, 3.2, vary(r, 0.75, 0.2)),
        lambda n: (
            mix(noise(r, 0.5, 300, 3500, 0.4), 0.25 * tone(line(0.5, 1, 1.4) * (700 + 120 * (n % 2)), 0.5))
            * swell(0.5, 1)
        ),
    ),
    "car door": lambda r: mix(thud(r, 40, 600, 0.05, 0.5), 0.5 * thud(r, 800, 6000, 0.015, 0.5)),
    "machine": lambda r: mix(rattle(r, 3, vary(r, 5, 0.5), 100, 2500, 0.03), 0.4 * motor(r, vary(r, 70, 0.4), 0.2)),
    "machinery ambience": lambda r: mix(motor(r, vary(r, 55, 0.3), 0.2), 0.6 * noise(r, 3, 40, 600, 0.5)),
    "vacuum cleaner": lambda r: motor(r, vary(r, 240, 0.25), 1.6, 3, 300, 10_000),
    "hair dryer": lambda r: motor(r, vary(r, 330, 0.2), 2.2, 3, 500, 12_000),
    "blender": lambda r: (
        motor(r, vary(r, 290, 0.2), 0.7) * line(3, 0.7, 1, 0.95, 1) + 0.4 * rattle(r, 3, 40, 500, 5000, 0.005)
    ),
    "electric drill": lambda r: (
        buzz(line(2.5, 0.2, 1, 1, 0.9, 1, 0.1) * vary(r, 330, 0.25), 2.5, 0.75) + 1.5 * noise(r, 2.5, 1000, 9000, 0.2)
    ),
    "drilling": lambda r: firing(r, line(3, 1, 0.9, 1.05) * vary(r, 42, 0.3), (400, 1100, 2600), 1.0),
    "electric razor": lambda r: motor(r, vary(r, 120, 0.1), 0.15, 2.5, 2000, 9000),
    "fan": lambda r: mix(
        noise(r, 3, 60, 2500, 0.5) * wobble(3, vary(r, 9, 0.5), 0.15), 0.2 * tone(vary(r, 110, 0.3), 3, (1, 0.5))
    ),
    "computer fan": lambda r: mix(0.7 * noise(r, 3, 150, 6000, 0.5), 0.12 * tone(vary(r, 420, 0.4), 3, (1, 0.4, 0.2))),
    "washing machine": lambda r: (
        noise(r, 4, 60, 1500, 0.4) * (0.3 + np.abs(np.sin(np.pi * vary(r, 0.9, 0.2) * clock(4))))
        + 0.3 * motor(r, vary(r, 60, 0.2), 0.1, 4)
    ),
    "coffee machine": lambda r: mix(
        noise(r, 3.5, 500, 9000, 0.2) * wobble(3.5, 7, 0.3),
        0.5
        * scatter(
            3.5, at_random(r, 3.5, 25), lambda _: tone(line(0.05, 1, 1.8) * r.uniform(300, 900), 0.05) * swell(0.05)
        ),
    ),
    "sewing machine": lambda r: mix(
        rattle(r, 3, vary(r, 14, 0.3), 500, 6000, 0.008, 0.002), 0.3 * motor(r, vary(r, 150, 0.2), 0.2)
    ),
    "printer": lambda r: scatter(
        3,
        regular(r, 3, vary(r, 0.55, 0.3)),
        lambda _: buzz(vary(r, 260, 0.4), 0.35, 0.9) * (1 + noise(r, 0.35, 500, 8000)),
    ),
    "3d printer": lambda r: join(
        *(square(r.choice([220, 330, 392, 523, 660]) * vary(r, 1, 0.1), length) for length in r.uniform(0.1, 0.45, 9))
    ),
    "circular saw": lambda r: (
        buzz(line(2.5, 0.3, 1, 0.85, 0.9, 1, 0.5) * vary(r, 620, 0.25), 2.5, 0.8) * (1 + 0.6 * noise(r, 2.5, 100, 6000))
        + noise(r, 2.5, 2000, 12_000)
    ),
    "jackhammer": lambda r: rattle(r, 3, vary(r, 22, 0.3), 100, 6000, 0.012, 0.002),
    "elevator": lambda r: mix(
        tone(line(3, 0.5, 1, 1, 1, 0.5) * vary(r, 120, 0.3), 3, (1, 0.6, 0.3)), 0.2 * noise(r, 3, 60, 600)
    ),
    "film projector": lambda r: mix(
        rattle(r, 3, vary(r, 24, 0.05), 800, 7000, 0.006, 0.001), 0.2 * motor(r, vary(r, 110, 0.2), 0.3)
    ),
}
