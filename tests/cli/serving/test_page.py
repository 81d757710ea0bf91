"""The page in a real browser, over the embedded model in a real server process, and over scripted programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cli.serving.keys import KeyFile
from cli.serving.page_facts import EMBEDDED_EXAMPLE
from graphs.threads import thread_id
from inference.scripted import ScriptedModel
from tests.cli.serving.browsing import PHONE, Tab, check, chromium
from tests.graphs.programmer import CRASH, FUNCTION, GOOD, WRONG, Talk, fenced, in_turn, kind_of

pytestmark = [pytest.mark.chromium, pytest.mark.bubblewrap]
ROOT = Path(__file__).parents[3]
HOSTILE = (
    "def second(xs):\n    '</code><img src=x onerror=hit()><script>hit()</script>\u202e'\n    return sorted(xs)[-2]"
)


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def tab(browser):
    tabs = []

    def open_tab(url, **options):
        tabs.append(Tab(browser, url, **options))
        return tabs[-1]

    yield open_tab
    for one in tabs:
        one.context.close()


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """The real command with the embedded model; its address."""
    place = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0", "--sandbox", "bubblewrap"]
    environment = of_its_own(place)
    with subprocess.Popen(command, cwd=place, env=environment, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            line = next(line for line in running.stderr if "http://" in line)
            threading.Thread(target=running.stderr.read, daemon=True).start()
            yield line[line.index("http://") :].split("/v1")[0]
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(60)


def of_its_own(place):
    """The environment of a user whose files lie in a folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(place)}


def example():
    return EMBEDDED_EXAMPLE.read_text(encoding="utf-8")


@pytest.mark.gguf
def test_example_is_solved_to_the_end(tab, process):
    one = tab(process)
    one.page.get_by_role("button", name="Use the example").click()
    one.page.get_by_role("button", name="Solve").click()
    one.wait_for(".verdict-card.verified")
    assert "passes 2 examples" in one.text(".reason")
    assert "uncalibrated" in one.text(".confidence")
    assert one.page.locator(".figure .box.ran").count() >= 7
    assert "winner" in one.text(".matrix tbody tr")
    assert one.page.locator(".matrix .cell.pass").count() >= 2
    assert "budgeted generation" in one.text(".cost")
    assert one.errors == []
    assert one.foreign == []


