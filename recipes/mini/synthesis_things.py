"""Computed bodies, tools and rare instruments: what is struck, rubbed, sawn or broken."""

import numpy as np
from numpy.random import Generator
from sound_tools import (
    CHINA,
    GLASS,
    METAL,
    WOOD,
    Maker,
    Sound,
    at_random,
    bounces,
    buzz,
    crackle,
    decay,
    join,
    knocks,
    line,
    mix,
    noise,
    regular,
    resonate,
    scatter,
    silence,
    struck,
    swell,
    thud,
    tone,
    tumble,
    vary,
    voice,
    whoosh,
    wobble,
)


def strokes(
    r: Generator, seconds: float, period: float, length: float, low: float, high: float, slope: float = 0.2
) -> Sound:
    """Rubbing to and fro: bursts of noise, the way back a little different."""
    return scatter(
        seconds,
        regular(r, seconds, period, 0.03),
        lambda n: noise(r, length, low * (1.2 if n % 2 else 1), high, slope) * swell(length, 0.8),
    )


def creak(r: Generator, seconds: float, low: float, high: float) -> Sound:
    """Stick and slip: a train of clicks whose rate wanders, through wood."""
    rate = line(seconds, *r.uniform(low, high, 4))
    return resonate(
        buzz(rate, seconds, 0.95), [(vary(r, 600, 0.4), 90), (vary(r, 1500, 0.4), 150), (2900, 300)]
    ) * swell(seconds, 0.5)


