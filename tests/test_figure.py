"""What people see is what runs: the README's figure, one file per box, the file that names the graph."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from graphs import build_solver
from graphs.solver import figure

ROOT = Path(__file__).parents[1]
FIGURE = re.compile(r"<!-- figure -->\n```mermaid\n(.*?)```\n<!-- /figure -->", re.DOTALL)
BOXES = sorted(figure().nodes)


def test_readme_shows_the_drawn_graph():
    found = FIGURE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found == [build_solver().get_graph().draw_mermaid(with_styles=False)]


def test_figure_has_ten_boxes():
    assert len(BOXES) == 10


@pytest.mark.parametrize("box", BOXES)
def test_box_is_a_function_in_a_file_of_its_name(box):
    assert callable(getattr(import_module(f"nodes.{box}"), box))


def test_every_arrow_leads_on():
    edges = build_solver().get_graph().edges
    assert {edge.source for edge in edges} >= set(BOXES)
    assert {edge.target for edge in edges} >= set(BOXES)


def test_langgraph_file_names_a_graph_that_loads():
    table = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    module, name = table["graphs"]["atlas"]["path"].split(":")
    graph = getattr(import_module(module), name)
    assert sorted(set(graph.get_graph().nodes) - {"__start__", "__end__"}) == BOXES
    assert table["dependencies"] == ["."]


def test_named_graph_shows_an_input_that_a_person_can_type():
    from graphs.studio import graph

    assert "statement" in json.dumps(graph.get_input_jsonschema())
