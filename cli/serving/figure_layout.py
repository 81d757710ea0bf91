"""Where the boxes of the figure stand when it is drawn: layers from left to right, made from the graph alone.

The usual method for layered drawings (Sugiyama and others, 1981) in its plainest form: arrows that close a loop are set
aside, a box stands one layer behind its last predecessor, an arrow across several layers gets a bend in each, and boxes
stand level with what they are joined to. Arrows that close a loop run outside, each in a lane of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Arrow = tuple[str, str]
_LANE = 0.6
"""Room for an arrow that runs outside, in rows."""


class Drawable(Protocol):
    """An arrow of LangGraph's drawable graph."""

    @property
    def source(self) -> str:
        """Name of the box where it begins."""

    @property
    def target(self) -> str:
        """Name of the box where it ends."""

    @property
    def conditional(self) -> bool:
        """Whether it is taken only sometimes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBox:
    """A box of the figure; the unit of both coordinates is one place."""

    id: str
    layer: float
    row: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedArrow:
    """An arrow of the figure."""

    source: str
    target: str
    conditional: bool
    closes_loop: bool
    bends: tuple[tuple[float, float], ...]
    """(layer, row) of the points between both ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The graph, ready to be drawn."""

    boxes: tuple[PlacedBox, ...]
    arrows: tuple[PlacedArrow, ...]
    layers: int
    first_row: float
    last_row: float


def place(names: Sequence[str], arrows: Sequence[Drawable]) -> Figure:
    """Return a drawing of a graph; the first name is its start."""
    joined = [(arrow.source, arrow.target) for arrow in arrows]
    loops = _closing(names, joined)
    layers = _layers(names, [arrow for arrow in joined if arrow not in loops])
    chains = {arrow: _chain(arrow, layers) for arrow in joined if arrow not in loops}
    rows = _rows(names, layers, chains)
    spots = {name: (layers[name], rows[name]) for name in names}
    lanes = _lanes(loops, spots, rows)
    placed = tuple(
        PlacedArrow(
            source=arrow.source,
            target=arrow.target,
            conditional=arrow.conditional,
            closes_loop=(pair := (arrow.source, arrow.target)) in loops,
            bends=lanes[pair] if pair in loops else tuple((layers[one], rows[one]) for one in chains[pair]),
        )
        for arrow in arrows
    )
    heights = [*rows.values(), *(row for bends in lanes.values() for _, row in bends)]
    return Figure(
        boxes=tuple(PlacedBox(id=name, layer=layer, row=row) for name, (layer, row) in spots.items()),
        arrows=placed,
        layers=int(max(layers.values(), default=0)) + 1,
        first_row=min(heights, default=0.0),
        last_row=max(heights, default=0.0),
    )


def _closing(names: Sequence[str], arrows: Sequence[Arrow]) -> set[Arrow]:
    """Return the arrows that lead back to a box on the way to their source, in a walk from the first box."""
    closing: set[Arrow] = set()
    done: set[str] = set()

    def walk(box: str, way: tuple[str, ...]) -> None:
        done.add(box)
        for source, target in arrows:
            if source != box:
                continue
            if target in (*way, box):
                closing.add((source, target))
            elif target not in done:
                walk(target, (*way, box))

    for name in names:
        if name not in done:
            walk(name, ())
    return closing


def _layers(names: Sequence[str], forward: Sequence[Arrow]) -> dict[str, float]:
    """Return the layer of each box: one behind the last of its predecessors. Bends are added by `_chain`."""
    layers = dict.fromkeys(names, 0.0)
    for _ in names:
        for source, target in forward:
            layers[target] = max(layers[target], layers[source] + 1)
    return layers


def _chain(arrow: Arrow, layers: dict[str, float]) -> tuple[str, ...]:
    """Return names for the bends of an arrow, one per layer that it crosses, and give each its layer."""
    source, target = arrow
    between = range(int(layers[source]) + 1, int(layers[target]))
    names = tuple(f"{source} {target} {layer}" for layer in between)
    layers.update(zip(names, map(float, between), strict=True))
    return names


def _rows(
    names: Sequence[str], layers: Mapping[str, float], chains: Mapping[Arrow, tuple[str, ...]]
) -> dict[str, float]:
    """Return the row of each box and bend: level with what leads to it, then, once, with what it leads to."""
    links = [
        link
        for (source, target), bends in chains.items()
        for link in zip((source, *bends), (*bends, target), strict=True)
    ]
    order = sorted(layers, key=lambda one: (layers[one], names.index(one) if one in names else len(names)))
    rows: dict[str, float] = {}
    for layer in sorted(set(layers.values())):
        _settle([one for one in order if layers[one] == layer], _level(links, rows, back=True), rows)
    for layer in sorted(set(layers.values()), reverse=True):
        here = [one for one in order if layers[one] == layer]
        if len(here) == 1:
            _settle(here, _level(links, rows, back=False), rows)
    return rows


def _level(links: Iterable[Arrow], rows: Mapping[str, float], *, back: bool) -> dict[str, float]:
    """Return the mean row of the neighbours on one side that have one."""
    found: dict[str, list[float]] = {}
    for source, target in links:
        here, there = (target, source) if back else (source, target)
        if there in rows:
            found.setdefault(here, []).append(rows[there])
    return {one: sum(values) / len(values) for one, values in found.items()}


def _settle(here: Sequence[str], level: Mapping[str, float], rows: dict[str, float]) -> None:
    """Give the members of a layer rows at least one apart, near what each would like, and centred on it."""
    wished = {one: level.get(one, rows.get(one, 0.0)) for one in here}
    order = sorted(here, key=lambda one: wished[one])
    taken: list[float] = []
    for one in order:
        taken.append(max(wished[one], taken[-1] + 1) if taken else wished[one])
    off = sum(taken) / len(taken) - sum(wished.values()) / len(wished)
    rows.update((one, row - off) for one, row in zip(order, taken, strict=True))


def _lanes(
    loops: Iterable[Arrow], spots: Mapping[str, tuple[float, float]], rows: Mapping[str, float]
) -> dict[Arrow, tuple[tuple[float, float], ...]]:
    """Return the way of each arrow that closes a loop: outside, on the nearer side, the longest outmost."""
    least, most = min(rows.values(), default=0.0), max(rows.values(), default=0.0)
    lanes: dict[Arrow, tuple[tuple[float, float], ...]] = {}
    used = {True: 0, False: 0}
    for source, target in sorted(loops, key=lambda arrow: spots[arrow[0]][0] - spots[arrow[1]][0]):
        above = spots[source][1] < (least + most) / 2
        used[above] += 1
        row = least - _LANE * used[above] if above else most + _LANE * used[above]
        lanes[source, target] = ((spots[source][0], row), (spots[target][0], row))
    return lanes
