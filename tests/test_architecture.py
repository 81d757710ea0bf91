"""The folders point one way, the search cannot see hidden tests, heavy imports stay behind one module each."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from nodes.state import Problem, SolveInput, SolveState, Update

ROOT = Path(__file__).parents[1]
FOLDERS = ("graphs", "nodes", "inference", "sandbox", "benchmark", "cli")
SEARCH = ("graphs", "nodes", "inference", "sandbox")
MAY_IMPORT = {
    "inference": {"inference"},
    "sandbox": {"sandbox"},
    "nodes": {
        "nodes",
        "inference.base",
        "sandbox.base",
        "sandbox.checks",
        "sandbox.compare",
        "sandbox.languages",
        "sandbox.sessions",
    },
    "graphs": {"graphs", "nodes", "inference.base", "sandbox.base"},
    "graphs/factory.py": {"graphs", "nodes", "inference", "sandbox"},
    "benchmark": {"benchmark", "graphs", "nodes", "inference", "sandbox"},
    "cli": {"cli", "benchmark", "graphs", "nodes", "inference", "sandbox"},
}
ONLY_IN = {
    "llama_cpp": {"inference/llama.py", "benchmark/speed/peers.py"},
    "langchain_community": {"inference/langchain.py"},
}
PROBLEM_FIELDS = (
    "statement",
    "mode",
    "entry_point",
    "starter_code",
    "language",
    "tests",
    "also_called",
    "instruction",
    "unread",
    "several",
    "options",
    "cpu_seconds",
    "memory_mb",
)


def sources() -> list[str]:
    return sorted(str(p.relative_to(ROOT)) for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))


def imports(source: str) -> set[str]:
    """Return the dotted names that a module imports, also inside functions and under `TYPE_CHECKING`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names |= {f"{base}.{alias.name}" for alias in node.names}
            assert node.level == 0, f"{source}: imports are absolute"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in {
            "import_module",
            "__import__",
        }:
            names |= {text.value for text in ast.walk(node) if _is_module_name(text)}  # type: ignore[attr-defined]
    return names


def _is_module_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).split(".")[0] in FOLDERS


def allowed(source: str, name: str) -> bool:
    rules = MAY_IMPORT.get(source) or MAY_IMPORT[source.split("/")[0]]
    return any(name == rule or name.startswith(f"{rule}.") for rule in rules)


@pytest.mark.parametrize("source", sources())
def test_imports_point_one_way(source):
    ours = {name for name in imports(source) if name.split(".")[0] in FOLDERS}
    assert not [name for name in sorted(ours) if not allowed(source, name)]


def test_rules_see_every_form_of_import():
    assert "nodes.state.Problem" in imports("graphs/running.py")
    assert "graphs.solver" in imports("graphs/__init__.py")
    assert not allowed("nodes/lens.py", "inference.gguf.GgufModel")
    assert not allowed("inference/base.py", "nodes.state")
    assert not allowed("graphs/solver.py", "inference.gguf")
    assert allowed("graphs/factory.py", "inference.gguf")


def test_search_never_imports_what_knows_hidden_tests():
    search = [source for source in sources() if source.split("/")[0] in SEARCH]
    reached = {(source, name) for source in search for name in imports(source)}
    assert not {pair for pair in reached if pair[1].split(".")[0] in {"benchmark", "cli", "tests"}}


@pytest.mark.parametrize("library", ONLY_IN)
def test_heavy_library_has_named_importers(library):
    users = {source for source in sources() if library in {name.split(".")[0] for name in imports(source)}}
    assert users == ONLY_IN[library]


@pytest.mark.parametrize("library", ONLY_IN)
def test_heavy_library_is_imported_when_used(library):
    for source in ONLY_IN[library]:
        top = [node for node in ast.parse((ROOT / source).read_text(encoding="utf-8")).body]
        named = [ast.unparse(node) for node in top if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [line for line in named if library in line]


def test_the_graph_is_built_without_heavy_libraries():
    program = """
import sys, graphs
graphs.build_solver()
sys.exit(", ".join({"llama_cpp", "langchain_community", "docker"} & sys.modules.keys()) or 0)
"""
    assert _python(program) == 0


def _python(program: str) -> int:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=60).returncode


def test_problem_can_hold_no_hidden_test():
    assert tuple(field.name for field in fields(Problem)) == PROBLEM_FIELDS


def test_caller_hands_in_a_problem_and_nothing_else():
    assert {field.name for field in fields(SolveInput)} == {"statement", "problem"}


def test_update_keys_are_state_fields():
    assert {field.name for field in fields(SolveState)} == get_type_hints(Update).keys()


def test_modules_have_telling_names():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert not [source for source in sources() if vague & set(Path(source).stem.split("_"))]


@pytest.mark.parametrize("folder", ["cli", "nodes", "sandbox"])
def test_installed_package_has_every_file_it_reads(folder):
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = {
        path for glob in table["tool"]["setuptools"]["package-data"][folder] for path in (ROOT / folder).glob(glob)
    }
    read = {path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert not read - shipped
