"""Where boxes stand: every arrow goes forward but those that close a loop, and nothing lies on anything else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pytest

from cli.serving.figure_layout import place
from graphs import build_solver


@dataclass(frozen=True)
class Arrow:
    source: str
    target: str
    conditional: bool = False


def drawn(*pairs: str):
    arrows = [Arrow(*pair.split()) for pair in pairs]
    return place(list(dict.fromkeys(name for arrow in arrows for name in (arrow.source, arrow.target))), arrows)


@pytest.fixture(scope="module")
def figure():
    graph = build_solver().get_graph()
    return place(list(graph.nodes), graph.edges)


def test_every_box_and_arrow_of_the_graph_is_drawn(figure):
    graph = build_solver().get_graph()
    assert [box.id for box in figure.boxes] == list(graph.nodes)
    assert [(a.source, a.target, a.conditional) for a in figure.arrows] == [
        (e.source, e.target, e.conditional) for e in graph.edges
    ]


def test_no_two_things_share_a_place(figure):
    spots = [(box.layer, box.row) for box in figure.boxes]
    spots += [bend for arrow in figure.arrows if not arrow.closes_loop for bend in arrow.bends]
    assert not [(a, b) for a, b in combinations(spots, 2) if a[0] == b[0] and abs(a[1] - b[1]) < 1 - 1e-9]


def test_only_arrows_that_close_a_loop_go_back(figure):
    layer = {box.id: box.layer for box in figure.boxes}
    back = {(a.source, a.target) for a in figure.arrows if layer[a.target] <= layer[a.source]}
    assert back == {(a.source, a.target) for a in figure.arrows if a.closes_loop}
    assert back == {("self_verification", "lens_routing"), ("diversity_sampling", "lens_routing")}


def test_arrows_that_close_a_loop_run_outside_in_lanes_of_their_own(figure):
    rows = [box.row for box in figure.boxes]
    lanes = [arrow.bends[0][1] for arrow in figure.arrows if arrow.closes_loop]
    assert all(not min(rows) <= lane <= max(rows) for lane in lanes)
    assert len(set(lanes)) == len(lanes)
    assert figure.first_row <= min(lanes) <= figure.last_row


def test_long_arrow_bends_in_each_layer_that_it_crosses():
    figure = drawn("a b", "b c", "c d", "a d")
    (long,) = [arrow for arrow in figure.arrows if (arrow.source, arrow.target) == ("a", "d")]
    assert [layer for layer, _ in long.bends] == [1, 2]


def test_box_that_leads_to_itself_and_lone_box_are_drawn():
    figure = place(["a", "b"], [Arrow("a", "a")])
    assert [(box.id, box.layer) for box in figure.boxes] == [("a", 0), ("b", 0)]
    assert figure.arrows[0].closes_loop


def test_empty_graph_is_an_empty_figure():
    figure = place([], [])
    assert (figure.boxes, figure.arrows) == ((), ())
