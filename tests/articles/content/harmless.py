"""What a cleaned fragment must not hold, looked for with another parser than the one that cleaned it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import lxml.html
import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Dialog, sync_playwright

from articles.content import colours, markup
from articles.models import Article

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

ALLOWED = markup.PAGE_TAGS
NAMES = set().union(*markup.ATTRIBUTES.values()) | {"style", "rel"}


def tree(html: str) -> Any:
    return lxml.html.fragment_fromstring(html, create_parent="div", parser=lxml.html.HTMLParser(huge_tree=True))


def assert_harmless(html: str) -> None:
    """No script, handler, address that runs or loads, style beyond the whitelist, or comment."""
    assert "<!" not in html
    assert "<?" not in html
    for element in tree(html).iterdescendants():
        assert element.tag in ALLOWED, element.tag
        for name, value in element.attrib.items():
            assert name in NAMES, name
            if name == "href":
                assert not re.match(r"[\s\x00-\x20]*(?!https?:|mailto:)[\w+.-]+:", value, re.IGNORECASE), value
            if name == "src":
                assert re.fullmatch(r"03_\w+\.jpg", value), value
            if name == "style":
                assert_plain_style(value)


def assert_plain_style(style: str) -> None:
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        assert name in markup.STYLE_PROPERTIES, style
        assert not re.search(r"url|expression|import|[\\<>@]|/\*", value), style
        assert value.count('"') % 2 == value.count("'") % 2 == 0, style
        assert value.count("(") == value.count(")"), style


def assert_runs_nothing(fragments: list[str]) -> None:
    """Real Chromium shows them all on one page, served without the header that would protect it."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"There is no browser at {CHROMIUM}")
    article = Article(title="<script>alert('title')</script>")
    page = render_to_string("publishing/page.html", {"article": article, "page": "\n".join(fragments)})
    happened: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        happened.append(dialog.message)
        dialog.dismiss()

    with serving(page) as (address, requests), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        tab = browser.new_page()
        tab.on("dialog", dismiss)
        tab.on("request", lambda request: happened.append(request.url) if request.url != address else None)
        tab.on("pageerror", lambda error: happened.append(str(error)))
        tab.on("popup", lambda popup: happened.append(popup.url))
        tab.add_init_script("for (const name of ['alert', 'confirm', 'prompt']) window[name] = () => { RAN = 1 }")
        tab.goto(address, wait_until="load")
        for handle in tab.query_selector_all("h1, p, a, td, li")[:400]:
            handle.dispatch_event("mouseover")
            handle.dispatch_event("focus")
        tab.wait_for_timeout(300)
        assert tab.evaluate("typeof RAN") == "undefined"
        assert (
            tab.evaluate(
                "[...document.querySelectorAll('body *')].flatMap(e => e.getAttributeNames())"
                ".filter(name => name.startsWith('on'))"
            )
            == []
        )
        assert (
            tab.evaluate("document.scripts.length + document.querySelectorAll('iframe, object, embed, svg').length")
            == 0
        )
        assert tab.url == address
        browser.close()
    assert happened == []
    assert set(requests) <= {"/", "/favicon.ico"}


@contextmanager
def serving(page: str) -> Iterator[tuple[str, list[str]]]:
    """A small server of this one page, and the paths that were asked of it."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode() if self.path == "/" else b"")

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", requests
        server.shutdown()


def unreadable_pairs(html: str) -> list[tuple[str, str, str]]:
    """Each text with its colour and background, where these cannot be told apart. As a browser inherits them."""
    found = []
    waiting = [(tree(html), "#1c1c1e", "#ffffff")]
    while waiting:
        element, text, behind = waiting.pop()
        style = dict(part.strip().split(": ", 1) for part in element.get("style", "").split(";") if part.strip())
        if element.tag in ("a", "mark"):
            text = {"a": "#0000ee", "mark": "#000000"}[element.tag]
            behind = "#ffff00" if element.tag == "mark" else behind
        text, behind = style.get("color", text), style.get("background-color", behind)
        pair = colours.rgb(text), colours.rgb(behind)
        assert pair[0] is not None
        assert pair[1] is not None
        if colours.contrast(pair[0], pair[1]) < colours.READABLE:
            found.append((str(element.text), text, behind))
        waiting += [(child, text, behind) for child in element]
    return found


def images_in(page: str) -> set[str]:
    """What the pictures of a page are called."""
    return {src for img in markup.parse(page).iter("img") if (src := img.get("src"))}
