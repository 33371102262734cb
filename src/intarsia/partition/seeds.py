"""Points with which a person steers a partition, and the label that each of them gets in the end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.errors import GuideError
from intarsia.types import Point


@dataclass(frozen=True)
class Seeds:
    """points: (x, y, label): the place x, y (0..1 from the top left corner) has that label; must_link: pairs of places
    with the same label; cannot_link: pairs of places with different labels; first: what messages call label 0."""

    points: tuple[tuple[float, float, int], ...] = ()
    must_link: tuple[tuple[Point, Point], ...] = ()
    cannot_link: tuple[tuple[Point, Point], ...] = ()
    first: int = 0

    def __bool__(self) -> bool:
        return bool(self.points or self.must_link or self.cannot_link)

    @classmethod
    def parse(
        cls, points: Sequence[str] = (), must_link: Sequence[str] = (), cannot_link: Sequence[str] = ()
    ) -> "Seeds":
        """From text, where labels count from 1: "0.2,0.7=1" is a point of the first label, "0.2,0.7=0.4,0.9" a pair of
        points. Raises GuideError."""
        return cls(
            tuple(_labelled(text) for text in points),
            tuple(_pair(text) for text in must_link),
            tuple(_pair(text) for text in cannot_link),
            first=1,
        )

    def places(self) -> list[Point]:
        """All places, each once, in the order in which they were given."""
        linked = [place for pair in self.must_link + self.cannot_link for place in pair]
        return list(dict.fromkeys([(x, y) for x, y, _ in self.points] + linked))

    def check(self, k: int, size: tuple[int, int]) -> None:
        """Raises GuideError if the seeds are impossible with k regions in a picture of `size` (h, w)."""
        for x, y in self.places():
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise GuideError(f"the seed point {x:g},{y:g} is outside the picture: x and y go from 0 to 1.")
        for x, y, label in self.points:
            if not 0 <= label < k:
                raise GuideError(
                    f"the seed point {x:g},{y:g} has label {label + self.first}, and {k} regions are labelled "
                    f"{self.first} to {k - 1 + self.first}."
                )
        self._groups(size)

    def _groups(self, size: tuple[int, int]) -> "_Groups":
        """Groups of places that must have the same label, with that label if it is given. Places in the same pixel are
        in the same group."""
        places = self.places()
        pixels = [pixel_of(place, size) for place in places]
        parent = list(range(len(places)))

        def root(i: int) -> int:
            while parent[i] != i:
                i = parent[i]
            return i

        def join(i: int, j: int) -> None:
            parent[max(root(i), root(j))] = min(root(i), root(j))

        number = {place: i for i, place in enumerate(places)}
        for i, pixel in enumerate(pixels):
            join(i, pixels.index(pixel))
        for a, b in self.must_link:
            join(number[a], number[b])
        labels: dict[int, tuple[int, Point]] = {}
        for x, y, label in self.points:
            group = root(number[x, y])
            before, place = labels.setdefault(group, (label, (x, y)))
            if before != label:
                raise GuideError(
                    f"seed points contradict each other: {_told(place)} has label {before + self.first} and "
                    f"{_told((x, y))} label {label + self.first}, but they are one place or must-link "
                    "joins them. Drop one of them."
                )
        apart = set()
        for a, b in self.cannot_link:
            i, j = root(number[a]), root(number[b])
            same = i in labels and j in labels and labels[i][0] == labels[j][0]
            if i == j or same:
                why = "both have one label" if i != j else "they are one place or must-link joins them"
                raise GuideError(
                    f"seed points contradict each other: cannot-link parts {_told(a)} and {_told(b)}, but {why}. "
                    "Drop one of the two."
                )
            apart |= {(i, j), (j, i)}
        roots = [root(i) for i in range(len(places))]
        return _Groups(places, roots, {group: label for group, (label, _) in labels.items()}, apart)

    def resolved(self, soft: Float[Tensor, "k h w"], size: tuple[int, int]) -> tuple[Int[Tensor, " s"], Tensor]:
        """A label for each of `places()`, and the order of the partition's clusters that fits these labels best:
        cluster order[i] becomes label i.

        Given labels are kept. Every other group of linked places takes the label that the partition without seeds gives
        it, as far as its cannot-links allow. GuideError if k labels cannot satisfy them."""
        groups, k = self._groups(size), len(soft)
        log_p = _at_places(soft, groups.places).clamp_min(1e-6).log()  # (k, s)
        gain = torch.zeros(k, k)  # label, cluster
        for i, group in enumerate(groups.roots):
            if group in groups.labels:
                gain[groups.labels[group]] += log_p[:, i]
        gain += 1e-6 * torch.eye(k)
        order = torch.from_numpy(scipy.optimize.linear_sum_assignment(-gain.numpy())[1])
        log_p = log_p[order]
        wishes = {
            group: sum(log_p[:, i] for i, one in enumerate(groups.roots) if one == group) for group in set(groups.roots)
        }
        found = _colored(sorted(wishes, key=lambda group: group not in groups.labels), wishes, groups, {}, k)
        if found is None:
            raise GuideError(
                f"seed points contradict each other: {k} regions are too few for their cannot-links. "
                "Take more regions, or drop a link."
            )
        return torch.tensor([found[group] for group in groups.roots]), order


def pixel_of(place: Point, size: tuple[int, int]) -> tuple[int, int]:
    """(row, column) of the pixel at a point, in a picture of `size` (h, w)."""
    return min(int(place[1] * size[0]), size[0] - 1), min(int(place[0] * size[1]), size[1] - 1)


@dataclass(frozen=True)
class _Groups:
    places: list[Point]
    roots: list[int]  # the group of every place
    labels: dict[int, int]  # the given label of a group, if it has one
    apart: set[tuple[int, int]]  # pairs of groups with different labels


def _colored(left: list[int], wishes: dict, groups: _Groups, found: dict[int, int], k: int) -> dict[int, int] | None:
    """Labels for the groups that are left, found by trial with the likeliest label first; None if there are none."""
    if not left:
        return found
    group, rest = left[0], left[1:]
    given = groups.labels.get(group)
    for label in [given] if given is not None else wishes[group].argsort(descending=True, stable=True).tolist():
        if all(found.get(other) != label for one, other in groups.apart if one == group):
            done = _colored(rest, wishes, groups, found | {group: label}, k)
            if done is not None:
                return done
    return None


def _at_places(soft: Float[Tensor, "k h w"], places: Sequence[Point]) -> Float[Tensor, "k s"]:
    size = (soft.shape[1], soft.shape[2])
    return torch.stack([soft[:, y, x] for y, x in (pixel_of(place, size) for place in places)], 1)


def _labelled(text: str) -> tuple[float, float, int]:
    place, _, label = text.partition("=")
    if not label.strip().isdecimal() or int(label) < 1:
        raise GuideError(f"'{text}' is no seed point. Write x,y=label, as in 0.5,0.2=1; labels count from 1.")
    return (*_point(place, text), int(label) - 1)


def _pair(text: str) -> tuple[Point, Point]:
    first, _, second = text.partition("=")
    return _point(first, text), _point(second, text)


def _point(text: str, whole: str) -> Point:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise GuideError(
            f"'{whole}' holds no point at '{text}'. Write x,y with both in 0 to 1, as in 0.5,0.2."
        ) from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise GuideError(f"'{whole}' holds a point that is not finite. x and y go from 0 to 1.")
    return x, y


def _told(place: Point) -> str:
    return f"{place[0]:g},{place[1]:g}"
