"""What is told of copies: groups of files, one of which is worth keeping, the largest waste first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.duplicates.compare import Place
from storage.records import Failure, Modality

Relation = Literal["keep", "exact", "near"]


@dataclass(frozen=True)
class Member:
    """A file in a group. ``relation``: the one to keep, an exact copy of it (the same bytes), or a near one.

    ``content`` is the hash of its bytes, so that exact copies among near ones can be told. ``dimensions`` in pixels,
    ``duration`` in seconds, ``pages``: as far as the kind has them and they are known. ``start``, ``end``: where in the
    kept file a sound or film lies that is a part of it; ``page``: the page it begins at, of a document.
    """

    path: str
    relation: Relation
    size: int
    content: str
    dimensions: tuple[int, int] | None = None
    duration: float | None = None
    pages: int | None = None
    start: float | None = None
    end: float | None = None
    page: int | None = None


@dataclass(frozen=True)
class Group:
    """Files of one kind that are copies of the first, the one to keep; ``waste`` is the size of the others in bytes."""

    kind: Modality
    members: tuple[Member, ...]

    @property
    def waste(self) -> int:
        return sum(member.size for member in self.members[1:])


@dataclass(frozen=True)
class Duplicates:
    """``groups``, the largest waste first, and the files that could not be compared, with the reason."""

    groups: tuple[Group, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Content:
    """Files with the same bytes, as one: ``paths`` in the order in which one of them would be kept."""

    number: int
    kind: Modality
    digest: bytes
    size: int
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """What a fingerprint says of a content besides what it shows."""

    dimensions: tuple[int, int] | None = None
    duration: float | None = None
    pages: int | None = None

    def rank(self) -> tuple[float, float, float]:
        """The more there is of a file, the rather it is kept; lengths that differ by the padding of a codec are one."""
        width, height = self.dimensions or (0, 0)
        return round((self.duration or 0.0) / 0.25), self.pages or 0, width * height


def grouped(
    contents: Collection[Content], looks: Mapping[int, Look], places: Mapping[tuple[int, int], Place]
) -> list[Group]:
    """Every group of two or more files, the largest waste first.

    The best content takes to it all that are copies of it, then the best of the rest, and so on: everything in a group
    is a copy of what is kept, and copies of copies that drifted apart are no group. ``places`` has (number, number) of
    contents and where the first begins in the second.
    """
    near: dict[int, dict[int, Place]] = {content.number: {} for content in contents}
    for (one, other), place in places.items():
        near[one][other] = Place(-place.offset)  # where the other begins in the one
        near[other][one] = place
    by_number = {content.number: content for content in contents}
    left = dict.fromkeys(
        sorted(
            by_number,
            key=lambda number: (
                *(-part for part in looks.get(number, Look()).rank()),
                -by_number[number].size,
                by_number[number].paths,
            ),
        )
    )
    groups = []
    while left:
        kept = next(iter(left))
        copies = [other for other in near[kept] if other in left]
        for number in (kept, *copies):
            del left[number]
        content = by_number[kept]
        members = [
            _member(content, path, "exact" if place else "keep", looks) for place, path in enumerate(content.paths)
        ]
        for other in sorted(copies, key=lambda number: (-by_number[number].size, by_number[number].paths)):
            part = _part(near[kept][other], looks[kept], looks[other])
            members += [_member(by_number[other], path, "near", looks, part) for path in by_number[other].paths]
        if len(members) > 1:
            groups.append(Group(content.kind, tuple(members)))
    return sorted(groups, key=lambda group: (-group.waste, group.members[0].path))


@dataclass(frozen=True)
class _Part:
    start: float | None = None
    end: float | None = None
    page: int | None = None


def _part(place: Place, kept: Look, copy: Look) -> _Part:
    """Where in the kept file a copy lies, if it is noticeably less than the whole."""
    if kept.pages is not None and copy.pages is not None and copy.pages < kept.pages:
        return _Part(page=max(1, round(place.offset) + 1))
    if kept.duration and copy.duration and copy.duration < min(0.98 * kept.duration, kept.duration - 0.25):
        return _Part(max(0.0, place.offset), min(kept.duration, place.offset + copy.duration))
    return _Part()


def _member(
    content: Content, path: str, relation: Relation, looks: Mapping[int, Look], part: _Part | None = None
) -> Member:
    look, part = looks.get(content.number, Look()), part or _Part()
    return Member(
        path=path,
        relation=relation,
        size=content.size,
        content=content.digest.hex(),
        dimensions=look.dimensions,
        duration=None if look.duration is None else round(look.duration, 3),
        pages=look.pages,
        start=None if part.start is None else round(part.start, 3),
        end=None if part.end is None else round(part.end, 3),
        page=part.page,
    )


def contents_of(files: Sequence[tuple[Modality, bytes, int, int, str]]) -> list[Content]:
    """Files as (kind, content hash, size, time of modification, path), those with the same bytes put together."""
    together: dict[tuple[Modality, bytes], list[tuple[int, int, str]]] = {}
    for kind, digest, size, modified, path in files:
        together.setdefault((kind, digest), []).append((modified, size, path))
    return [
        Content(number, kind, digest, held[0][1], tuple(path for _, _, path in sorted(held)))
        for number, ((kind, digest), held) in enumerate(sorted(together.items()))
    ]
