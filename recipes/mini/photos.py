"""Pictures that are only ever looked at: real photos with queries, Tux Paint's stamps by caption and by category."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
STAMPS = "data/tuxpaint-stamps-default/usr/share/tuxpaint/stamps"
CHOSEN_STAMPS = 97
UNASKED = "nothing that was asked for"
SAMPLE_PHOTOS = {
    "data/scikit-image/skimage/data": (
        "astronaut.png|brick.png|camera.png|cell.png|chelsea.png|clock_motion.png|coffee.png|coins.png|grass.png|"
        "gravel.png|hubble_deep_field.jpg|ihc.png|moon.png|motorcycle_left.png|retina.jpg|rocket.jpg"
    ),
    "data/scikit-learn/sklearn/datasets/images": "china.jpg|flower.jpg",
}
# Found by looking at every one of them.
DRAWINGS = re.compile(
    r".*/cartoon/.*|symbols/(?!money/(?!00_)).*|clothes/(?!clothespin).*|seasonal/(easter|hanukkah|newyears)/.*|"
    r"town/flags/.*|town/roadsigns/(arrow|crossroads|hospital|roundabout|stop|stoplight.*|t-junction|yield)|"
    r"animals/(fish/shrimp|insects/(bee|fly)|mammals/(echidna|hedgehog))|food/pizza|household/dishes/(glass|mug)|"
    r"household/arttools/highlighter|medical/tooth|naturalforces/lightningbolt|people/body_parts/eye|"
    r"plants/trees/(birch|holly_leaves)|seasonal/halloween/(bat_left|blackcat|ghost|jackolantern_mean|skull|spider)|"
    r"seasonal/christmas/(Santa|bow|candy_cane|hard_candy|lamp|santahat|star|stocking|tree|xmas_tp_bulb)|"
    r"space/planets/0_sun|sports/rugby_goal_posts|town/monuments/inukshuk-outline|vehicles/(7spoke256|ship/chineseJunk)|.*/fireman240a_?"
)


def entries(cache: Path) -> Iterator[dict]:
    """Rows of the splits "photos" (texts: all queries a photo answers), "categories" and "stamps"."""
    yield from photos(cache)
    yield from categories(cache)
    yield from captioned(cache)


def stamps(cache: Path) -> list[Path]:
    """The stamps that are pixels, each once: mirrored and upturned copies left out."""
    return [file for file in sorted((cache / STAMPS).rglob("*.png")) if not file.stem.endswith(("_mirror", "_flip"))]


def photo_stamps(cache: Path) -> list[Path]:
    """The stamps that are photographs."""
    root = cache / STAMPS
    return [file for file in stamps(cache) if not DRAWINGS.fullmatch(str(file.relative_to(root).with_suffix("")))]


def photo_pool(cache: Path) -> list[Path]:
    """The sample photos of scikit-image and scikit-learn, and photo stamps drawn by a hash of their names."""
    root = cache / STAMPS
    samples = [cache / folder / name for folder, names in SAMPLE_PHOTOS.items() for name in names.split("|")]
    drawn = sorted(photo_stamps(cache), key=lambda file: hashlib.sha256(str(file.relative_to(root)).encode()).digest())
    return samples + sorted(drawn[:CHOSEN_STAMPS])


def photos(cache: Path) -> Iterator[dict]:
    """The pool of photos.tsv's queries. A photo that answers none says so, and has the source "photos, unasked"."""
    queries = defaultdict(list)
    for line in (HERE / "photos.tsv").read_text().splitlines()[1:]:
        query, files = line.split("\t")
        for file in files.split("|"):
            queries[file].append(query)
    root = cache / STAMPS
    for file in photo_pool(cache):
        stamp = file.is_relative_to(root)
        name = str(file.relative_to(root).with_suffix("")) if stamp else file.stem
        asked = queries.pop(name, [])
        yield {
            "modality": "image", "file": str(file), "texts": asked or [UNASKED], "concept": name,
            "licence": "GPL-2.0-only" if stamp else "BSD-3-Clause",
            "source": "photos" if asked else "photos, unasked", "split": "photos",
        }  # fmt: skip
    if queries:
        raise SystemExit(f"photos.tsv names pictures that are not in the pool: {', '.join(queries)}")


def categories(cache: Path) -> Iterator[dict]:
    """Photo stamps with the words for the kinds of thing they show, every level that fits."""
    lines = (HERE / "categories.tsv").read_text().splitlines()[1:]
    rules = [(re.compile(pattern), words.split("|")) for pattern, words in (line.split("\t") for line in lines)]
    root = cache / STAMPS
    for file in photo_stamps(cache):
        name = str(file.relative_to(root).with_suffix(""))
        words = [word for pattern, own in rules if pattern.fullmatch(name) for word in own]
        if words:
            yield _stamp(file, name, list(dict.fromkeys(words)), "categories")


def captioned(cache: Path) -> Iterator[dict]:
    """Every stamp with its caption."""
    root = cache / STAMPS
    for file in stamps(cache):
        if file.with_suffix(".txt").exists():
            yield _stamp(file, str(file.relative_to(root).with_suffix("")), [caption(file)], "stamps")


def caption(file: Path) -> str:
    """The first line of the text beside a stamp; a sample photo is called what its file is called."""
    beside = file.with_suffix(".txt")
    if not beside.exists():
        return file.stem.replace("_", " ")
    return beside.read_text("utf-8", "ignore").splitlines()[0].strip().rstrip(".").lower()


def _stamp(file: Path, name: str, texts: list[str], split: str) -> dict:
    return {
        "modality": "image", "file": str(file), "texts": texts, "concept": name,
        "licence": "GPL-2.0-only", "source": "stamps", "split": split,
    }  # fmt: skip
