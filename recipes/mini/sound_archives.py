"""Sounds inside the archives of games: Doom's WAD, Qt's resource files, OpenClonk's groups."""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from waves import write_wave

AUDIO = (".ogg", ".wav", ".mp3", ".flac")


def unpack_once(target: Path, package: Path, unpack: Callable[[Path, Path], None]) -> Path:
    """``target``, filled from ``package`` if it was not there."""
    if not target.exists():
        scratch = target.with_name(f"{target.name}.partial")
        scratch.mkdir(parents=True, exist_ok=True)
        unpack(package, scratch)
        scratch.rename(target)
    return target


def wad(package: Path, target: Path) -> None:
    """The sound lumps of a Doom WAD: 8-bit samples behind a header of format, rate and count, 16 bytes of padding."""
    data = (package / "usr/share/games/doom/freedoom2.wad").read_bytes()
    count, directory = struct.unpack("<ii", data[4:12])
    for index in range(count):
        start, size, raw = struct.unpack_from("<ii8s", data, directory + 16 * index)
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        if name.startswith("DS") and size >= 100:
            _, rate, samples = struct.unpack_from("<HHI", data, start)
            sound = np.frombuffer(data, np.uint8, min(samples, size - 8), start + 8)[16:-16]
            write_wave(target / f"{name[2:].lower()}.wav", (sound.astype(np.float32) - 128) / 128, rate)


def resources(package: Path, target: Path) -> None:
    """The sounds of GCompris' Qt resource files (a tree of nodes, names, data)."""
    for archive in sorted((package / "usr/share/gcompris-qt/rcc").glob("*.rcc")):
        for path, content in resource_files(archive.read_bytes()):
            if path.lower().endswith(AUDIO):
                file = target / path.split("/gcompris/src/")[-1]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)


def resource_files(data: bytes) -> Iterator[tuple[str, bytes]]:
    version, tree, start, names = struct.unpack(">4I", data[4:20])
    size = 14 if version < 2 else 22

    def walk(index: int, folder: str) -> Iterator[tuple[str, bytes]]:
        at = tree + index * size
        name, flags = struct.unpack_from(">IH", data, at)
        length = struct.unpack_from(">H", data, names + name)[0]
        label = data[names + name + 6 : names + name + 6 + 2 * length].decode("utf-16-be") if index else ""
        path = f"{folder}/{label}" if index else ""
        if flags & 2:
            count, first = struct.unpack_from(">II", data, at + 6)
            for child in range(first, first + count):
                yield from walk(child, path)
            return
        offset = start + struct.unpack_from(">I", data, at + 10)[0]
        content = data[offset + 4 : offset + 4 + struct.unpack_from(">I", data, offset)[0]]
        yield path, zlib.decompress(content[4:]) if flags & 1 else content

    yield from walk(0, "")


def groups(package: Path, target: Path) -> None:
    """The sounds of OpenClonk's group files, folder by folder."""
    for archive in sorted((package / "usr/share/games/openclonk").glob("*.oc?")):
        if archive.is_file():
            for path, content in group_files(archive.read_bytes(), archive.name):
                if path.lower().endswith(AUDIO):
                    file = target / path
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)


def group_files(data: bytes, folder: str) -> Iterator[tuple[str, bytes]]:
    """A group: gzip with its own magic number, a scrambled header of 204 bytes, entries of 316, then the files."""
    if data[:2] == b"\x1e\x8c":
        data = zlib.decompressobj(31).decompress(b"\x1f\x8b" + data[2:])
    header = bytearray(data[:204])
    for at in range(0, 202, 3):
        header[at], header[at + 2] = header[at + 2], header[at]
    count = struct.unpack("<i", bytes(byte ^ 237 for byte in header[36:40]))[0]
    for index in range(count):
        at = 204 + 316 * index
        name = data[at : at + 260].split(b"\0")[0].decode("latin-1")
        _, is_group, size, _, offset = struct.unpack_from("<5i", data, at + 260)
        begin = 204 + 316 * count + offset
        path, content = f"{folder}/{name}", data[begin : begin + size]
        if is_group:
            yield from group_files(content, path)
        else:
            yield path, content
