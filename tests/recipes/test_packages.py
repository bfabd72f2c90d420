"""Packages: the list is whole, and each is unpacked once."""

import tarfile
import zipfile
from pathlib import Path

import packages
import pytest


def rows() -> list[list[str]]:
    return [line.split("\t") for line in packages.LIST.read_text().splitlines()[1:]]


def test_every_package_is_pinned_and_has_a_licence() -> None:
    for registry, name, version, file, sha256, licence in rows():
        assert registry in ("debian", "npm", "pypi")
        assert version.replace(":", "%3a") in file or version in file, name
        assert len(sha256) == 64 and licence
    assert len({row[1] for row in rows()}) == len(rows())


def test_a_wheel_for_one_platform_is_asked_for_wherever_this_runs() -> None:
    file = "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl"
    command = packages.download_command("pypi", "scikit-image", "0.26.0", file)
    assert command[-4:] == [
        "--only-binary=:all:",
        "--python-version=311",
        "--platform=manylinux_2_24_x86_64",
        "--platform=manylinux_2_28_x86_64",
    ]
    assert packages.download_command("pypi", "aisfx", "0.1.2", "aisfx-0.1.2-py2.py3-none-any.whl")[-1] == "aisfx==0.1.2"


@pytest.mark.parametrize("kind", ["whl", "tgz"])
def test_unpacks_once(tmp_path: Path, kind: str) -> None:
    (tmp_path / "note.txt").write_text("first")
    package = tmp_path / f"package.{kind}"
    if kind == "whl":
        with zipfile.ZipFile(package, "w") as archive:
            archive.write(tmp_path / "note.txt", "note.txt")
    else:
        with tarfile.open(package, "w:gz") as archive:
            archive.add(tmp_path / "note.txt", "note.txt")
    packages.unpack(package, tmp_path / "out")
    assert (tmp_path / "out" / "note.txt").read_text() == "first"
    package.unlink()
    packages.unpack(package, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["note.txt", "out"]


def test_an_interrupted_unpacking_starts_again(tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "half").write_text("")
    package = tmp_path / "package.whl"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("whole", "")
    packages.unpack(package, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole"]
