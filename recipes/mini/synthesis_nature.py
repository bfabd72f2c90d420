"""Computed weather, water and fire."""

import numpy as np
from numpy.random import Generator
from sound_tools import (
    Maker,
    Sound,
    at_random,
    clock,
    crackle,
    decay,
    gusts,
    join,
    line,
    mix,
    noise,
    regular,
    resonate,
    rip,
    scatter,
    silence,
    struck,
    swell,
    tone,
    vary,
    voice,
    wobble,
)


def drop(r: Generator, low: float = 400, high: float = 1600) -> Sound:
    """A drop: the rising tone of a bubble."""
    length = r.uniform(0.03, 0.08)
    return tone(line(length, 1, r.uniform(1.3, 2.4)) * r.uniform(low, high), length) * decay(length, length / 4)


def running(r: Generator, seconds: float, rate: float, low: float, high: float) -> Sound:
    return mix(
        0.35 * noise(r, seconds, 400, 7000, 0.4),
        scatter(seconds, at_random(r, seconds, rate), lambda _: r.uniform(0.1, 0.8) * drop(r, low, high)),
    )


SOUNDS: dict[str, Maker] = {
    "rain": lambda r: mix(
        noise(r, 3.5, 400, 15_000, vary(r, 0.3, 0.6)), 0.5 * crackle(r, 3.5, 60, 1500, 12_000, 0.002)
    ),
    "rain on a tent": lambda r: mix(
        0.15 * noise(r, 3, 300, 5000, 0.3), crackle(r, 3, vary(r, 70, 0.4), 150, 2500, 0.01)
    ),
    "hail": lambda r: mix(0.15 * noise(r, 3, 800, 9000), crackle(r, 3, vary(r, 90, 0.4), 1500, 14_000, 0.004)),
    "wind": lambda r: gusts(r, 4, 60, vary(r, 800, 0.5), 0.8),
    "gust of wind": lambda r: noise(r, 1.6, 100, 2500, 0.5) * swell(1.6, 2),
    "blizzard": lambda r: mix(
        gusts(r, 4, 100, 3000, 0.5, 0.4), 0.3 * tone(600 * (1 + 0.3 * noise(r, 4, 0.2, 1.5)), 4) * gusts(r, 4, 1, 8, 0)
    ),
    "tornado": lambda r: mix(noise(r, 4, 30, 1200, 0.5), 0.3 * gusts(r, 4, 200, 4000, 0.3)) * wobble(4, 2.2, 0.25),
    "thunder": lambda r: mix(
        noise(r, 4, 20, vary(r, 1500, 0.5), 0.9) * decay(4, vary(r, 0.8, 0.4)), 0.7 * gusts(r, 4, 20, 200, 0.5)
    ),
    "earthquake": lambda r: mix(noise(r, 3.5, 18, 90), 0.3 * crackle(r, 3.5, 14, 100, 2500, 0.03)) * swell(3.5, 0.5),
    "avalanche": lambda r: noise(r, 4, 30, 4000, 0.5) * line(4, 0.05, 0.3, 0.8, 1, 0.6),
    "volcano": lambda r: mix(
        noise(r, 4, 20, 400, 0.4) * line(4, 0.3, 1, 0.7, 0.9), 0.5 * crackle(r, 4, 6, 40, 900, 0.08)
    ),
    "geyser": lambda r: mix(noise(r, 3, 600, 12_000) * line(3, 0, 0.4, 1, 0.8, 0.3), 0.4 * running(r, 3, 20, 200, 800)),
    "ocean waves": lambda r: (
        noise(r, 5, 100, 8000, 0.5) * (0.12 + np.sin(np.pi * clock(5) / vary(r, 4, 0.3) + r.uniform(0, 3)) ** 4)
    ).astype(np.float32),
    "stream": lambda r: running(r, 3, vary(r, 28, 0.4), 400, 1600),
    "river": lambda r: mix(noise(r, 3.5, 150, 4000, 0.5), 0.5 * running(r, 3.5, 30, 250, 900)),
    "waterfall": lambda r: noise(r, 3, 80, vary(r, 9000, 0.4), 0.25),
    "water drop": lambda r: scatter(1, [0.05], lambda _: drop(r, 500, 1800)),
    "dripping tap": lambda r: (lambda t: scatter(3.5, regular(r, 3.5, t, 0.02), lambda _: drop(r, 900, 1200)))(
        vary(r, 0.7, 0.4)
    ),
    "bubbling": lambda r: scatter(
        2.5, at_random(r, 2.5, vary(r, 22, 0.5)), lambda _: r.uniform(0.3, 1) * drop(r, 180, 700)
    ),
    "boiling water": lambda r: mix(
        0.25 * noise(r, 3, 200, 5000, 0.4),
        scatter(3, at_random(r, 3, 70), lambda _: r.uniform(0.1, 0.8) * drop(r, 150, 600)),
    ),
    "underwater": lambda r: mix(noise(r, 3, 30, 350, 0.5), scatter(3, at_random(r, 3, 8), lambda _: drop(r, 120, 450))),
    "splash": lambda r: mix(
        noise(r, 1.4, 300, 9000, 0.2) * decay(1.4, vary(r, 0.12, 0.4)),
        0.5 * scatter(1.4, at_random(r, 1.2, 25), lambda _: drop(r, 300, 1400)),
    ),
    "water pouring": lambda r: (
        lambda s: (
            resonate(
                mix(noise(r, s, 300, 7000, 0.3), scatter(s, at_random(r, s, 60), lambda _: drop(r, 300, 1500))),
                [(vary(r, 900, 0.5), 200)],
                0.3,
            )
            * swell(s, 0.2)
        )
    )(2.5),
    "tap running": lambda r: mix(noise(r, 2.5, 500, 11_000, 0.2), 0.3 * running(r, 2.5, 40, 500, 2000)),
    "shower": lambda r: mix(noise(r, 3, 900, 14_000, 0.1), 0.4 * crackle(r, 3, 120, 1000, 9000, 0.003)),
    "toilet flush": lambda r: mix(
        noise(r, 4, 150, 6000, 0.4) * line(4, 0.1, 1, 0.9, 0.5, 0.15), 0.4 * running(r, 4, 35, 150, 600)
    ),
    "water drain": lambda r: scatter(
        3,
        at_random(r, 2.8, 14),
        lambda _: voice(r, line(0.18, 1, 1.4) * r.uniform(90, 160), (r.uniform(300, 700), 1100), 0.3) * swell(0.18, 1),
    ),
    "fizzy drink": lambda r: (
        mix(crackle(r, 2.5, 220, 3500, 16_000, 0.001), 0.2 * noise(r, 2.5, 4000, 15_000)) * line(2.5, 1, 0.8, 0.4)
    ),
    "fire": lambda r: mix(crackle(r, 3, vary(r, 22, 0.5)), 0.15 * noise(r, 3, 40, 700, 0.5)),
    "fireball": lambda r: mix(noise(r, 1.3, 60, 3000, 0.4) * line(1.3, 0.1, 1, 0.4, 0), 0.3 * crackle(r, 1.3, 20)),
    "furnace": lambda r: mix(noise(r, 3, 40, 900, 0.4), 0.2 * crackle(r, 3, 10, 200, 5000)),
    "fuse burning": lambda r: mix(0.5 * noise(r, 2.5, 4000, 15_000), crackle(r, 2.5, 60, 3000, 16_000, 0.002)),
    "match": lambda r: join(rip(r, 0.2, 60, 2000, 9000), noise(r, 1.2, 800, 9000, 0.2) * decay(1.2, 0.25)),
    "lighter": lambda r: join(
        rip(r, 0.1, 90, 2500, 10_000),
        silence(0.05),
        rip(r, 0.1, 90, 2500, 10_000),
        0.4 * noise(r, 0.7, 300, 4000, 0.3) * decay(0.7, 0.2),
    ),
    "steam": lambda r: noise(r, 2, vary(r, 2500, 0.4), 16_000) * line(2, 0.4, 1, 0.8, 0.3, 0),
    "sizzling": lambda r: mix(0.4 * noise(r, 3, 3000, 14_000), crackle(r, 3, 90, 2500, 14_000, 0.002)),
    "frying": lambda r: mix(0.3 * noise(r, 3, 2000, 12_000), crackle(r, 3, 50, 800, 9000, 0.004)),
    "popcorn": lambda r: scatter(
        3,
        at_random(r, 3, vary(r, 7, 0.5)),
        lambda _: r.uniform(0.4, 1) * struck(r, r.uniform(300, 700), (1, 1.9), 0.012, 0.1, 0.8),
    ),
    "spray can": lambda r: noise(r, 1, 3500, 16_000) * line(1, 1, 1, 0.9, 0),
    "spray": lambda r: scatter(1.6, [0.05, 0.6, 1.15], lambda _: noise(r, 0.3, 2500, 15_000) * line(0.3, 1, 0.8, 0)),
}