SOUNDS: dict[str, Maker] = {
    "breaking glass": lambda r: mix(
        tumble(r, 1.8, 35, GLASS, 2200, 6500, 0.05),
        0.7 * join(noise(r, 0.4, 1500, 18_000) * decay(0.4, 0.05), silence(1.4)),
    ),
    "glass clinking": lambda r: knocks(
        r, [0.05, 0.4, 0.9][: int(r.integers(1, 4))], vary(r, 2200, 0.5), GLASS, 0.15, 1.8, 0.1
    ),
    "glass harmonica": lambda r: (
        mix(tone(vary(r, 800, 0.6), 3, (1, 0.08)), 0.02 * noise(r, 3, 1000, 6000)) * wobble(3, 4, 0.1) * swell(3, 1)
    ),
    "rubbing a wine glass": lambda r: (
        tone(vary(r, 650, 0.4), 3, (1, 0.05, 0.03)) * swell(3, 1) * wobble(3, vary(r, 2, 0.5), 0.3)
    ),
    "glass rolling": lambda r: scatter(
        3,
        regular(r, 2.8, vary(r, 0.13, 0.2), 0.03),
        lambda _: r.uniform(0.2, 0.6) * struck(r, vary(r, 1700, 0.1), GLASS, 0.03, 0.2, 0.2),
    ),
    "dishes": lambda r: scatter(
        2.5, at_random(r, 2.4, 6), lambda _: struck(r, r.uniform(900, 2800), CHINA, 0.05, 0.4, 0.4)
    ),
    "cutlery": lambda r: scatter(
        2.5, at_random(r, 2.4, 8), lambda _: struck(r, r.uniform(2500, 5500), METAL, 0.06, 0.4, 0.3)
    ),
    "coins": lambda r: tumble(r, 1.8, vary(r, 9, 0.5), (1, 1.5, 2.3, 3.1), 4000, 7500, 0.06),
    "spinning coin": lambda r: bounces(r, vary(r, 3800, 0.2), (1, 1.5, 2.3), 0.05, 0.16),
    "keys": lambda r: scatter(
        2,
        at_random(r, 1.9, 22),
        lambda _: r.uniform(0.2, 0.8) * struck(r, r.uniform(4500, 9000), (1, 1.4, 1.9), 0.03, 0.2, 0.2),
    ),
    "chain": lambda r: scatter(
        2.5,
        at_random(r, 2.4, 18),
        lambda _: r.uniform(0.3, 1) * struck(r, r.uniform(1500, 4500), METAL, 0.03, 0.2, 0.4),
    ),
    "tin can": lambda r: bounces(r, vary(r, 850, 0.3), (1, 1.7, 2.6, 3.9), 0.05, 0.3),
    "bucket": lambda r: knocks(r, [0.05, 0.22, 0.32], vary(r, 420, 0.3), METAL, 0.08, 1.2),
    "metal clang": lambda r: struck(r, vary(r, 650, 0.8), METAL, vary(r, 0.35, 0.5), 2, 0.3),
    "metal plate": lambda r: struck(r, vary(r, 300, 0.5), (1, 1.37, 1.8, 2.4, 3.3, 4.7, 6.1), 0.4, 2, 0.4),
    "dull metal hit": lambda r: struck(r, vary(r, 210, 0.5), METAL, 0.06, 0.8, 0.5),
    "thunder sheet": lambda r: (
        mix(noise(r, 3, 60, 1500, 0.4), 0.5 * struck(r, 70, (1, 1.7, 2.9, 4.3), 1, 3, 0))
        * wobble(3, vary(r, 7, 0.3), 0.5)
    ),
    "anvil": lambda r: knocks(
        r, regular(r, 2.4, vary(r, 0.6, 0.2)), vary(r, 1500, 0.3), (1, 1.66, 2.5, 3.4), 0.3, 3, 0.4
    ),
    "sword clash": lambda r: mix(
        struck(r, vary(r, 2300, 0.4), METAL, 0.25, 1.3, 0.5), 0.5 * struck(r, vary(r, 1700, 0.4), METAL, 0.2, 1.3, 0.3)
    ),
    "sword swing": lambda r: whoosh(r, r.uniform(0.2, 0.45), 1200, 8000),
    "swoosh": lambda r: whoosh(r, r.uniform(0.3, 0.9), 500, 6000),
    "dark whoosh": lambda r: whoosh(r, r.uniform(1.0, 2.2), 80, 900),
    "wood hit": lambda r: struck(r, vary(r, 330, 0.7), WOOD, 0.03, 0.5, 0.5),
    "door knock": lambda r: knocks(
        r, regular(r, vary(r, 0.9, 0.3), vary(r, 0.25, 0.3)), vary(r, 190, 0.4), WOOD, 0.03, 1.6, 0.5
    ),
    "closing door": lambda r: mix(
        thud(r, 30, 500, 0.07, 1), 0.4 * join(silence(0.03), thud(r, 800, 5000, 0.012, 0.97))
    ),
    "opening door": lambda r: join(0.6 * thud(r, 900, 6000, 0.01, 0.15), 0.5 * creak(r, r.uniform(0.4, 0.9), 20, 70)),
    "door creak": lambda r: creak(r, r.uniform(1, 2.4), 15, 140),
    "wood creak": lambda r: creak(r, r.uniform(0.6, 1.6), 8, 45),
    "wooden door rattle": lambda r: knocks(
        r, [t + float(j) for t in np.arange(0.05, 2, 0.16) for j in (0, 0.05)], vary(r, 150, 0.3), WOOD, 0.03, 2.4, 0.6
    ),
    "rocking chair": lambda r: scatter(
        3.5, regular(r, 3.4, vary(r, 0.8, 0.2)), lambda n: (1 - 0.3 * (n % 2)) * creak(r, 0.4, 14, 40)
    ),
    "rope swing": lambda r: scatter(
        3.5, regular(r, 3.4, vary(r, 1.1, 0.2)), lambda n: creak(r, 0.6, 40 if n % 2 else 60, 110)
    ),
    "squeak": lambda r: scatter(
        1.6,
        [0.05, 0.6, 1.1][: int(r.integers(1, 4))],
        lambda _: buzz(line(0.25, *r.uniform(700, 1900, 3)), 0.25, 0.5) * swell(0.25),
    ),
    "branch breaking": lambda r: mix(thud(r, 400, 10_000, 0.01, 0.4), 0.6 * crackle(r, 0.4, 40, 500, 9000, 0.005)),
    "falling tree": lambda r: join(
        creak(r, 1, 8, 40), mix(crackle(r, 1.2, 50, 200, 6000, 0.01), noise(r, 1.2, 30, 1500, 0.5) * decay(1.2, 0.25))
    ),
    "chopping wood": lambda r: scatter(
        2.6, regular(r, 2.5, vary(r, 0.9, 0.2)), lambda _: struck(r, vary(r, 380, 0.2), WOOD, 0.025, 0.4, 1.2)
    ),
    "hand saw": lambda r: strokes(r, 3, vary(r, 0.42, 0.25), 0.34, 900, 7500),
    "sanding": lambda r: strokes(r, 2.6, vary(r, 0.3, 0.25), 0.24, 2500, 13_000),
    "sweeping": lambda r: strokes(r, 3, vary(r, 0.7, 0.2), 0.45, 1500, 10_000, 0.3),
    "toothbrushing": lambda r: strokes(r, 2.5, vary(r, 0.16, 0.15), 0.13, 2500, 9000),
    "scratching": lambda r: strokes(r, 1.8, vary(r, 0.18, 0.2), 0.12, 1500, 8000),
    "brush stroke": lambda r: strokes(r, 1.2, 0.6, 0.4, 2000, 11_000),
    "eraser": lambda r: strokes(r, 1.4, vary(r, 0.15, 0.2), 0.12, 700, 5000),
    "shovelling": lambda r: scatter(
        3,
        regular(r, 2.8, vary(r, 1.3, 0.15)),
        lambda _: join(
            noise(r, 0.35, 800, 8000) * line(0.35, 0.2, 1, 0.3), silence(0.25), crackle(r, 0.4, 80, 600, 7000, 0.005)
        ),
    ),
    "digging": lambda r: scatter(
        1.5,
        [0.05, 0.8],
        lambda _: mix(noise(r, 0.35, 300, 5000, 0.3) * line(0.35, 1, 0.4, 0), crackle(r, 0.35, 60, 400, 5000, 0.006)),
    ),
    "nail hammering": lambda r: knocks(
        r, regular(r, 2.2, vary(r, 0.36, 0.25)), vary(r, 1100, 0.3), (1, 2.1, 3.4), 0.03, 2.6, 0.8
    ),
    "hammer": lambda r: struck(r, vary(r, 500, 0.5), (1, 2.3, 3.8), 0.03, 0.5, 0.9),
    "pickaxe": lambda r: knocks(
        r, regular(r, 2.2, vary(r, 0.75, 0.2)), vary(r, 2300, 0.3), (1, 1.7, 2.8), 0.06, 2.6, 0.9
    ),
    "rock hit": lambda r: struck(r, vary(r, 700, 0.5), (1, 1.43, 2.2), 0.012, 0.3, 0.9),
    "rockfall": lambda r: scatter(
        2.5,
        sorted((2.4 * r.random(45) ** 1.4).tolist()),
        lambda _: r.uniform(0.2, 1) * struck(r, r.uniform(90, 600), (1, 1.4, 2.2), 0.03, 0.3, 0.6),
    ),
    "stone grinding": lambda r: noise(r, 2.5, 60, 2500, 0.4) * (0.5 + 0.5 * noise(r, 2.5, 5, 40)) * swell(2.5, 0.3),
    "falling objects": lambda r: tumble(r, 2, 18, WOOD, 150, 900, 0.04),
    "didgeridoo": lambda r: (
        voice(r, line(3, *r.uniform(0.98, 1.02, 4)) * vary(r, 70, 0.15), (vary(r, 450, 0.3), 1200, 1900), 0.1)
        * wobble(3, vary(r, 4, 0.4), 0.35)
    ),
    "jaw harp": lambda r: scatter(
        2.6,
        regular(r, 2.5, vary(r, 0.32, 0.3)),
        lambda _: resonate(buzz(vary(r, 85, 0.02), 0.4, 0.95), [(r.uniform(500, 2500), 120)]) * decay(0.4, 0.15),
    ),
    "bugle": lambda r: scatter(
        2.6,
        [0.25 * n for n in range(9)],
        lambda _: (
            buzz(float(r.choice([349, 466, 587, 698])), 0.245, 0.75)[:10_000] * swell(10_000 / 44_100 + 1e-6, 0.3)
        ),
    ),
    "alphorn": lambda r: scatter(
        3.4, [0.0, 0.8, 1.6, 2.4], lambda _: buzz(float(r.choice([139, 185, 233, 277])), 0.8, 0.5) * swell(0.8, 0.4)
    ),
    "musical saw": lambda r: (
        tone(line(3, *r.uniform(0.8, 1.3, 4)) * vary(r, 620, 0.3) * wobble(3, 6, 0.02), 3, (1, 0.05)) * swell(3, 0.5)
    ),
    "rain stick": lambda r: crackle(r, 3.5, 140, 2500, 12_000, 0.003) * line(3.5, 0.3, 1, 0.8, 0.2),
    "ratchet": lambda r: scatter(
        1.6, regular(r, 1.5, 1 / vary(r, 28, 0.3)), lambda _: struck(r, 1200, WOOD, 0.008, 0.06, 0.9)
    ),
    "castanets": lambda r: scatter(
        2.4,
        [t + d for t in np.arange(0.05, 2.2, vary(r, 0.5, 0.2)) for d in (0, 0.07, 0.14, 0.3)],
        lambda _: struck(r, vary(r, 2200, 0.1), (1, 1.6), 0.009, 0.08, 0.8),
    ),
    "slapstick": lambda r: thud(r, 500, 9000, 0.008, 0.3),
    "hand drum rhythm": lambda r: scatter(
        3,
        [vary(r, 0.22, 0.02) * n for n in (0, 2, 3, 5, 6, 8, 10, 11)],
        lambda n: struck(r, 110 if n % 3 == 0 else 240, (1, 1.59, 2.14), 0.07, 0.4, 0.5),
    ),
    "tambourine": lambda r: scatter(
        1.6,
        [0.03 + vary(r, 0.3, 0.2) * n for n in range(int(r.integers(1, 5)))],
        lambda _: scatter(
            0.4,
            r.uniform(0, 0.07, 8).tolist(),
            lambda _: r.uniform(0.2, 0.7) * struck(r, r.uniform(5000, 9000), (1, 1.5), 0.05, 0.25, 0.2),
        ),
    ),
}
