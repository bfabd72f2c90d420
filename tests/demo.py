"""`make demo`: build the sample library, index it as a user would, and ask it six questions.

Each question is printed as the command that asks it, so that it can be tried again by hand.
"""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from engine.query.parse import parse_kinds
from engine.search_engine import SearchEngine
from engine.show import show_hits
from tests.sample_library import DEMO_QUERIES, build, build_queries

ANSWERS = 3


def main(folder: Path) -> int:
    """Everything goes into ``folder``; run again, only what has changed is done again. Returns an exit code."""
    console = Console(highlight=False, soft_wrap=True)
    library, queries, data = (folder / name for name in ("library", "queries", "data"))
    console.print(f"building a sample library of generated and public-domain files in {library} …")
    build(library)
    build_queries(queries)
    program = Path(sys.executable).with_name("synesthete")
    console.print(f"\n[bold]$ synesthete --data {data} index {library}[/]")
    indexed = subprocess.run([program, "--data", data, "index", library], check=False).returncode
    if indexed:
        return indexed
    with SearchEngine.open(data) as engine:
        for query in DEMO_QUERIES:
            asked = f'"{query.words}"' if query.words else f"--like {queries / str(query.file)}"
            console.print(f"\n{query.line}")
            console.print(f"[bold]$ synesthete --data {data} search {asked} --kind {query.kind} -n {ANSWERS}[/]")
            like = () if query.file is None else (queries / query.file,)
            result = engine.search(query.words, like=like, kinds=parse_kinds(query.kind), limit=ANSWERS)
            show_hits(console, result.hits, relative_to=Path.cwd())
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(main(Path(sys.argv[1])))
