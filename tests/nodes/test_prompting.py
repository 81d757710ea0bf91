"""Every template of both profiles, with what the boxes pass; nothing undefined is swallowed."""

from __future__ import annotations

import re
from typing import get_args

import jinja2
import pytest

from inference.base import Profile
from nodes.prompting import PROMPTS, perturbations, render, templates_hash

PROFILES = get_args(Profile)
STATEMENT = "Line one.\n---\n{{ statement }} {% raw %} `f(x)` <b>&amp; ü\n>>> f(1)\n2"
VALUES = {
    "analyse": {"statement", "code", "failure", "angle"},
    "choose": {"statement", "options"},
    "code": {"statement", "starter_code", "mode", "perturbation", "plan"},
    "criticise": {"statement", "plan"},
    "judge": {"statement", "case", "first", "second"},
    "observe": {"statement", "known", "count"},
    "oracle": {"statement", "starter_code", "mode"},
    "repair": {"statement", "mode", "starter_code", "code", "failure", "history"},
    "rephrase": {"statement", "observations"},
    "separate": {"statement", "mode", "entry_point", "first", "second"},
    "sketch": {"statement", "observations"},
    "synthesise": {"statement", "mode", "starter_code", "code", "failure", "notes"},
    "tests": {"statement", "mode", "entry_point", "count"},
}
ONLY_FULL = {"choose", "oracle"}
CALLS = [(profile, name) for profile in PROFILES for name in VALUES if profile == "full" or name not in ONLY_FULL]
LISTS = {"known": ["k1", "k2"], "observations": ["o1", "o2"], "notes": ["n1", "n2"], "options": ["A", "B"],
         "history": [{"code": "old code", "failure": "old failure"}]}  # fmt: skip


def values(name: str, *, full: bool = True, mode: str = "function") -> dict:
    """Return what a box passes: every value filled in, or every optional one empty."""
    optional = {"starter_code", "perturbation", "plan", *LISTS}
    said = {key: LISTS.get(key, f"<{key}>") for key in VALUES[name]}
    said |= {"statement": STATEMENT, **({"mode": mode} if "mode" in said else {})}
    empty = {key: [] if key in LISTS else "" for key in said if key in optional and name != "criticise"}
    return said if full else {**said, **empty}


def user(profile, name, **options) -> str:
    return render(profile, name, **values(name, **options))[1].content


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_has_a_template_for_every_call(profile):
    files = {path.stem for path in (PROMPTS / profile).glob("*.j2") if not path.stem.startswith("_")}
    assert files == {name for one, name in CALLS if one == profile}


@pytest.mark.parametrize(("profile", "name"), CALLS)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("mode", ["function", "stdio"])
def test_template_renders_a_clean_conversation(profile, name, full, mode):
    system, text = render(profile, name, **values(name, full=full, mode=mode))
    assert (system.role, text.role) == ("system", "user")
    assert system.content
    assert "\n" not in system.content
    for content in (system.content, text.content):
        assert content == content.strip()
        assert "\n\n\n" not in content
        assert not re.search(r"\{%|\}\}|Undefined|None|\[\]", content.replace(STATEMENT, ""))


@pytest.mark.parametrize(("profile", "name"), CALLS)
def test_statement_is_quoted_as_it_stands(profile, name):
    assert user(profile, name).count(STATEMENT) == 1


@pytest.mark.parametrize("name", VALUES)
def test_full_template_uses_all_that_it_is_given(name):
    text = "".join(message.content for message in render("full", name, **values(name)))
    if name == "analyse":
        text += "<angle>"
    unused = {"rephrase": {"observations"}}.get(name, set()) | {"mode"}
    for key in VALUES[name] - unused - ({"entry_point"} if name == "tests" else set()):
        wanted = {
            "history": "old failure",
            "known": "k2",
            "observations": "o2",
            "notes": "n2",
            "options": "A, B",
            "statement": STATEMENT,
        }
        assert wanted.get(key, f"<{key}>") in text, key


@pytest.mark.parametrize(("profile", "name"), CALLS)
def test_missing_value_is_an_error(profile, name):
    """Leave each value out in turn: a template that names it must refuse."""
    for key in VALUES[name]:
        rest = {k: v for k, v in values(name).items() if k != key}
        if key in named_in(profile, name):
            with pytest.raises(jinja2.UndefinedError, match=key):
                render(profile, name, **rest)


def named_in(profile: str, name: str) -> set[str]:
    """Return the values that every rendering in function mode reads."""
    source = (PROMPTS / profile / f"{name}.j2").read_text(encoding="utf-8")
    for part in re.findall(r'include "([^"]+)"', source):
        source += (PROMPTS / profile / part).read_text(encoding="utf-8")
    set_here = set(re.findall(r"{% set (\w+)", source))
    found = re.findall(r"{{ (\w+) }}|{% (?:el)?if (\w+)|in (\w+) %}", source)
    return {name for names in found for name in names if name} - set_here - {"item", "note", "attempt"}


def test_unknown_template_is_an_error():
    with pytest.raises(jinja2.TemplateNotFound):
        render("full", "sing", statement="")


@pytest.mark.parametrize("angle", ["logic", "completeness", "assumptions", "alternatives"])
def test_every_angle_is_a_question_of_its_own(angle):
    said = {**values("analyse"), "angle": angle}
    assert f"Angle: {angle}." in render("full", "analyse", **said)[1].content
    assert render("compact", "analyse", **said)[0].content == f"Analyse: {angle}."


def test_starter_code_is_shown_once():
    said = {**values("code"), "statement": "Do.\n```python\ndef f(x): ...\n```", "starter_code": "def f(x): ..."}
    assert render("full", "code", **said)[1].content.count("def f(x)") == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_pool_of_sentences_has_no_gaps_and_no_repeats(profile):
    pool = perturbations(profile)
    assert len(pool) == len(set(pool)) >= 8
    assert all(line == line.strip() != "" for line in pool)


def test_templates_are_named_by_their_content():
    assert templates_hash("full") != templates_hash("compact")
    assert len(templates_hash("full")) == 64


@pytest.mark.parametrize("name", ["code", "repair", "synthesise", "oracle"])
def test_a_program_that_may_import_numpy_is_told_so(name):
    plain, science = (render("full", name, **values(name), science=given)[1].content for given in (False, True))
    assert "standard library only" in plain
    assert "NumPy, SciPy, SymPy and Matplotlib" in science
    assert user("full", name) == plain
