"""Debian's Chromium, driven through playwright, that may talk to this machine only; and colours as eyes see them."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 800}


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Continuous integration runs as root, where Chromium has no sandbox of its own.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A page with all that went wrong on it, and every request that it made."""

    def __init__(self, browser, url, ready="main h1, main .trouble", **options):
        self.context = browser.new_context(**{"viewport": DESK, "color_scheme": "light"} | options)
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)
        self.page.wait_for_selector(ready)

    @property
    def foreign(self):
        """Requests that leave this machine."""
        local = {"127.0.0.1", "localhost"}
        return [one for one in self.requests if urlsplit(one).scheme != "data" and urlsplit(one).hostname not in local]

    def ask(self, problem, **fields):
        """Fill in the form and send it."""
        page = self.page
        page.fill("#problem", problem)
        if fields.pop("approve", False):
            page.check("#approve")
        for name, value in fields.items():
            page.select_option(f"#{name}", value) if name == "policy" else page.fill(f"#{name}", str(value))
        page.get_by_role("button", name="Solve").click()
        page.wait_for_selector(".run-top h1")

    def wait_for(self, selector):
        return self.page.wait_for_selector(selector)

    def text(self, selector):
        return self.page.inner_text(selector)


def check(name):
    """Return a check of this folder, which lists what is wrong with a page."""
    return Path(__file__).with_name(f"{name}.js").read_text(encoding="utf-8")
