"""What accuracy costs: the Pareto front, tokens and seconds box by box, energy and money per task and solved task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from benchmark.measurement import Power
from benchmark.measures import Graded
from benchmark.report.charts import Bar, Point, accuracy_against_cost, front, stacked_bars
from benchmark.report.document import NOTHING, Cell, Figure, Section, Table, amount, number, share, table, word
from benchmark.report.sets import SetBook
from benchmark.spending import (
    Price,
    api_money,
    joules,
    mean_by_box,
    meter_ratio,
    money,
    per_solved,
    told_and_metered,
)
from benchmark.statistics import wilson

_ORDER = ("plan_search", "diversity_sampling", "budgeted_generation", "self_test_synthesis", "distinguish", "repair",
          "sandbox_execution", "harness")  # fmt: skip
Results = Mapping[str, Sequence[Graded]]


def accuracy_and_tokens(results: Results, book: SetBook) -> Section:
    """Return accuracy against tokens, with the conditions that no other one beats."""
    points = []
    for name, graded in results.items():
        right = [g.right for g in graded]
        accuracy = wilson(sum(right), len(right))
        wrong = book.where(f"{name}: the answer is wrong", graded, [not one for one in right])
        if accuracy is not None:
            points.append(Point(name=name, cost=fmean(g.run.tokens for g in graded), accuracy=accuracy, tasks=wrong))
    edge = front(points)
    rows = [[word(p.name), number(p.cost), share(p.accuracy, p.tasks)] for p in edge]
    note = "Nothing is both cheaper and better than a point on the dashed line. A higher point is no difference yet."
    figure = Figure(
        title="Accuracy against tokens",
        svg=accuracy_against_cost(f"{book.prefix}-pareto-plot", points, "tokens per task"),
        note=note,
    )
    tables = (table("Pareto front", ("condition", "tokens per task", "selected pass@1, %"), rows),)
    return Section(title="Accuracy against tokens", anchor=f"{book.prefix}-pareto", figures=(figure,), tables=tables)


def boxes(results: Results, book: SetBook) -> Section:
    """Return where tokens and seconds went."""
    means = {name: mean_by_box([g.run for g in graded]) for name, graded in results.items()}
    known = [*_ORDER, *(box for mean in means.values() for box in mean if box not in _ORDER)]
    names = list(dict.fromkeys(known))
    tokens = [Bar(name=name, parts={b: s.tokens for b, s in mean.items() if s.tokens}) for name, mean in means.items()]
    seconds = [Bar(name=name, parts={b: s.seconds for b, s in mean.items()}) for name, mean in means.items()]
    by_tokens = stacked_bars(f"{book.prefix}-tokens", tokens, names, "generated tokens per task")
    by_seconds = stacked_bars(f"{book.prefix}-seconds", seconds, names, "seconds per task")
    figures = (Figure(title="Tokens, box by box", svg=by_tokens), Figure(title="Seconds, box by box", svg=by_seconds))
    tokens_by_box = {bar.name: bar.parts for bar in tokens}
    seconds_by_box = {bar.name: bar.parts for bar in seconds}
    tables = (
        _box_table("Generated tokens per task", names, tokens_by_box, 0),
        _box_table("Seconds per task", names, seconds_by_box, 3),
        _sums(results),
    )
    text = "Work from the pool counts as if it were done again. The harness is wall time in neither model nor sandbox."
    return Section(title="Box by box", anchor=f"{book.prefix}-boxes", text=text, figures=figures, tables=tables)


def _box_table(title: str, names: Sequence[str], means: Mapping[str, Mapping[str, float]], digits: int) -> Table:
    rows = [
        [word(box), *(number(mean[box], digits) if box in mean else word(NOTHING) for mean in means.values())]
        for box in names
        if any(mean.get(box) for mean in means.values())
    ]
    return table(title, ("box", *means), rows)


def _sums(results: Results) -> Table:
    """Return whether the boxes add up to the meters, which count apart from them."""
    rows = []
    for name, graded in results.items():
        runs = [g.run for g in graded]
        boxes_s = len(runs) * sum(spent.seconds for spent in mean_by_box(runs).values())
        fresh = sum(not (run.spent.reused or run.spent.recalled) for run in runs)
        told_s, metered_s = told_and_metered(runs)
        ratio = number(told_s / metered_s, 4) if metered_s else word(NOTHING)
        whole = number(sum(run.seconds for run in runs), 2)
        rows.append([word(name), number(boxes_s, 2), whole, number(fresh), ratio])
    head = (
        "condition",
        "seconds, boxes",
        "seconds, clock",
        "tasks without reuse",
        "model and sandbox there: boxes / meter",
    )
    return table("Boxes against the clock and the meter of model and sandbox, all tasks", head, rows)


def cost(results: Results, book: SetBook, power: Power, jobs: int, price: Price) -> Section:
    """Return energy and money per task and per solved task, and what APIs would take for the same tokens."""
    rows = [_cost(name, graded, power, jobs, price) for name, graded in results.items()]
    head = ("condition", "seconds", "Wh per task", "money per 1,000 tasks", "money per 1,000 solved [95 %]",
            *(f"{api.name}, per 1,000 tasks" for api in price.apis))  # fmt: skip
    note = f"{power.watts:.0f} W for {jobs} processes: {power.source}. {price.per_kwh:g} per kWh; no hardware counted."
    ratio = meter_ratio({name: [g.run for g in graded] for name, graded in results.items()}, power, jobs)
    if ratio is not None:
        note += f" The wall time of all runs accounts for {100 * ratio:.1f} % of what the meter read."
    tables = [table("Energy and money", head, rows, note)]
    if price.apis:
        tables.append(_break_even(results, power, jobs, price))
    return Section(title="Cost", anchor=f"{book.prefix}-cost", tables=tuple(tables))


def _cost(name: str, graded: Sequence[Graded], power: Power, jobs: int, price: Price) -> list[Cell]:
    spent = [1000 * money(g.run, power, jobs, price) for g in graded]
    return [
        word(name),
        number(fmean(g.run.seconds for g in graded), 2),
        number(fmean(joules(g.run, power, jobs) for g in graded) / 3600, 4),
        number(fmean(spent), 4),
        amount(per_solved(spent, [g.right for g in graded]), 4),
        *(number(1000 * fmean(api_money(g.run, api) for g in graded), 4) for api in price.apis),
    ]


def _break_even(results: Results, power: Power, jobs: int, price: Price) -> Table:
    """Return at which price of a kWh the energy of a run costs as much as an API's tokens."""
    rows = []
    for name, graded in results.items():
        kwh = sum(joules(g.run, power, jobs) for g in graded) / 3.6e6
        apis = [sum(api_money(g.run, api) for g in graded) for api in price.apis]
        rows.append([word(name), *(number(one / kwh, 2) if kwh else word(NOTHING) for one in apis)])
    note = "If the API's model wrote as many tokens; whether it would solve as many tasks is another question."
    return table(
        "Break-even: price per kWh at which energy costs as much",
        ("condition", *(a.name for a in price.apis)),
        rows,
        note,
    )
