"""A small library of real files with known contents, and questions whose right answers are known.

``build`` writes about sixty files in the folders a person might have; ``build_queries`` writes files that resemble
some of them and are not in the library. ``ITEMS`` says what is where, ``QUERIES`` asks once from every modality to
every modality. Run as a program, it writes both: ``python -m tests.sample_library FOLDER``.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from storage.records import Modality
from tests.sample_media import (
    SAMPLES,
    Color,
    Scene,
    Sound,
    photograph,
    picture,
    sequence,
    take,
    telephone_bell,
    ticking,
    waves,
    with_hiss,
    write_epub,
    write_pdf,
    write_scan,
    write_sound,
    write_video,
)


@dataclass(frozen=True)
class Item:
    """What is to be found where: ``start`` and ``end`` in seconds where time matters, ``page`` counts from 1."""

    path: str
    kind: Modality
    theme: str
    start: float | None = None
    end: float | None = None
    page: int | None = None


@dataclass(frozen=True)
class Query:
    """A question with one right answer: ``words``, or ``file`` (inside the folder of queries), and what it means."""

    asks: Modality
    target: Item
    meaning: str
    words: str | None = None
    file: str | None = None

    @property
    def answers(self) -> Modality:
        return self.target.kind


@dataclass(frozen=True)
class DemoQuery:
    """A question that shows a newcomer what the program is for."""

    line: str
    kind: Modality
    words: str | None = None
    file: str | None = None


TEXTS = {
    "Notes/2019-04-12.txt": "crow",
    "Notes/weekend.md": "lighthouse",
    "Notes/soup.md": "mushroom",
    "Notes/letter.txt": "piano",
    "Notes/strings.txt": "guitar",
    "Notes/saved-page.html": "telephone",
    "Notes/stall.csv": "record",
    "Notes/logbook.txt": "sailing boat",
    "Notes/ringers.txt": "bell",
    "Notes/rehearsal.txt": "drum kit",
    "Notes/keeper.html": "elephant",
    "Notes/workbench.txt": "clock",
    "Notes/quarry.txt": "explosion",
    "Notes/meadow.md": "butterfly",
    "Notes/todo.txt": "errands",
    "Code/gears.py": "bicycle",
    "Code/invoice.py": "invoices",
}

# Path: theme, drawing, colour of the ground.
IMAGES: dict[str, tuple[str, str, Color]] = {
    "Pictures/IMG_2041.jpg": ("crow", "crow", (206, 220, 226)),
    "Pictures/IMG_2042.jpg": ("lighthouse", "lighthouse-red", (190, 214, 236)),
    "Pictures/IMG_2050.png": ("bicycle", "bicycle", (255, 255, 255)),
    "Pictures/IMG_2077.jpg": ("bell", "jingle-bells", (240, 236, 224)),
    "Pictures/IMG_2080.png": ("telephone", "telephone-red", (255, 255, 255)),
    "Pictures/IMG_2101.jpg": ("wine glass", "wine-glass", (226, 214, 200)),
    "Pictures/IMG_2102.png": ("clock", "alarm-clock", (255, 255, 255)),
    "Pictures/2018/DSC00311.jpg": ("sailing boat", "sailing-boat", (214, 230, 240)),
    "Pictures/2018/DSC00315.png": ("elephant", "elephant", (255, 255, 255)),
    "Pictures/2018/DSC00322.webp": ("record", "record", (236, 232, 226)),
    "Pictures/2018/DSC00340.jpg": ("coins", "coins", (228, 224, 214)),
    "Pictures/2018/DSC00347.jpg": ("butterfly", "butterfly", (222, 236, 210)),
    "Pictures/scan-0007.tiff": ("mushroom", "mushroom-red", (250, 248, 240)),
    "Pictures/untitled.webp": ("guitar", "guitar-acoustic", (238, 230, 220)),
    "Pictures/drawing_03.gif": ("drum kit", "drum-kit", (255, 255, 255)),
    "Pictures/old_scan.bmp": ("piano", "piano-upright", (244, 240, 230)),
}
ROTATED_IMAGE = "Pictures/IMG_2042.jpg"

# Path: theme, and when it sounds in a recording that holds other things too.
SOUNDS: dict[str, tuple[str, tuple[float, float] | None]] = {
    "Sounds/recording-01.wav": ("crow", None),
    "Sounds/recording-02.flac": ("guitar", None),
    "Sounds/recording-03.mp3": ("bell", None),
    "Sounds/recording-04.ogg": ("piano", None),
    "Sounds/recording-05.opus": ("choir", None),
    "Sounds/recording-06.m4a": ("tabla", None),
    "Sounds/recording-07.ogg": ("cymbal", None),
    "Sounds/recording-08.wav": ("telephone", None),
    "Sounds/recording-09.mp3": ("record", None),
    "Sounds/recording-10.flac": ("cash register", None),
    "Sounds/recording-11.m4a": ("wine glass", None),
    "Sounds/recording-12.mp3": ("explosion", None),
    "Sounds/recording-13.opus": ("clock", None),
    "Sounds/recording-14.mp3": ("sea", None),
    "Sounds/evening-walk.opus": ("drum roll", (18.0, 23.0)),
}

# Path: scenes of four seconds, each with theme, drawing and sound.
VIDEOS: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    "Videos/VID_0001.mp4": (("bus", "bus", None), ("crow", "crow", "crow"), ("cake", "cake", "burp")),
    "Videos/VID_0002.mkv": (
        ("castle", "castle", "wood"),
        ("guitar", "guitar-sunburst", "guitar"),
        ("apple", "apple", None),
    ),
    "Videos/clip-a.webm": (("gull", "gull", None), ("fish", "fish", "hum"), ("lighthouse", "lighthouse-black", "sea")),
    "Videos/clip-b.mov": (("earth", "earth", "hum"), ("robot", "robot", None), ("rocket", "rocket", "explosion")),
    "Videos/MVI_1187.avi": (
        ("coffee", "coffee", None),
        ("telephone", "telephone-office", "telephone"),
        ("dog", "dog", "wood"),
    ),
    "Videos/VID_0007.mp4": (
        ("piano", "piano-scale", "piano"),
        ("snowman", "snowman", None),
        ("sunflower", "sunflower", "hum"),
    ),
    "Videos/VID_0008.mkv": (
        ("bananas", "bananas", None),
        ("harp", "harp", "hum"),
        ("hand drum", "djembe", "hand drum"),
    ),
    "Videos/clip-c.webm": (("owl", "owl", "wood"), ("record", "record-player", "record"), ("rooster", "rooster", None)),
    "Videos/VID_0010.mov": (
        ("money", "dollars", "cash register"),
        ("violin", "violin", None),
        ("cyclist", "cyclist", "burp"),
    ),
    "Videos/VID_0012.mp4": (("tiger", "tiger", "hum"), ("trumpet", "trumpet", None), ("penguin", "penguin", None)),
}
SCENE_SECONDS = 4.0

# Path: theme of every page.
DOCUMENTS = {
    "Documents/field-guide.pdf": ("crow", "mushroom", "elephant", "butterfly", "penguin"),
    "Documents/music-room.pdf": ("guitar", "piano", "drum kit", "bell", "choir"),
    "Documents/observatory.pdf": ("night sky", "comet"),
    "Documents/scan_1987.pdf": ("bicycle",),
    "Documents/coast.epub": ("lighthouse", "sailing boat", "tide"),
    "Documents/high-street.epub": ("cash register", "clock", "record"),
}


def _items() -> tuple[Item, ...]:
    texts = [Item(path, "text", theme) for path, theme in TEXTS.items()]
    images = [Item(path, "image", theme) for path, (theme, _, _) in IMAGES.items()]
    sounds = [Item(path, "audio", theme, *(span or (None, None))) for path, (theme, span) in SOUNDS.items()]
    scenes = [
        Item(path, "video", theme, number * SCENE_SECONDS, (number + 1) * SCENE_SECONDS)
        for path, parts in VIDEOS.items()
        for number, (theme, _, _) in enumerate(parts)
    ]
    pages = [
        Item(path, "document", theme, page=page)
        for path, themes in DOCUMENTS.items()
        for page, theme in enumerate(themes, start=1)
    ]
    return (*texts, *images, *sounds, *scenes, *pages)


ITEMS = _items()
# A theme is a subject that the library holds in at least three modalities.
THEMES = tuple(
    theme
    for theme in dict.fromkeys(item.theme for item in ITEMS)
    if len({item.kind for item in ITEMS if item.theme == theme}) >= 3
)


def find_item(kind: Modality, theme: str) -> Item:
    """The one item of this modality on this theme; LookupError if there is none or more than one."""
    found = [item for item in ITEMS if item.kind == kind and item.theme == theme]
    if len(found) != 1:
        raise LookupError(f"{len(found)} items of kind {kind} on {theme}")
    return found[0]


QUERIES = (
    Query("text", find_item("text", "mushroom"), "a recipe", words="how to cook a soup from wild mushrooms"),
    Query("text", find_item("image", "lighthouse"), "a picture", words="a lighthouse with red and white stripes"),
    Query("text", find_item("video", "guitar"), "the scene of a video", words="an acoustic guitar"),
    Query("text", find_item("audio", "bell"), "a recording", words="a single stroke on a bell"),
    Query("text", find_item("document", "elephant"), "a page", words="how elephants use their trunks"),
    Query("image", find_item("text", "telephone"), "what was written about this", file="telephone.jpg"),
    Query("image", find_item("image", "bicycle"), "another bicycle", file="bicycle.png"),
    Query("image", find_item("video", "penguin"), "the scene with this animal", file="penguin.png"),
    Query("image", find_item("audio", "guitar"), "how this sounds", file="guitar.png"),
    Query("image", find_item("document", "mushroom"), "the page about this", file="mushroom.jpg"),
    Query("video", find_item("text", "sailing boat"), "notes about this", file="schooner.mp4"),
    Query("video", find_item("image", "butterfly"), "a picture of this animal", file="butterfly.mp4"),
    Query("video", find_item("video", "telephone"), "another telephone ringing", file="telephone.webm"),
    Query("video", find_item("audio", "record"), "more sounds of this being done", file="record.mp4"),
    Query("video", find_item("document", "clock"), "the page about these", file="clock.webm"),
    Query("audio", find_item("text", "crow"), "notes about this bird", file="crow.mp3"),
    Query("audio", find_item("image", "drum kit"), "what makes this sound", file="drums.wav"),
    Query("audio", find_item("video", "money"), "the scene in which this is heard", file="till.mp3"),
    Query("audio", find_item("audio", "cymbal"), "more sounds like this", file="cymbal.flac"),
    Query("audio", find_item("document", "bell"), "the page about these", file="bell.mp3"),
    Query("document", find_item("text", "piano"), "what else was written about this", file="piano.pdf"),
    Query("document", find_item("image", "sailing boat"), "a picture of this", file="sailing.pdf"),
    Query("document", find_item("video", "rocket"), "the scene that shows this", file="rocket.pdf"),
    Query("document", find_item("audio", "choir"), "how this sounds", file="choir.pdf"),
    Query("document", find_item("document", "lighthouse"), "more on this", file="lighthouse.pdf"),
)

DEMO_QUERIES = (
    DemoQuery("Words find the seconds of a film.", "video", words="an acoustic guitar"),
    DemoQuery("Words find a sound whose name says nothing.", "audio", words="a choir singing"),
    DemoQuery("A photo of a mushroom finds the page about them.", "document", file="mushroom.jpg"),
    DemoQuery("The sound of a till finds the scene in which one is heard.", "video", file="till.mp3"),
    DemoQuery("A clip of a schooner finds the ship's log.", "text", file="schooner.mp4"),
    DemoQuery("A page on sailing finds a drawing of a boat.", "image", file="sailing.pdf"),
)


def build(folder: Path) -> None:
    """Write the library into ``folder``, over whatever of it is already there; the same bytes every time."""
    for name in ("Notes", "Code", "Pictures/2018", "Sounds", "Videos", "Documents"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in TEXTS:
        shutil.copyfile(SAMPLES / "texts" / path, folder / path)
    for path, (_, name, tint) in IMAGES.items():
        _write_image(folder / path, name, tint, rotated=path == ROTATED_IMAGE)
    for path, sound in _recordings().items():
        write_sound(folder / path, sound())
    soundtracks = _soundtracks()
    for seed, (path, parts) in enumerate(VIDEOS.items()):
        scenes = tuple(
            Scene(theme, name, soundtracks[key]() if key else None, SCENE_SECONDS) for theme, name, key in parts
        )
        write_video(folder / path, scenes, seed)
    documents = folder / "Documents"
    write_pdf(documents / "field-guide.pdf", "pages/field-guide", {2: "mushroom-spotted"})
    write_pdf(documents / "music-room.pdf", "pages/music-room")
    write_pdf(documents / "observatory.pdf", "pages/observatory")
    write_scan(documents / "scan_1987.pdf", "penny-farthing")
    write_epub(documents / "coast.epub", "pages/coast", "The Coast")
    write_epub(documents / "high-street.epub", "pages/high-street", "The High Street")


def build_queries(folder: Path) -> None:
    """Write the files that ``QUERIES`` and ``DEMO_QUERIES`` ask with; none of them is in the library."""
    folder.mkdir(parents=True, exist_ok=True)
    photograph("telephone-dial", (224, 228, 214)).save(folder / "telephone.jpg", quality=82)
    picture("bicycle-blue").save(folder / "bicycle.png")
    picture("penguin-cartoon").save(folder / "penguin.png")
    picture("guitar-cartoon").save(folder / "guitar.png")
    photograph("mushroom-brown", (216, 226, 200)).save(folder / "mushroom.jpg", quality=82)

    ring = telephone_bell(4.0, pitch=1180, ring=0.5, pause=0.25)
    turns = ((0.0, take("vinyl_backspin")), (1.3, take("vinyl_scratch", 0.9)), (1.8, take("vinyl_backspin", 1.15)))
    scratching = sequence(*turns, seconds=4.0)
    write_video(folder / "schooner.mp4", (Scene("sailing boat", "schooner", waves(4.0, seed=31)),), seed=101)
    write_video(folder / "butterfly.mp4", (Scene("butterfly", "butterfly-purple"),), seed=102)
    write_video(folder / "telephone.webm", (Scene("telephone", "telephone-dial", ring),), seed=103)
    write_video(folder / "record.mp4", (Scene("record", "record-grey", scratching),), seed=104)
    write_video(folder / "clock.webm", (Scene("clock", "clock", ticking(4.0, beat=0.5)),), seed=105)

    caws = sequence(*((t, take("misc_crow", 1.08)) for t in (0.2, 0.9, 1.5, 2.9)), seconds=3.8)
    write_sound(folder / "crow.mp3", with_hiss(caws, 0.01, seed=41), bit_rate=48_000)
    write_sound(folder / "drums.wav", sequence(*((t, take("loop_breakbeat")) for t in (0.0, 1.9)), seconds=3.8))
    till = sequence((0.4, take("perc_till", 1.12)), seconds=3.0)
    write_sound(folder / "till.mp3", with_hiss(till, 0.006, seed=43), bit_rate=48_000)
    crashes = ((0.0, take("drum_cymbal_open")), (1.7, take("drum_cymbal_soft")))
    write_sound(folder / "cymbal.flac", sequence(*crashes, seconds=3.0))
    write_sound(folder / "bell.mp3", with_hiss(take("perc_bell", 1.12), 0.004, seed=42), bit_rate=48_000)

    for name in ("piano", "sailing", "rocket", "choir", "lighthouse"):
        write_pdf(folder / f"{name}.pdf", f"queries/{name}")


def _write_image(path: Path, name: str, tint: Color, rotated: bool) -> None:
    match path.suffix:
        case ".jpg":
            image, exif = photograph(name, tint), Image.Exif()
            if rotated:
                # Orientation 6: the viewer turns the stored picture a quarter clockwise.
                image = image.transpose(Image.Transpose.ROTATE_90)
                exif[0x0112] = 6
            image.save(path, quality=85, exif=exif)
        case ".webp":
            photograph(name, tint).save(path, quality=80)
        case ".tiff":
            picture(name, tint).save(path, compression="tiff_deflate")
        case ".bmp":
            picture(name, tint).resize((256, 256), Image.Resampling.LANCZOS).save(path)
        case _:
            picture(name, tint).save(path)


def _recordings() -> dict[str, Callable[[], Sound]]:
    tune = ((0.0, 1.0), (1.5, 1.189), (3.0, 0.891), (4.5, 1.335), (6.0, 1.0))
    return {
        "Sounds/recording-01.wav": lambda: sequence(
            *((t, take("misc_crow")) for t in (0.3, 0.9, 1.5, 3.4, 4.0)), seconds=5
        ),
        "Sounds/recording-02.flac": lambda: take("guit_e_fifths"),
        "Sounds/recording-03.mp3": lambda: take("perc_bell"),
        "Sounds/recording-04.ogg": lambda: sequence(*((t, take("ambi_piano", s)) for t, s in tune), seconds=9),
        "Sounds/recording-05.opus": lambda: sequence(
            *((t, take("ambi_choir", s)) for t, s in ((0.0, 1.0), (1.5, 0.891), (3.0, 1.0))), seconds=4.6
        ),
        "Sounds/recording-06.m4a": lambda: take("loop_tabla"),
        "Sounds/recording-07.ogg": lambda: sequence(
            (0.0, take("drum_cymbal_hard")), (1.4, take("drum_cymbal_hard")), (2.8, take("drum_splash_hard")), seconds=5
        ),
        "Sounds/recording-08.wav": lambda: telephone_bell(6.0, pitch=1020, ring=1.3, pause=0.9),
        "Sounds/recording-09.mp3": lambda: sequence(
            *((t, take("vinyl_scratch", s)) for t, s in ((0.0, 1.0), (0.35, 1.2), (0.7, 0.85), (1.2, 1.0), (1.5, 1.3))),
            (2.0, take("vinyl_rewind")),
            seconds=4.7,
        ),
        "Sounds/recording-10.flac": lambda: take("perc_till"),
        "Sounds/recording-11.m4a": lambda: take("ambi_glass_rub"),
        "Sounds/recording-12.mp3": lambda: take("misc_cineboom"),
        "Sounds/recording-13.opus": lambda: ticking(8.0, beat=1.0),
        "Sounds/recording-14.mp3": lambda: waves(12.0, seed=21),
        "Sounds/evening-walk.opus": lambda: sequence(
            (0.0, waves(30.0, seed=22, level=0.04)), (18.0, take("drum_roll")), seconds=30
        ),
    }


def _soundtracks() -> dict[str, Callable[[], Sound]]:
    hits = ((0.0, "tabla_ghe2"), (0.7, "tabla_na_o"), (1.2, "tabla_tun1"), (2.0, "tabla_ghe2"), (2.7, "tabla_na_o"))
    return {
        "crow": lambda: sequence(*((t, take("misc_crow", 0.94)) for t in (0.2, 1.0, 1.7, 3.0)), seconds=4),
        "guitar": lambda: take("guit_e_slide"),
        "sea": lambda: waves(4.0, seed=23),
        "explosion": lambda: take("misc_cineboom", 1.1),
        "telephone": lambda: telephone_bell(4.0, pitch=940, ring=1.1, pause=0.8),
        "piano": lambda: sequence((0.0, take("ambi_piano", 0.84)), (2.0, take("ambi_piano", 1.06)), seconds=4),
        "hand drum": lambda: sequence(*((t, take(name)) for t, name in hits), seconds=4),
        "record": lambda: sequence(
            (0.0, take("vinyl_rewind", 1.1)), (2.6, take("vinyl_scratch")), (3.1, take("vinyl_scratch", 1.2)), seconds=4
        ),
        "cash register": lambda: take("perc_till", 0.95),
        "burp": lambda: take("misc_burp"),
        "wood": lambda: sequence(*((t, take("elec_wood")) for t in (0.4, 1.6, 2.9)), seconds=4),
        "hum": lambda: take("ambi_dark_woosh"),
    }


if __name__ == "__main__":
    build(Path(sys.argv[1]) / "library")
    build_queries(Path(sys.argv[1]) / "queries")
