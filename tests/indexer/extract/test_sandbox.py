import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pymupdf
import pytest
from PIL import Image

from indexer.errors import ExtractionError
from indexer.extract.sandbox import ExtractionWorker
from indexer.pieces import ExtractedPiece, ExtractionLimits

from .making import LIMITS, MEDIA, pieces_of, tone, write_sound, write_video

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def worker() -> Iterator[ExtractionWorker]:
    with ExtractionWorker(MEDIA, LIMITS) as worker:
        yield worker


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("Owls hunt at night.")
    return path


def _children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "indexer.extract.worker" in child.cmdline()
    ]


def _read(worker: ExtractionWorker, path: Path, span: tuple[float, float] | None = None) -> list[ExtractedPiece]:
    return list(worker.open(path, span).pieces)


def _same(first: ExtractedPiece, second: ExtractedPiece) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("modality", "text", "frames", "sound", "start", "end", "page")
    )


def _book(path: Path, pages: int) -> Path:
    with pymupdf.open() as document:
        for number in range(pages):
            document.new_page().insert_text((50, 50), f"Page {number + 1}")
        document.save(path)
    return path


def _endless_page(path: Path) -> Path:
    """A page that draws a form, which draws another ten times, and so on: a few hundred bytes, ages to draw."""
    depth = 12
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</XObject<</F 5 0 R>>>>/Contents 4 0 R>>",
        b"<</Length 4>>stream\n/F Do\nendstream",
    ]
    for number in range(5, 5 + depth):
        form = b"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</F %d 0 R>>>>" % (number + 1)
        objects.append(form + b"/Length 60>>stream\n" + b"/F Do " * 10 + b"\nendstream")
    objects.append(b"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Length 9>>stream\n0 0 9 9 re f\nendstream")
    body = b"".join(b"%d 0 obj%s endobj\n" % (number, text) for number, text in enumerate(objects, 1))
    path.write_bytes(b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R/Size 99>>\n%%EOF\n")
    return path


def test_every_kind_arrives_as_it_was_decoded(worker: ExtractionWorker, words: Path, tmp_path: Path) -> None:
    Image.new("RGB", (100, 50), "teal").save(tmp_path / "a.png")
    paths = [
        words,
        tmp_path / "a.png",
        _book(tmp_path / "a.pdf", 3),
        write_sound(tmp_path / "a.wav", tone(12, 48_000), "pcm_s16le"),
        write_video(tmp_path / "a.mp4", sound=("aac", tone(6, 48_000))),
    ]
    for path in paths:
        expected = pieces_of(path)
        for _ in range(2):
            found = _read(worker, path)
            assert len(found) == len(expected) and all(map(_same, found, expected))
    assert len(_children()) == 1
    opened = worker.open(paths[3], (1.0, 4.0))
    assert (opened.kind, opened.duration) == ("audio", 12.0)
    assert [(piece.start, piece.end) for piece in opened.pieces] == [(1.0, 4.0)]


def test_a_bad_file_gives_its_reason_and_the_same_process_goes_on(worker: ExtractionWorker, words: Path) -> None:
    empty, missing = words.with_name("empty.pdf"), words.with_name("missing.txt")
    empty.touch()
    _read(worker, words)
    (before,) = _children()
    for path, reason in [(empty, "the file is empty"), (missing, "it is gone"), (words.parent, "not read")]:
        with pytest.raises(ExtractionError, match=reason):
            _read(worker, path)
    assert _read(worker, words)[0].text == "Owls hunt at night."
    assert _children() == [before]


def test_a_reason_found_late_comes_with_the_pieces(worker: ExtractionWorker, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.aiff", tone(60, 48_000), "pcm_s16be")
    path.write_bytes(path.read_bytes()[:3_000_000])
    pieces = worker.open(path).pieces
    assert next(pieces).start == 0.0
    with pytest.raises(ExtractionError, match=r"^truncated"):
        list(pieces)
    assert len(_children()) == 1


def test_names_that_are_no_unicode_and_names_like_addresses(worker: ExtractionWorker, tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.wav", tone(1, 48_000), "pcm_s16le")
    Image.new("RGB", (10, 10)).save(tmp_path / "a.png")
    _book(tmp_path / "a.pdf", 1)
    for extension in ("wav", "png", "pdf"):
        source = tmp_path / f"a.{extension}"
        for name in (os.fsdecode(b"caf\xe9 \xff."), "http:x?y=%20&.", "-i ümlaut\n."):
            path = source.with_name(name + extension)
            path.write_bytes(source.read_bytes())
            assert len(_read(worker, path)) == 1
    assert len(_read(worker, Path(os.path.relpath(sound)))) == 1


def test_a_crash_costs_one_file(worker: ExtractionWorker, words: Path, tmp_path: Path) -> None:
    book = _book(tmp_path / "a.pdf", 100)
    pieces = worker.open(book).pieces
    next(pieces)
    os.kill(_children()[0].pid, signal.SIGSEGV)
    with pytest.raises(ExtractionError, match=r"^the decoder crashed \(SIGSEGV\)$"):
        list(pieces)
    assert _read(worker, words)[0].text == "Owls hunt at night."
    (child,) = _children()
    child.kill()  # between two files nobody is hurt
    while child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert _read(worker, words)[0].text == "Owls hunt at night."


def test_too_much_memory(words: Path, tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "a.png")
    with ExtractionWorker(MEDIA, ExtractionLimits(memory_megabytes=300)) as worker:
        with pytest.raises(ExtractionError, match=r"^needs more than 300 MB of memory$"):
            _read(worker, tmp_path / "a.png")
        assert _read(worker, words)[0].text == "Owls hunt at night."


def test_too_much_time(words: Path, tmp_path: Path) -> None:
    path = _endless_page(tmp_path / "a.pdf")
    with ExtractionWorker(MEDIA, ExtractionLimits(seconds=2)) as worker:
        with pytest.raises(ExtractionError, match=r"^took longer than 2 s$"):
            _read(worker, path)
        assert _read(worker, words)[0].text == "Owls hunt at night."


def test_the_time_the_consumer_takes_does_not_count_and_the_process_waits(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(60, 16_000), "pcm_s16le", 16_000)
    with ExtractionWorker(MEDIA, ExtractionLimits(seconds=1.5)) as worker:
        pieces = worker.open(path).pieces
        next(pieces)
        time.sleep(2.0)
        (child,) = _children()
        before = child.cpu_times()
        time.sleep(0.3)
        assert child.cpu_times() == before
        assert len(list(pieces)) == 10


def test_an_abandoned_file_does_not_disturb_the_next(worker: ExtractionWorker, words: Path, tmp_path: Path) -> None:
    book = _book(tmp_path / "a.pdf", 100)
    unfinished = worker.open(book).pieces
    next(unfinished)
    assert _read(worker, words)[0].text == "Owls hunt at night."
    with pytest.raises(ExtractionError, match="another file was opened"):
        next(unfinished)
    assert _read(worker, words)[0].text == "Owls hunt at night."

    closed = worker.open(book).pieces
    next(closed)
    closed.close()  # type: ignore[attr-defined]
    assert _children() == []
    worker.open(book)
    assert _read(worker, words)[0].text == "Owls hunt at night."


def test_closing_leaves_no_process_behind(words: Path) -> None:
    with ExtractionWorker(MEDIA, LIMITS) as worker:
        assert _children() == []  # nothing is started before it is needed
        _read(worker, words)
        worker.open(words)
        assert len(_children()) == 1
    assert _children() == []
    worker.close()
    assert _read(worker, words)[0].text == "Owls hunt at night."
    worker.close()
    assert _children() == []


def test_a_worker_that_was_interrupted_starts_no_other_process(worker: ExtractionWorker, words: Path) -> None:
    worker.interrupt()
    with pytest.raises(ExtractionError, match="given up"):
        worker.open(words)
    assert not worker.is_at_rest


def test_several_workers_in_several_threads(words: Path, tmp_path: Path) -> None:
    book = _book(tmp_path / "a.pdf", 20)
    counts: list[int] = []

    def work() -> None:
        with ExtractionWorker(MEDIA, LIMITS) as worker:
            counts.extend(len(_read(worker, path)) for path in [words, book, words])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [1] * 8 + [20] * 4
    assert _children() == []


def test_a_worker_outlives_the_thread_that_opened_it(words: Path) -> None:
    with ExtractionWorker(MEDIA, LIMITS) as worker:
        thread = threading.Thread(target=_read, args=(worker, words))
        thread.start()
        thread.join()
        (child,) = _children()
        assert _read(worker, words)[0].text == "Owls hunt at night."
        assert _children() == [child]


def test_the_child_is_limited_and_light(worker: ExtractionWorker, words: Path, tmp_path: Path) -> None:
    _read(worker, words)
    _read(worker, write_video(tmp_path / "a.mp4", seconds=1, cuts=()))
    (child,) = _children()
    assert child.rlimit(psutil.RLIMIT_DATA)[0] == LIMITS.memory_megabytes * 1024 * 1024
    assert child.rlimit(psutil.RLIMIT_CORE)[0] == 0 and child.rlimit(psutil.RLIMIT_FSIZE)[0] == 0
    assert child.nice() > psutil.Process().nice() or child.nice() == 19
    assert not any("torch" in mapped.path or "faiss" in mapped.path for mapped in child.memory_maps())
    assert child.memory_info().rss < 400e6


def test_the_child_imports_no_torch() -> None:
    modules = ["worker", "text", "source_code", "html", "tables", "images", "pages", "recordings"]
    program = ";".join(f"import indexer.extract.{module}" for module in modules)
    program += "; import sys; print([name for name in ('torch', 'transformers', 'faiss') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def _script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_a_script_without_main_guard_works_from_any_folder(words: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the folder we happen to be in was run')")
    elsewhere = tmp_path / "scripts"
    elsewhere.mkdir()
    script = _script(
        elsewhere,
        f"""
        import sys
        sys.path.append({str(ROOT)!r})
        from pathlib import Path
        from indexer.extract.sandbox import ExtractionWorker
        from indexer.pieces import ExtractionLimits, MediaFormat
        with ExtractionWorker(MediaFormat(), ExtractionLimits()) as worker:
            print([piece.text for piece in worker.open(Path({words.name!r})).pieces])
        """,
    )
    shown = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (shown.stdout, shown.stderr) == ("['Owls hunt at night.']\n", "")


def test_the_child_dies_with_a_parent_that_is_killed_even_in_the_middle_of_its_work(tmp_path: Path) -> None:
    book = _book(tmp_path / "a.pdf", 30)
    script = _script(
        tmp_path,
        f"""
        import sys, time
        sys.path.append({str(ROOT)!r})
        from pathlib import Path
        from indexer.extract.sandbox import ExtractionWorker
        from indexer.pieces import ExtractionLimits, MediaFormat
        worker = ExtractionWorker(MediaFormat(), ExtractionLimits())
        pieces = worker.open(Path({str(book)!r})).pieces
        next(pieces)
        print(worker._process._popen.pid, flush=True)
        time.sleep(60)
        """,
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=5)


def test_the_lifeline_ends_even_a_process_that_never_looks(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    program = "import sys; from indexer.extract.confine import die_with_parent; die_with_parent(int(sys.argv[1]))"
    program += "\nprint('ready', flush=True)\nwhile True: pass"
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(reading)], cwd=ROOT, pass_fds=[reading], stdout=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    assert child.poll() is None
    os.close(writing)
    assert child.wait(timeout=5) == -signal.SIGIO
    child.stdout.close()
    os.close(reading)


def test_what_a_library_prints_does_not_get_between_the_messages(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, sys
        from indexer.extract.worker import _private_channel
        requests, answers = _private_channel()
        print("noise"); sys.stdout.flush(); os.write(1, b"noise"); os.write(2, b"noise")
        answers.write(requests.read(3)); answers.flush()
        """
    )
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, input=b"abc", capture_output=True, check=True)
    assert (shown.stdout, shown.stderr) == (b"abc", b"")
