"""How much of what is compared stays in memory."""

from pathlib import Path

import numpy as np

from engine.duplicates.find import _Kept
from engine.duplicates.fingerprint import VERSION, Fingerprint, to_bytes
from engine.duplicates.groups import Content
from engine.duplicates.pictures import SmallPicture
from engine.duplicates.sounds import SoundPrint
from storage.fingerprint_cache import FingerprintCache


def film(seconds: int, seed: int) -> Fingerprint:
    random = np.random.default_rng(seed)
    pictures = [
        SmallPicture(random.integers(0, 255, (32, 32), np.uint8), random.integers(0, 255, (8, 8, 2), np.uint8), 1.5)
        for _ in range(2 * seconds)
    ]
    sound = SoundPrint(np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int8))
    return Fingerprint(tuple(pictures), (), sound, (640, 480), float(seconds))


def test_long_films_do_not_fill_the_memory(tmp_path: Path) -> None:
    films = [film(100, seed) for seed in range(6)]
    size = films[0].memory_bytes
    assert size > 100 * 2 * 32 * 32
    contents = [Content(number, "video", bytes([number]), 1, (f"/{number}.mp4",)) for number in range(len(films))]
    with FingerprintCache(tmp_path, VERSION) as cache:
        for content, made in zip(contents, films, strict=True):
            cache.put(content.digest, content.kind, to_bytes(made))
        kept = _Kept(cache, contents, most_bytes=3 * size)
        for number in (0, 1, 2, 3, 4, 5, 0, 5, 4):
            read = kept.read(number)
            assert np.array_equal(read.pictures[7].luma, films[number].pictures[7].luma)  # type: ignore[union-attr]
            assert kept.bytes <= 3 * size
        assert kept.read(5) is kept.read(5), "what was asked for last stays"
        one = _Kept(cache, contents, most_bytes=1)
        assert one.read(0).duration == 100 and one.read(1).duration == 100, "one is always kept, whatever its size"
