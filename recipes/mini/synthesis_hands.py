"""Computed sounds of hands and feet: paper, keys, steps, blows, ball games."""

import numpy as np
from numpy.random import Generator
from sound_tools import (
    METAL,
    WOOD,
    Maker,
    Sound,
    at_random,
    bounces,
    crackle,
    decay,
    gusts,
    join,
    knocks,
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
    thud,
    tone,
    tumble,
    vary,
    whoosh,
    wobble,
)


def steps(r: Generator, period: float, low: float, high: float, half_life: float, grit: float = 0.0) -> Sound:
    """Heel and sole of each step, with what crunches under it."""

    def one(_: int) -> Sound:
        heel = thud(r, low, high, half_life, 0.28)
        sole = join(silence(0.07), 0.5 * thud(r, low, high, half_life, 0.21))
        return mix(
            heel, sole, grit * join(silence(0.02), noise(r, 0.26, 1200, 9000) * swell(0.26, 1.5)) if grit else heel
        )

    return scatter(3, regular(r, 2.9, period, 0.03), one)


SOUNDS: dict[str, Maker] = {
    "scissors": lambda r: scatter(
        2,
        regular(r, 1.9, vary(r, 0.38, 0.3)),
        lambda _: mix(
            noise(r, 0.2, 3000, 13_000) * line(0.2, 0.3, 0.6, 1, 0), 0.3 * struck(r, 4500, (1, 1.6), 0.02, 0.2, 0.4)
        ),
    ),
    "zipper": lambda r: (
        noise(r, 0.7, 1800, 11_000)
        * np.sign(np.sin(2 * np.pi * np.cumsum(line(0.7, 60, 260)) / 44_100)).clip(0)
        * line(0.7, 0.5, 1, 0.8)
    ),
    "velcro": lambda r: rip(r, r.uniform(0.5, 1.1), vary(r, 130, 0.3), 800, 12_000),
    "tearing paper": lambda r: rip(r, r.uniform(0.4, 1.2), vary(r, 45, 0.4), 1500, 13_000),
    "page turning": lambda r: scatter(
        2,
        [0.05, 1.0][: int(r.integers(1, 3))],
        lambda _: mix(
            noise(r, 0.45, 1500, 11_000, 0.2) * line(0.45, 0.1, 0.4, 1, 0.2, 0),
            0.4 * crackle(r, 0.45, 40, 2000, 12_000),
        ),
    ),
    "crumpling paper": lambda r: crackle(r, 2.2, vary(r, 110, 0.4), 1500, 13_000, 0.005),
    "bubble wrap": lambda r: scatter(
        2.5, at_random(r, 2.4, 5), lambda _: struck(r, r.uniform(900, 1500), (1, 1.8), 0.008, 0.06, 0.9)
    ),
    "rustling": lambda r: mix(crackle(r, 2, 130, 2500, 13_000, 0.004), 0.3 * gusts(r, 2, 2000, 9000, 0.2)),
    "writing": lambda r: scatter(
        2.6, at_random(r, 2.5, 6), lambda _: noise(r, 0.16, 2000, 9000, 0.2) * swell(0.16, 0.7)
    ),
    "chalk on blackboard": lambda r: scatter(
        2.6,
        at_random(r, 2.5, 5),
        lambda _: join(0.8 * thud(r, 800, 5000, 0.006, 0.04), 0.5 * noise(r, 0.18, 2500, 7000) * swell(0.18)),
    ),
    "typing on a keyboard": lambda r: scatter(
        3,
        at_random(r, 3, vary(r, 8, 0.4)),
        lambda _: (
            r.uniform(0.4, 1)
            * mix(thud(r, 1500, 9000, 0.004, 0.06), 0.6 * struck(r, vary(r, 320, 0.1), WOOD, 0.01, 0.06, 0))
        ),
    ),
    "typewriter": lambda r: mix(
        scatter(
            3,
            at_random(r, 2.6, 6),
            lambda _: mix(thud(r, 600, 9000, 0.008, 0.12), 0.4 * struck(r, 1500, METAL, 0.02, 0.12, 0)),
        ),
        scatter(3, [2.6], lambda _: 0.6 * struck(r, 2400, (1, 2.7), 0.2, 0.4, 0)),
    ),
    "mouse click": lambda r: scatter(
        0.5, [0.03, 0.03 + vary(r, 0.09, 0.3)], lambda _: thud(r, 2000, 11_000, 0.002, 0.03)
    ),
    "button click": lambda r: scatter(
        0.4, [0.03, 0.08], lambda n: (1 - 0.5 * n) * thud(r, 1000, vary(r, 7000, 0.4), 0.003, 0.04)
    ),
    "stapler": lambda r: scatter(
        0.6, [0.03, 0.13], lambda _: mix(thud(r, 200, 6000, 0.012, 0.15), 0.4 * struck(r, 2600, METAL, 0.03, 0.15, 0))
    ),
    "cork popping": lambda r: join(
        0.15 * noise(r, 0.3, 500, 3000) * line(0.3, 0, 1),
        struck(r, vary(r, 420, 0.3), (1, 2.1), 0.03, 0.3, 0.8),
        0.15 * noise(r, 0.6, 3000, 14_000) * decay(0.6, 0.2),
    ),
    "opening a can": lambda r: join(
        thud(r, 1500, 12_000, 0.006, 0.06),
        noise(r, 0.7, 2500, 15_000) * decay(0.7, 0.12),
        0.3 * struck(r, 1500, METAL, 0.03, 0.3, 0.4),
    ),
    "balloon pop": lambda r: thud(r, 100, 14_000, vary(r, 0.015, 0.4), 0.5),
    "pop": lambda r: tone(line(0.09, 1, 2) * vary(r, 450, 0.4), 0.09) * decay(0.09, 0.02),
    "whip": lambda r: join(0.4 * whoosh(r, 0.3, 800, 7000), thud(r, 1000, 18_000, 0.006, 0.3)),
    "slap": lambda r: thud(r, 400, 7000, 0.014, 0.3),
    "punch": lambda r: mix(thud(r, 40, 350, 0.04, 0.4), 0.5 * thud(r, 400, 4000, 0.012, 0.4)),
    "thud": lambda r: thud(r, 30, vary(r, 350, 0.4), 0.05, 0.5),
    "soft hit": lambda r: thud(r, 60, vary(r, 700, 0.3), 0.025, 0.3),
    "finger snap": lambda r: scatter(
        1.6,
        [0.05, 0.7][: int(r.integers(1, 3))],
        lambda _: resonate(thud(r, 800, 9000, 0.007, 0.12), [(vary(r, 2300, 0.2), 400)]),
    ),
    "clapping": lambda r: scatter(
        3,
        regular(r, 2.9, vary(r, 0.42, 0.4), 0.02),
        lambda _: resonate(thud(r, 500, 7000, 0.009, 0.1), [(vary(r, 1300, 0.15), 500)]),
    ),
    "applause": lambda r: scatter(
        3.5,
        at_random(r, 3.5, vary(r, 130, 0.5)),
        lambda _: r.uniform(0.1, 1) * resonate(thud(r, 500, 6000, 0.007, 0.05), [(r.uniform(900, 2200), 500)]),
    ),
    "heartbeat": lambda r: scatter(
        3.5,
        [t + d for t in np.arange(0.1, 3.4, vary(r, 0.85, 0.3)) for d in (0, 0.24)],
        lambda n: (1 - 0.3 * (n % 2)) * noise(r, 0.16, 20, 110) * swell(0.16, 1),
    ),
    "footsteps": lambda r: steps(r, vary(r, 0.55, 0.2), 60, vary(r, 900, 0.5), 0.02),
    "running": lambda r: steps(r, vary(r, 0.3, 0.12), 60, 1200, 0.018),
    "high heels": lambda r: scatter(
        3, regular(r, 2.9, vary(r, 0.5, 0.15), 0.02), lambda _: struck(r, vary(r, 1400, 0.15), (1, 2.3), 0.01, 0.12, 1)
    ),
    "stairs": lambda r: steps(r, vary(r, 0.38, 0.15), 80, 700, 0.03),
    "marching": lambda r: (
        lambda p: scatter(
            3.2,
            [t + float(j) for t in np.arange(0.1, 3.1, p) for j in r.uniform(0, 0.05, 8)],
            lambda _: 0.5 * thud(r, 60, 1500, 0.025, 0.2),
        )
    )(vary(r, 0.52, 0.1)),
    "footstep on gravel": lambda r: steps(r, vary(r, 0.6, 0.15), 200, 3000, 0.015, 1.2),
    "footstep on snow": lambda r: scatter(
        3,
        regular(r, 2.9, vary(r, 0.7, 0.15)),
        lambda _: mix(noise(r, 0.35, 300, 3500, 0.2) * swell(0.35, 1), crackle(r, 0.35, 80, 800, 5000, 0.005)),
    ),
    "footstep on wood": lambda r: knocks(
        r, regular(r, 2.9, vary(r, 0.55, 0.15)), vary(r, 140, 0.2), WOOD, 0.04, 3, 0.5
    ),
    "footstep on metal": lambda r: knocks(
        r, regular(r, 2.9, vary(r, 0.58, 0.15)), vary(r, 260, 0.3), METAL, 0.1, 3, 0.4
    ),
    "ping pong": lambda r: scatter(
        2.8,
        [t + d for t in np.arange(0.05, 2.7, vary(r, 0.62, 0.2)) for d in (0, 0.22)],
        lambda n: struck(r, 1250 if n % 2 else 950, (1, 2.2), 0.01, 0.08, 0.5),
    ),
    "tennis": lambda r: scatter(
        3,
        regular(r, 2.9, vary(r, 1.0, 0.2)),
        lambda _: mix(
            struck(r, vary(r, 480, 0.1), (1, 1.6, 2.4), 0.03, 0.25, 0.8), 0.3 * thud(r, 300, 3000, 0.01, 0.25)
        ),
    ),
    "basketball": lambda r: scatter(
        2.8,
        regular(r, 2.7, vary(r, 0.5, 0.25)),
        lambda _: mix(
            struck(r, vary(r, 95, 0.15), (1, 2.6, 6.1), 0.05, 0.4, 0.3),
            0.2 * tone(vary(r, 1000, 0.1), 0.4) * decay(0.4, 0.03),
        ),
    ),
    "bouncing ball": lambda r: bounces(r, vary(r, 260, 0.6), (1, 1.9, 2.8), 0.025, vary(r, 0.6, 0.3)),
    "golf": lambda r: join(0.4 * whoosh(r, 0.35, 600, 5000), struck(r, vary(r, 2100, 0.2), (1, 1.8), 0.012, 0.3, 0.8)),
    "football kick": lambda r: mix(
        thud(r, 60, 600, 0.04, 0.4), 0.5 * struck(r, vary(r, 160, 0.2), (1, 2.1), 0.05, 0.4, 0.5)
    ),
    "billiards": lambda r: scatter(
        1.8,
        [0.05, *sorted(r.uniform(0.3, 1.6, int(r.integers(1, 5))).tolist())],
        lambda _: struck(r, vary(r, 2900, 0.05), (1, 1.9), 0.012, 0.1, 0.6),
    ),
    "dice": lambda r: tumble(r, 1.3, 12, WOOD, 1300, 2400, 0.012),
    "marbles": lambda r: scatter(
        2, at_random(r, 1.9, 14), lambda _: struck(r, r.uniform(3200, 4800), (1, 2.1), 0.012, 0.08, 0.5)
    ),
    "boing": lambda r: (
        tone(line(1, 1, 0.8, 0.7) * vary(r, 190, 0.4) * wobble(1, vary(r, 13, 0.3), 0.25), 1, (1, 0.7, 0.5, 0.4, 0.2))
        * decay(1, 0.25)
    ),
    "bowling strike": lambda r: join(
        noise(r, 0.8, 40, 500, 0.4) * line(0.8, 0.3, 0.8), tumble(r, 1.2, 22, WOOD, 500, 1400, 0.03)
    ),
    "bowling ball rolling": lambda r: (
        noise(r, 2.5, 40, 600, 0.4) * wobble(2.5, vary(r, 8, 0.3), 0.3) * line(2.5, 0.4, 1, 0.7)
    ),
}
