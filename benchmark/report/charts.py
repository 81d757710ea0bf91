"""Plots as SVG text, drawn by matplotlib without a display. Ink is `currentColor`, so they follow the page's theme.

Names in a plot are names of conditions and boxes, never text of a model. Points lead to the tasks behind them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmark.calibration import Bin
from benchmark.statistics import Estimate

INK = "#010203"
"""A colour that nothing else has; it becomes `currentColor`."""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a500", "#7f7f7f", "#6a51a3")
"""Okabe and Ito's palette, which colour-blind people can tell apart; yellow and black are changed for two themes."""
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A condition in the plane of cost and accuracy."""

    name: str
    cost: float
    accuracy: Estimate
    tasks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar made of named parts."""

    name: str
    parts: dict[str, float]


def front(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points that no other one beats: as cheap and more accurate, or cheaper and as accurate."""
    return tuple(
        sorted(
            (p for p in points if not any(_beats(other, p) for other in points)),
            key=lambda p: (p.cost, p.accuracy.value),
        )
    )


def _beats(other: Point, point: Point) -> bool:
    ours, theirs = (point.cost, -point.accuracy.value), (other.cost, -other.accuracy.value)
    return theirs != ours and theirs[0] <= ours[0] and theirs[1] <= ours[1]


def accuracy_against_cost(name: str, points: Sequence[Point], unit: str) -> str:
    """Return the scatter of conditions with their intervals and the Pareto front; `name` is the plot's in its page."""
    with _plot(name, 6.4, 3.8) as (axes, done):
        edge = front(points)
        axes.step(
            [p.cost for p in edge], [100 * p.accuracy.value for p in edge], where="post", color=INK, lw=0.8, ls="--"
        )
        for index, point in enumerate(points):
            colour, value = COLOURS[index % len(COLOURS)], point.accuracy
            spread = [[100 * (value.value - value.low)], [100 * (value.high - value.value)]]
            axes.errorbar(point.cost, 100 * value.value, yerr=spread, color=colour, lw=1, capsize=3)
            dot = axes.scatter(point.cost, 100 * value.value, s=45, color=colour, zorder=3, label=point.name)
            dot.set_urls([f"#{point.tasks}" if point.tasks else None])
        axes.set(xlabel=unit, ylabel="selected pass@1, %", xscale="log" if _is_wide(points) else "linear")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return done()


def _is_wide(points: Sequence[Point]) -> bool:
    costs = [p.cost for p in points]
    return min(costs) > 0 and max(costs) > 20 * min(costs)


def reliability_diagram(name: str, bins: Sequence[Bin], links: Sequence[str]) -> str:
    """Return stated against observed shares with Wilson intervals; the diagonal is perfect calibration."""
    with _plot(name, 4.4, 3.8) as (axes, done):
        axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls="--")
        for one, link in zip(bins, links, strict=True):
            spread = [[one.right.value - one.right.low], [one.right.high - one.right.value]]
            axes.errorbar(one.stated, one.right.value, yerr=spread, color=COLOURS[0], lw=1, capsize=3)
            dot = axes.scatter(one.stated, one.right.value, s=45, color=COLOURS[0], zorder=3)
            dot.set_urls([f"#{link}" if link else None])
        axes.set(xlabel="stated P(correct)", ylabel="share that is right", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        return done()


def stacked_bars(name: str, bars: Sequence[Bar], order: Sequence[str], unit: str) -> str:
    """Return one horizontal bar per condition; a part's place in `order` gives its colour, in every plot."""
    parts = [part for part in order if any(bar.parts.get(part) for bar in bars)]
    with _plot(name, 6.4, 0.9 + 0.38 * len(bars)) as (axes, done):
        places = range(len(bars))
        left = [0.0] * len(bars)
        for part in parts:
            widths = [bar.parts.get(part, 0.0) for bar in bars]
            colour = COLOURS[order.index(part) % len(COLOURS)]
            axes.barh(places, widths, left=left, color=colour, label=part, height=0.7)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.set_yticks(places, [bar.name for bar in bars])
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return done()


@contextmanager
def _plot(name: str, width: float, height: float) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Yield axes, and a function that returns the SVG text; the same numbers give the same text."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height))
        axes = figure.add_subplot()

        def done() -> str:
            stream = io.StringIO()
            figure.savefig(stream, format="svg", bbox_inches="tight", transparent=True, metadata=dict(_NO_METADATA))
            text = stream.getvalue()
            return _embeddable(text[text.index("<svg") :], name)

        yield axes, done


def _embeddable(svg: str, name: str) -> str:
    """Return SVG text that can stand in one page with others: names of its own, the page's ink, links in place."""
    marks = {mark: f"{name}-{mark}" for mark in re.findall(r'\bid="([^"]+)"', svg)}
    svg = re.sub(r'\bid="([^"]+)"', lambda found: f'id="{marks[found[1]]}"', svg)
    svg = re.sub(r'(url\(|href=")#([^")]+)', lambda found: f"{found[1]}#{marks.get(found[2], found[2])}", svg)
    return svg.replace(INK, "currentColor").replace(' target="_blank"', "")
