"""What is done with a page, each in one go: these run in the browser's thread, and touch no database."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from requests.structures import CaseInsensitiveDict

from publishing.browser.screens import SAID, SIGNS, Seen
from publishing.wordpress.answers import PAGE_LETTERS
from publishing.wordpress.reading import plain

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

MEGABYTES = 16  # of an answer
PICTURE_MILLISECONDS = 5_000
LOOKS = 3  # at a page that leads on meanwhile
_FETCH = """async ({method, url, headers, text, base64, milliseconds, most}) => {
    const body = base64 === null ? text ?? undefined : Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
    const options = {method, headers, body, redirect: "manual", cache: "no-store", credentials: "same-origin"};
    const response = await fetch(url, {...options, signal: AbortSignal.timeout(milliseconds)});
    const said = await response.text();
    return [response.status, Object.fromEntries(response.headers), said.length > most ? null : said];
}"""


_LIST = r"box => { box.value = box.value.replace(/wp-admin\/?$/, 'wp-admin/edit.php') }"


_SEND = """async ([form, button, milliseconds, signs, said]) => {
    const sent = document.querySelector(form), pressed = document.querySelector(button);
    const body = new URLSearchParams(new FormData(sent));
    body.append(pressed.name, pressed.value);
    const url = new URL(sent.getAttribute("action"), document.baseURI).href;
    const options = {method: "POST", body, redirect: "manual", credentials: "same-origin"};
    const response = await fetch(url, {...options, signal: AbortSignal.timeout(milliseconds)});
    const text = await response.text(), page = new DOMParser().parseFromString(text, "text/html");
    const shown = Object.keys(signs).filter(name => page.querySelector(signs[name]));
    const told = page.querySelector(said)?.textContent ?? "";
    return [response.status, url, shown, told, Object.fromEntries(response.headers), text];
}"""


class SentAway(Exception):
    """A page of the site leads to another one, which is not followed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class Answered(NamedTuple):
    """`text` is None for one that is too large."""

    status: int
    headers: CaseInsensitiveDict[str]
    text: str | None


class _Redirects:
    """Where requests were sent on to meanwhile: neither pages nor their scripts are told, only Chromium's log."""

    def __init__(self, page: Page) -> None:
        self._log = page.context.new_cdp_session(page)
        self._urls: dict[str, str] = {}
        self.answers: dict[str, tuple[int, CaseInsensitiveDict[str]]] = {}

    def __enter__(self) -> _Redirects:
        self._log.on("Network.requestWillBeSent", self._note_request)
        self._log.on("Network.responseReceivedExtraInfo", self._note_answer)
        self._log.send("Network.enable")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # it goes with the browser
            self._log.detach()

    def _note_request(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["request"]["url"]

    def _note_answer(self, event: dict[str, Any]) -> None:
        if 300 <= event["statusCode"] < 400:
            url = self._urls.get(event["requestId"], "")
            self.answers[url] = event["statusCode"], CaseInsensitiveDict(event["headers"])

    @property
    def last(self) -> str:
        """The address that the last of them leads to."""
        return self.leads_to(list(self.answers)[-1]) if self.answers else ""

    def leads_to(self, url: str) -> str:
        return urljoin(url, self.answers[url][1].get("location", ""))


def goto(page: Page, *, url: str) -> Seen:
    return _arriving(page, lambda: page.goto(url, wait_until="domcontentloaded"))


def submit(page: Page, *, fill: Callable[[Page], object], button: str) -> Seen:
    """The page that answers the form, when it has come. What lies over the button of a page keeps nobody from it."""
    fill(page)

    def press() -> Response | None:
        with page.expect_navigation(wait_until="domcontentloaded") as arriving:
            page.locator(button).first.evaluate("button => button.click()")
        return arriving.value

    return _arriving(page, press)


def send(page: Page, *, fill: Callable[[Page], object], form: str, button: str, seconds: float) -> Seen:
    """What answers a form that the page sends beside itself: its texts arrive as they are, with the ends of lines that
    they have. Of an answer that leads elsewhere, `url` is the address there.
    """
    fill(page)
    with _Redirects(page) as redirects:
        asked = [form, button, round(seconds * 1000), SIGNS, SAID]
        status, url, signs, said, headers, text = page.evaluate(_SEND, asked)
    if status == 0 and (answer := redirects.answers.get(url)):
        status, url = answer[0], redirects.leads_to(url)
    told = CaseInsensitiveDict(headers)
    return Seen(status, url, frozenset(signs), plain(said)[:500], told, text[:PAGE_LETTERS])


def sign_in(page: Page, *, user: str, secret: str) -> Seen:
    def fill(page: Page) -> None:
        page.locator("#user_login").fill(user)
        page.locator("#user_pass").fill(secret)
        then = page.locator("input[name=redirect_to]")
        if then.count():  # the list of posts: the dashboard itself loads much that nobody needs
            then.first.evaluate(_LIST)

    return submit(page, fill=fill, button="#wp-submit")


def _arriving(page: Page, leave: Callable[[], Response | None]) -> Seen:
    from playwright.sync_api import Error

    with _Redirects(page) as redirects:
        try:
            response = leave()
        except Error as exc:
            if "ERR_NAME_NOT_RESOLVED" in exc.message and redirects.last:
                raise SentAway(redirects.last) from exc
            raise
    return _seen(page, response)


def _seen(page: Page, response: Response | None) -> Seen:
    """A page that leads on by itself is looked at again; one that does so without an end is what its answer says."""
    from playwright.sync_api import Error

    for _ in range(LOOKS):
        try:
            return Seen.of(page, response)
        except Error as exc:
            if response is None or "navigat" not in exc.message:
                raise
            with suppress(Error):
                page.wait_for_load_state("domcontentloaded")
    told = CaseInsensitiveDict(response.headers if response else {})
    return Seen(response.status if response else 200, page.url, frozenset(), headers=told)


def fetch(
    page: Page, *, method: str, url: str, headers: dict[str, str], body: str | bytes | None, seconds: float
) -> Answered:
    is_bytes = isinstance(body, bytes)
    asked = {
        "method": method,
        "url": url,
        "headers": headers,
        "text": None if is_bytes else body,
        "base64": base64.b64encode(body).decode() if isinstance(body, bytes) else None,
        "milliseconds": round(seconds * 1000),
        "most": MEGABYTES * 2**20,
    }
    with _Redirects(page) as redirects:
        status, told, text = page.evaluate(_FETCH, asked)
    if status == 0 and (answer := redirects.answers.get(url)):
        return Answered(*answer, "")
    return Answered(status, CaseInsensitiveDict(told), text)


def stop_scripts(page: Page) -> None:
    page.context.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})


def picture(page: Page) -> bytes:
    """About 50 KB of JPEG; what is typed into a password's field is masked."""
    return page.screenshot(
        type="jpeg",
        quality=60,
        timeout=PICTURE_MILLISECONDS,
        animations="disabled",
        mask=[page.locator("input[type=password]")],
    )


def picture_of(page: Page, *, url: str) -> bytes:
    tab = page.context.new_page()
    try:
        tab.goto(url, wait_until="load")
        return picture(tab)
    finally:
        with suppress(Exception):  # it goes with the browser
            tab.close()
