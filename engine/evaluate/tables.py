"""The results of an evaluation as tables: mean over seeds, ± their standard deviation where there are several."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

Report = Mapping[str, Any]
Seeds = Mapping[str, Mapping[str, Any]]

GROUPS = {
    "Pictures": ("text to image", "image to text", "text to image, openclipart", "image to image"),
    "Photo stamps": ("text to stamp", "stamp to text", "photos", "categories"),
    "Sound, new clips": ("text to audio, new clip", "audio to text, new clip", "audio to audio, new clip"),
    "Sound, new concepts": ("text to audio, new concept", "audio to text, new concept"),
    "Pages and video": ("text to page", "page to text", "text to video", "video to text"),
}
TEXT = ("lemma to gloss", "gloss to lemma")
READ_BY = {"recall": "R@1/R@10", "mrr": "MRR (hits@1/@10)", "map": "MAP"}
WIDE = 130  # what the widest table may take; a narrower terminal gets its cells on two lines


@dataclass(frozen=True)
class Table:
    """Cells as text; the first column names the row."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def make_tables(report: Report) -> list[Table]:
    """Every table of a report (of ``evaluate`` or of ``run_tasks``), those without a column left out."""
    if "tasks" in report:
        return [_task_table(report)]
    tables = [_column_table(report, title, names) for title, names in GROUPS.items()]
    tables += [_text_table(report), _mixed_table(report), *_drift_tables(report["drift"])]
    return [table for table in tables if len(table.header) > 1 and table.rows]


def not_made(report: Report) -> str:
    """Which rows had no checkpoint for which seeds, in a line; empty when none was missing."""
    rows: dict[str, list[str]] = {}
    for row, seed in report.get("missing", []):
        rows.setdefault(row, []).append(str(seed))
    told = [
        row if len(seeds) == len(report["seeds"]) else f"{row} (seed {', '.join(seeds)})" for row, seeds in rows.items()
    ]
    return f"not made: {', '.join(told)}" if told else ""


def show(console: Console, report: Report) -> None:
    """Print every table; what is piped is as wide as it has to be, and never cut."""
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    narrow = console.width < WIDE
    for table in make_tables(report):
        shown = RichTable(box=None, padding=(0, 1 if narrow else 2, 0, 0))
        for place, name in enumerate(table.header):
            broken = name.replace(" to ", " to\n").replace(", ", ",\n").replace(" (", "\n(")
            shown.add_column(broken, justify="right" if place else "left", no_wrap=True, vertical="bottom")
        for row in table.rows:
            shown.add_row(*(cell.replace("/", "/\n").replace(", ", ",\n") if narrow else cell for cell in row))
        console.print(table.title, style="bold", markup=False)
        console.print(shown)
        console.print()
    if line := not_made(report):
        console.print(line, markup=False)


def markdown(report: Report) -> str:
    """The tables as Markdown, each under a heading."""
    parts = []
    for table in make_tables(report):
        ruler = ["---", *["---:"] * (len(table.header) - 1)]
        lines = [_markdown_row(row) for row in (table.header, ruler, *table.rows)]
        parts.append(f"### {table.title}\n\n" + "\n".join(lines))
    if seeds := report.get("seeds"):
        deviation = ", ± standard deviation" if len(seeds) > 1 else ""
        parts.append(f"Seeds {', '.join(map(str, seeds))}: mean{deviation}. {not_made(report)}".rstrip())
    return "\n\n".join(parts) + "\n"


def _task_table(report: Report) -> Table:
    """The main score of each task of mteb."""
    lines = [(name, told["metric"], f"{told['score']:.4f}") for name, told in report["tasks"].items()]
    return Table(f"{report['model']} (mteb {report['mteb']})", ("", "metric", "score"), tuple(lines))


def _column_table(report: Report, title: str, names: Sequence[str]) -> Table:
    columns = {name: report["columns"][name] for name in names if name in report["columns"]}
    header = tuple(
        name if told["measure"] == "recall" else f"{name} ({READ_BY[told['measure']]})"
        for name, told in columns.items()
    )
    about = _about(list(columns.values()))
    models = (
        (row, *(_cell(columns[name], [seed["scores"][name] for seed in seeds.values()]) for name in columns))
        for row, seeds in report["rows"].items()
    )
    plain = any(told["measure"] == "recall" for told in columns.values())
    return Table(f"{title} ({READ_BY['recall']})" if plain else title, ("", *header), (*about, *models))