@pytest.mark.gguf
def test_run_of_the_command_line_is_opened_and_copied(tab, process, tmp_path_factory):
    place = next(tmp_path_factory.getbasetemp().glob("served*"))
    command = [sys.executable, "-m", "cli.main", "solve", example(), "--thread", "from the shell", "--policy", "phase1"]
    environment = of_its_own(place)
    flags = ["--k", "2", "--sandbox", "bubblewrap"]
    done = subprocess.run([*command, *flags], cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    one = tab(process, permissions=["clipboard-read", "clipboard-write"])
    one.page.click(f"a[href='#run/{thread_id('from the shell')}']")
    one.wait_for(".verdict-card.doubtful")
    one.page.keyboard.press("c")
    one.wait_for("text=Copied")
    copied = one.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def pack_line(")
    assert copied.strip() in done.stdout


@pytest.mark.gguf
def test_keyboard_alone_is_enough(tab, process):
    one = tab(process)
    keys = one.page.keyboard
    assert one.page.evaluate("document.activeElement.id") == "problem"
    keys.insert_text(example())
    keys.press("Control+Enter")
    one.wait_for(".verdict-card")
    keys.press("j")
    assert one.page.evaluate("document.activeElement.className") == "pick"
    keys.press("?")
    assert one.page.evaluate("document.activeElement.closest('dialog').id") == "help-dialog"
    keys.press("Escape")
    keys.press("n")
    one.wait_for("#problem")
    name = "document.activeElement.id || document.activeElement.textContent.trim()"
    while one.page.evaluate(name) != "Skip to the run":
        keys.press("Shift+Tab")
    order = ["Skip to the run"]
    while order[-1] != "Use the example":
        keys.press("Tab")
        order.append(one.page.evaluate(name))
        assert one.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", order[-1]
    wanted = ["Skip to the run", "new", "theme", "help", "problem", "policy", "budget_tokens", "approve", "Solve"]
    assert [one for one in order if one in wanted] == wanted


def served(serve, replies, **settings):
    model = ScriptedModel(Talk(replies) if isinstance(replies, dict) else replies)
    return serve(model, **{"max_programs": 32, **settings})


def test_answer_waits_for_approval_and_is_rejected(tab, serve):
    with served(serve, {}) as running:
        one = tab(running.url)
        one.ask(FUNCTION, policy="phase1", approve=True)
        one.wait_for(".ask")
        assert one.page.get_by_role("button", name="Copy program").count() == 0
        one.page.get_by_role("button", name="Reject").click()
        one.wait_for(".chip.rejected")
        assert "rejected by a person" in one.text(".evidence")
        assert one.page.get_by_role("button", name="Copy program").count() == 0
        one.page.click("#new")
        one.ask(FUNCTION, policy="phase1", approve=True)
        one.page.get_by_role("button", name="Approve").click()
        one.wait_for("text=approved by a person")
        assert one.page.get_by_role("button", name="Copy program").count() == 1
        assert one.errors == []


def test_run_goes_on_through_a_reload_and_is_cancelled(tab, serve):
    wrote, go_on = threading.Event(), threading.Event()

    def slow(request):
        if kind_of(request) == "tests":
            wrote.set()
            go_on.wait(60)
        return Talk({"code": in_turn(GOOD, WRONG)})(request)

    with served(serve, slow, k=4) as running:
        one = tab(running.url)
        one.ask(FUNCTION, policy="full")
        assert wrote.wait(60)
        one.wait_for(".figure .box.running")
        one.page.reload()
        one.wait_for(".figure .box.running")
        assert one.page.locator(".figure .box.running tspan").all_text_contents() == ["self test", "synthesis"]
        one.wait_for(".matrix tbody tr")
        one.page.get_by_role("button", name="Cancel").click()
        go_on.set()
        one.wait_for(".verdict-card")
        assert "interrupted" in one.text(".evidence")
        assert one.page.locator(".matrix tr.chosen").count() == 1


def test_programs_are_compared_side_by_side(tab, serve):
    with served(serve, {"code": in_turn(GOOD, WRONG, CRASH)}, k=6) as running:
        one = tab(running.url)
        one.ask(FUNCTION, policy="phase1")
        one.wait_for(".verdict-card")
        assert one.page.locator(".matrix tbody tr").count() == 3
        assert one.text(".because").startswith("Why it won: passes 2 of 2 examples")
        one.page.click(".matrix tr:has-text('from a plan') >> nth=0")
        crashed = one.page.locator(".matrix tbody tr").filter(has=one.page.locator("text='!'"))
        crashed.locator(".pick").click()
        assert one.text(".because").startswith("Why it lost: it passes 0 of 2 examples")
        assert "return xs[99]" in one.text(".diff .gone")
        one.page.click("text=stderr >> nth=0")
        assert "IndexError" in one.text(".outcomes pre >> nth=0")


def test_text_of_a_model_stays_text(tab, serve):
    with served(serve, {"code": fenced(HOSTILE), "sketch": "1. <img src=x onerror=hit()>"}) as running:
        one = tab(running.url)
        one.page.evaluate("() => { window.hit = () => { window.wasHit = true; }; }")
        one.ask("<script>hit()</script>\n\n" + FUNCTION, policy="phase1")
        one.wait_for(".verdict-card")
        assert "<script>hit()</script>\\u{202e}" in one.text(".code")
        assert "<script>hit()</script>" in one.text(".run-top h1")
        assert one.page.evaluate("window.wasHit") is None
        assert one.page.locator("main img, main script").count() == 0


@pytest.mark.parametrize(
    "attack",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.createElement('script').text = 'hit()'",
        "document.body.setAttribute('onclick', 'hit()')",
    ],
)
def test_page_takes_no_text_for_code(tab, serve, attack):
    with served(serve, {}) as running:
        one = tab(running.url)
        with pytest.raises(Exception, match="Trusted|Content Security Policy"):
            one.page.evaluate(f"() => {{ {attack} }}")
        refused = "fetch('https://192.0.2.1/').then(() => 'sent', () => 'refused')"
        assert one.page.evaluate(refused) == "refused"
        assert any("connect-src" in error for error in one.errors)


def test_key_is_asked_for_once_and_kept_in_the_tab(tab, serve, tmp_path):
    keys = KeyFile(tmp_path / "keys.sqlite")
    secret = keys.create("me")
    with served(serve, {}, keys=keys) as running:
        one = tab(running.url, ready="#key-dialog[open]")
        for typed, heading in (("wrong", "This server asks for a key"), (secret, "That key was not taken")):
            one.wait_for(f"#key-title:text('{heading}')")
            one.page.fill("#key-field", typed)
            one.page.keyboard.press("Enter")
        one.wait_for("#problem")
        one.ask(FUNCTION, policy="phase1")
        one.wait_for(".verdict-card")
        one.page.reload()
        one.wait_for(".verdict-card")
        assert secret not in one.page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_is_served_without_scrolling_sideways_and_readable(tab, serve, scheme):
    with served(serve, {"code": in_turn(GOOD, WRONG, CRASH)}, k=6) as running:
        one = tab(running.url, viewport=PHONE, color_scheme=scheme)
        width = "[document.documentElement.scrollWidth, innerWidth]"
        assert one.page.evaluate(width) == [390, 390]
        assert one.page.evaluate(check("contrasts")) == []
        assert one.page.evaluate(check("unnamed")) == []
        one.ask(FUNCTION, policy="full", approve=True)
        one.wait_for(".ask")
        assert one.page.evaluate(width) == [390, 390]
        assert one.page.evaluate(check("contrasts")) == []
        assert one.page.evaluate(check("unnamed")) == []
        one.page.get_by_role("button", name="Runs").click()
        assert one.page.is_visible("#runs a")
        small = "b => b.filter((one) => one.checkVisibility() && one.offsetHeight < 32).length"
        assert one.page.eval_on_selector_all("header button, .run-top button, .ask button", small) == 0


def test_theme_is_turned_and_kept(tab, serve):
    with served(serve, {}) as running:
        one = tab(running.url, color_scheme="dark")
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = one.page.evaluate(colour)
        one.page.click("#theme")
        light = one.page.evaluate(colour)
        assert dark != light
        one.page.reload()
        assert one.page.evaluate(colour) == light


def test_still_page_for_who_asked_for_one(tab, serve):
    with served(serve, {}) as running:
        one = tab(running.url, reduced_motion="reduce")
        moving = (
            "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).animationName !== 'none').length"
        )
        one.ask(FUNCTION, policy="full")
        assert one.page.evaluate(moving) == 0


def test_progress_is_told_to_who_cannot_see(tab, serve):
    with served(serve, {}) as running:
        one = tab(running.url)
        one.ask(FUNCTION, policy="phase1")
        one.wait_for(".verdict-card")
        one.page.wait_for_function("document.querySelector('#live').textContent.startsWith('The run is over')")
        assert one.page.get_attribute("#live", "aria-live") == "polite"


def test_bad_problem_is_told_and_nothing_is_lost(tab, serve):
    with served(serve, {}) as running:
        one = tab(running.url)
        one.page.fill("#problem", "  \n ")
        one.page.get_by_role("button", name="Solve").click()
        one.wait_for(".trouble:not(:empty)")
        assert "the problem is empty" in one.text(".composer .trouble")
        one.page.fill("#problem", "my draft")
        one.page.reload()
        assert one.page.input_value("#problem") == "my draft"
