"""Captioned pictures: openclipart (public domain) and emoji sets (Apache-2.0, MIT, CC BY 4.0)."""

import hashlib
import html
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import resvg_py
from PIL import Image

OPENCLIPART = "usr/share/openclipart"
EMOJI = {
    "@iconify-json-noto": "Apache-2.0",
    "@iconify-json-fluent-emoji-flat": "MIT",
    "@iconify-json-twemoji": "CC-BY-4.0",
    "@iconify-json-fxemoji": "Apache-2.0",
    "@iconify-json-emojione": "CC-BY-4.0",
}
TITLE_LIMIT = 10  # openclipart pictures of one name: there are 1,375 stars and 62 arrows
MOST_NAMES = 2  # of one and the same picture: with more it is an empty sheet
PIXEL_LIMIT = 8_000_000  # some were rendered at poster size
EMPTY_TAGS = re.compile(
    r"hash.*|0x.*|\d+|icons?|theme|lemon_theme_icon|action|application|unsorted|special|magick|symbol|sign|mapsym|"
    r"signs_and_symbols|.*architetto.*|clip ?art|contrib|mimeicon|appicon|.*theme.*|png|svg|.*\.org.*"
)
EMPTY_TITLE = re.compile(
    r"part of .*|clipart by .*|.*collection.*|.*theme.*|.*submission.*|.*sibmission.*|.*architetto.*|.*\bicons?\b.*|"
    r".*cliparts.*|aiga.*|.*symbols.*|untitled.*|unknown|misc.*|[\W\d_]*|.*\.svg.*|.*https?:.*"
)


def entries(cache: Path, held_out: list[str]) -> Iterator[dict]:
    """All pictures; of those of the sample library (``held_out``: their names in the packages) the split is set."""
    yield from openclipart(cache, held_out)
    yield from emoji(cache)


def words(name: str) -> str:
    """A file name or tag as plain lower-case words, without numbers."""
    return " ".join(re.sub(r"[\W\d_]+", " ", name).lower().split())


def _field(work: str, name: str) -> str:
    found = re.search(rf"<dc:{name}>(.*?)</dc:{name}>", work, re.DOTALL)
    return html.unescape(found.group(1)).strip() if found else ""


def _stem(path: Path, author: str) -> str:
    """The words of a file name without the author's name, which openclipart appends and cuts off at any letter."""
    name = words(author).replace(" ", "")
    kept = words(path.stem).split()
    for start in range(1, len(kept)):
        if len(tail := "".join(kept[start:])) > 2 and name.startswith(tail):
            return " ".join(kept[:start])
    return " ".join(kept)


def openclipart(cache: Path, held_out: list[str]) -> Iterator[dict]:
    """Titles, file names and subject tags of the svg metadata, for the ready-made png of each picture."""
    Image.MAX_IMAGE_PIXELS = None  # posters are only asked for their size
    svg_root = cache / "data/openclipart-svg" / OPENCLIPART / "svg"
    png_root = cache / "data/openclipart-png" / OPENCLIPART / "png"
    records = []
    for svg in sorted(svg_root.rglob("*.svg")):
        source = svg.read_text("utf-8", "ignore")
        found = re.search(r"<(?:cc:)?Work\b.*?</(?:cc:)?Work>", source, re.DOTALL)
        work = found.group(0) if found else ""
        if "PublicDomain" not in work and "publicdomain" not in work:
            continue  # a handful say GPL, or nothing
        author = re.search(r"<dc:creator>.*?<dc:title>(.*?)</dc:title>", work, re.DOTALL)
        tags = [html.unescape(tag) for tag in re.findall(r"<rdf:li>(.*?)</rdf:li>", _field(work, "subject"), re.DOTALL)]
        relative = svg.relative_to(svg_root)
        records.append((relative, _field(work, "title"), author.group(1) if author else "", tags))
    common = {title for title, count in Counter(record[1] for record in records).items() if count > 8}
    listed = []
    for relative, title, author, tags in records:
        kept = [words(tag) for tag in tags if tag and not EMPTY_TAGS.fullmatch(tag.strip().lower())]
        empty = title in common or EMPTY_TITLE.fullmatch(title.lower()) or words(title) == words(author)
        name = _stem(relative, author) if empty else words(title)
        texts = [text for text in (name, ", ".join(dict.fromkeys(kept[:6]))) if len(text) > 2]
        if texts:
            png = png_root / relative.parent / f"{relative.stem}.png"
            with Image.open(png) as image:
                if image.width * image.height > PIXEL_LIMIT:
                    continue
            listed.append({
                "modality": "image", "file": str(png), "texts": texts, "concept": words(texts[0]),
                "licence": "public domain", "source": "openclipart",
            })  # fmt: skip
    # a sample may name the svg or the png: compare what stands behind that folder
    originals = {
        png_root / Path(*Path(name).relative_to(OPENCLIPART).parts[1:]) for name in held_out if OPENCLIPART in name
    }
    originals = {str(path.parent / f"{path.stem}.png") for path in originals}
    own = [entry for entry in listed if entry["file"] in originals]
    titles = {entry["concept"] for entry in own}
    bytes_of = {entry["file"]: _hash(entry) for entry in listed}
    hashes = {bytes_of[entry["file"]] for entry in own}
    named = defaultdict(set)
    for entry in listed:
        named[bytes_of[entry["file"]]].add(entry["concept"])
    by_title = defaultdict(list)
    for entry in listed:
        if entry["concept"] in titles or bytes_of[entry["file"]] in hashes:
            yield entry | {"split": "excluded"}
        elif len(named[bytes_of[entry["file"]]]) <= MOST_NAMES:
            by_title[entry["concept"]].append(entry)
    for same in by_title.values():
        same.sort(key=lambda entry: hashlib.sha256(entry["file"].removeprefix(str(png_root)).encode()).digest())
        yield from same[:TITLE_LIMIT]


def _hash(entry: dict) -> str:
    return hashlib.sha256(Path(entry["file"]).read_bytes()).hexdigest()


def emoji(cache: Path) -> Iterator[dict]:
    """One drawing from each set for every emoji with a name, tags from emojibase; skin tones left out."""
    described = json.loads((cache / "data/emojibase-data/package/en/data.json").read_text())
    by_code = {item["hexcode"].lower().replace("-fe0f", ""): item for item in described}
    by_name = {_squeezed(item["label"]): item for item in described}
    for package, licence in EMOJI.items():
        folder = cache / "data" / package / "package"
        icons = json.loads((folder / "icons.json").read_text())
        out = cache / "emoji" / package
        out.mkdir(parents=True, exist_ok=True)
        # A set without code points is matched by names alone.
        codes = json.loads((folder / "chars.json").read_text())
        named = [(name, by_code.get(code.lower().replace("-fe0f", ""))) for code, name in codes.items()]
        for name, item in named or [(name, by_name.get(_squeezed(name))) for name in icons["icons"]]:
            icon = icons["icons"].get(name)
            if item is None or icon is None:
                continue
            file = out / f"{name}.png"
            if not file.exists():
                width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
                space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
                svg = f'<svg {space} viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
                file.write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=256)))
            texts = [item["label"].lower(), ", ".join(item.get("tags", [])[:6])]
            yield {
                "modality": "image", "file": str(file), "texts": [text for text in texts if text],
                "concept": item["label"].lower(), "licence": licence, "source": package,
            }  # fmt: skip


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