def _text_table(report: Report) -> Table:
    columns = {name: report["columns"][name] for name in TEXT if name in report["columns"]}
    has_spearman = any("spearman" in seed for seeds in report["rows"].values() for seed in seeds.values())
    last = ("Spearman to base",) if has_spearman else ()
    about = [(*row, *("" for _ in last)) for row in _about(list(columns.values()))]
    models = []
    for row, seeds in report["rows"].items():
        cells = [_cell(columns[name], [seed["scores"][name] for seed in seeds.values()]) for name in columns]
        if last:
            cells.append(spread([seed["spearman"] for seed in seeds.values()], 3))
        models.append((row, *cells))
    return Table("Text (R@1/R@10)", ("", *columns, *last), (*about, *models))


def _mixed_table(report: Report) -> Table:
    """Means over modalities of the three ways to rank, then each modality in the mixed pool by cosine."""
    rows = {name: seeds for name, seeds in report["rows"].items() if all("mixed" in seed for seed in seeds.values())}
    if not rows:
        return Table("", (), ())
    ways = {"single": "own pool", "cosine": "mixed pool", "standardised": "mixed pool, standardised"}
    lines = []
    for row, seeds in rows.items():
        lines.append((row, *(_recalls([seed["mixed"][way]["mean"] for seed in seeds.values()]) for way in ways)))
    return Table("All modalities in one pool, mean over modalities (R@1/R@10)", ("", *ways.values()), tuple(lines))


def _drift_tables(drift: Report) -> Iterator[Table]:
    stages = ("specialist", "fused", "recovered", "rehearsed")
    lines = []
    for told in drift["modalities"].values():
        seeds: Seeds = told["seeds"]
        cells = [
            _recalls([one["recall"][stage] for one in seeds.values() if stage in one["recall"]]) for stage in stages
        ]
        retained = [100 * one["retained"] for one in seeds.values() if "retained" in one]
        lines.append((told["column"], *cells, f"{spread(retained, 1)} %" if retained else "-"))
    yield Table("Drift: recall of a modality (R@1/R@10)", ("", *stages, "kept (R@1)"), tuple(lines))

    lines = []
    for modality, told in drift["modalities"].items():
        for stage in stages[1:]:
            shifts = [one["shift"][stage] for one in told["seeds"].values() if stage in one.get("shift", {})]
            if shifts:
                cells = [
                    spread([shift[part]["cosine"] for shift in shifts], 3)
                    for part in ("tokens", "backbone", "embedding")
                ]
                moved = spread([shift["tokens"]["relative_norm"] for shift in shifts], 3)
                lines.append((f"{modality}, {stage}", *cells, moved))
    header = ("", "tokens", "backbone", "embedding", "tokens moved by")
    yield Table("Drift: cosine to what the specialist gives", header, tuple(lines))

    geometry: Seeds = drift["geometry"]
    lines = []
    for name in sorted({name for one in geometry.values() for name in one["norms"]}):
        own = [one for one in geometry.values() if name in one["norms"]]
        lines.append(
            (
                name,
                spread([one["norms"][name] for one in own], 2),
                spread([100 * one["relative_norms"][name] for one in own], 2),
            )
        )
    yield Table("Task vectors: norm, and as a share of the base's", ("", "norm", "% of base"), tuple(lines))
    pairs = sorted({pair for one in geometry.values() for pair in one["cosines"]})
    lines = [
        (pair, spread([one["cosines"][pair] for one in geometry.values() if pair in one["cosines"]], 3))
        for pair in pairs
    ]
    yield Table("Task vectors: cosines", ("", "cosine"), tuple(lines))


def _about(columns: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The rows above the models: how much is asked of how many, and what chance would reach."""
    if not columns:
        return []
    return [
        ("queries", *(str(told["queries"]) for told in columns)),
        ("pool", *(str(told["pool"]) for told in columns)),
        ("chance", *(_cell(told, [told["chance"]]) for told in columns)),
    ]


def _cell(column: Mapping[str, Any], scores: Sequence[Mapping[str, float]]) -> str:
    if column["measure"] == "recall":
        return _recalls(scores)
    if column["measure"] == "map":
        return spread([one["map"] for one in scores], 3)
    hits = (round(column["queries"] * mean(one[f"recall@{k}"] for one in scores), 1) for k in (1, 10))
    return f"{spread([one['mrr'] for one in scores], 3)} ({'/'.join(f'{count:g}' for count in hits)})"


def _recalls(scores: Sequence[Mapping[str, float]]) -> str:
    """Recall@1 and @10 in per cent."""
    if not scores:
        return "-"
    return "/".join(spread([100 * one[name] for one in scores], 1) for name in ("recall@1", "recall@10"))


def spread(values: Sequence[float], digits: int) -> str:
    """The mean, and with several values ± their standard deviation (of a sample)."""
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    return f"{mean(values):.{digits}f}±{stdev(values):.{digits}f}"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
