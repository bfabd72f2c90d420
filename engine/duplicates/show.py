"""How duplicates look on a terminal, and as JSON."""

import dataclasses
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.filesize import decimal

from engine.duplicates.groups import Duplicates, Member
from engine.printed import printed
from engine.show import clock, clock_span, shown_path


def show_duplicates(console: Console, found: Duplicates, relative_to: Path) -> None:
    """A line for each group and for each file in it, the one to keep first; paths as seen from ``relative_to``.

    Then the files that could not be compared.
    """
    for number, group in enumerate(found.groups, start=1):
        console.print(
            f"[dim]{number:2}[/] [bold]{group.kind}[/], {len(group.members)} files, {decimal(group.waste)} to spare"
        )
        for member in group.members:
            shown = shown_path(member.path, relative_to)
            console.print(f"   {member.relation:<5} {shown}  [dim]{'  '.join(_facts(member))}[/]")
    for failure in found.failures:
        console.print(printed(f"not compared: {failure.path}: {failure.reason}"), markup=False)
    if found.groups:
        spare = decimal(sum(group.waste for group in found.groups))
        count = sum(len(group.members) - 1 for group in found.groups)
        console.print(f"{len(found.groups)} groups, {count} files and {spare} to spare; nothing has been deleted")
    else:
        console.print("no duplicates")


def duplicates_fields(found: Duplicates) -> dict[str, Any]:
    """The answer as it is printed with --json."""
    return {
        "groups": [
            {"kind": group.kind, "waste": group.waste, "files": [dataclasses.asdict(each) for each in group.members]}
            for group in found.groups
        ],
        "failed": [{"path": failure.path, "reason": failure.reason} for failure in found.failures],
    }


def _facts(member: Member) -> list[str]:
    facts = [decimal(member.size)]
    if member.dimensions is not None:
        facts.append(f"{member.dimensions[0]} x {member.dimensions[1]}")
    if member.duration is not None:
        facts.append(clock(member.duration))
    if member.pages is not None:
        facts.append(f"{member.pages} page{'s' if member.pages != 1 else ''}")
    if member.start is not None and member.end is not None:
        facts.append(f"its {clock_span(member.start, member.end)}")
    if member.page is not None:
        facts.append(f"from its page {member.page}")
    return facts
