"""Captioned pictures: openclipart (public domain), emoji sets (Apache-2.0, MIT, CC BY 4.0), stamps to measure."""

import hashlib
import html
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import resvg_py
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
OPENCLIPART = "usr/share/openclipart"
STAMPS = "usr/share/tuxpaint/stamps"
EMOJI = {
    "@iconify-json-noto": "Apache-2.0",
    "@iconify-json-fluent-emoji-flat": "MIT",
    "@iconify-json-twemoji": "CC-BY-4.0",
}
FOLDER_LIMIT = 100  # pictures of one openclipart folder: hundreds of stars, playing cards and toolbar icons otherwise
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
    """All pictures, those of the sample library marked excluded."""
    yield from openclipart(cache, held_out)
    yield from emoji(cache)
    yield from stamps(cache)


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
    by_folder = defaultdict(list)
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
            by_folder[relative.parent].append({
                "modality": "image", "file": str(png), "texts": texts, "concept": words(texts[0]),
                "licence": "public domain", "source": "openclipart",
            })  # fmt: skip
    # a sample may name the svg or the png: compare what stands behind that folder
    originals = {
        png_root / Path(*Path(name).relative_to(OPENCLIPART).parts[1:]) for name in held_out if OPENCLIPART in name
    }
    originals = {str(path.parent / f"{path.stem}.png") for path in originals}
    listed = [entry for folder in by_folder.values() for entry in folder]
    own = [entry for entry in listed if entry["file"] in originals]
    titles = {entry["concept"] for entry in own}
    hashes = {_hash(entry) for entry in own}
    shuffle = random.Random(0)
    for folder in by_folder.values():
        chosen = [entry for entry in folder if entry["concept"] not in titles and _hash(entry) not in hashes]
        shuffle.shuffle(chosen)
        yield from chosen[:FOLDER_LIMIT]
    for entry in listed:
        if entry["concept"] in titles or _hash(entry) in hashes:
            yield entry | {"split": "excluded"}


def _hash(entry: dict) -> str:
    return hashlib.sha256(Path(entry["file"]).read_bytes()).hexdigest()


def emoji(cache: Path) -> Iterator[dict]:
    """One drawing from each set for every emoji with a name, tags from emojibase; skin tones left out."""
    described = json.loads((cache / "data/emojibase-data/package/en/data.json").read_text())
    by_code = {item["hexcode"].lower().replace("-fe0f", ""): item for item in described}
    for package, licence in EMOJI.items():
        folder = cache / "data" / package / "package"
        icons = json.loads((folder / "icons.json").read_text())
        codes = json.loads((folder / "chars.json").read_text())
        out = cache / "emoji" / package
        out.mkdir(parents=True, exist_ok=True)
        for code, name in codes.items():
            item = by_code.get(code.lower().replace("-fe0f", ""))
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


def stamps(cache: Path) -> Iterator[dict]:
    """Tux Paint's stamps (GPL): looked at for evaluation, never learned from."""
    root = cache / "data/tuxpaint-stamps-default" / STAMPS
    for png in sorted(root.rglob("*.png")):
        caption = png.with_suffix(".txt")
        if caption.exists() and not png.stem.endswith(("_mirror", "_flip")):
            text = caption.read_text("utf-8", "ignore").splitlines()[0].strip().rstrip(".").lower()
            yield {
                "modality": "image", "file": str(png), "texts": [text], "concept": text,
                "licence": "GPL-2", "source": "stamps", "split": "evaluation",
            }  # fmt: skip
