"""A browser that is signed in at one site, as those who send something by it see it.

Each step is announced to `before`, in the caller's thread; what it raises holds the step back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from requests.utils import parse_header_links

from articles.providers.errors import IT, Garbled, ProviderError, Refused, Unreachable
from publishing.browser import steps
from publishing.browser.chromium import Chromium, Gone
from publishing.browser.screens import Seen, trouble
from publishing.browser.sessions import State
from publishing.wordpress.answers import Login, Reply, failure, origin_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

T = TypeVar("T")
Film = Callable[[str, bytes], None]
FILM_SECONDS = 15.0
QUIET = "admin-ajax.php?action=rest-nonce"  # a page of a few letters, without scripts
NOT_CONNECTED = ("NAME_NOT_RESOLVED", "CONNECTION_REFUSED", "ADDRESS_UNREACHABLE", "CONNECTION_TIMED_OUT")


class Window:
    """One site, one user. Not for more than one thread."""

    def __init__(
        self,
        login: Login,
        chromium: Chromium,
        *,
        seconds: float,
        before: Callable[[str], None] | None = None,
        film: Film | None = None,
    ) -> None:
        """`seconds` for one step."""
        self.login, self._chromium, self._seconds = login, chromium, seconds
        self._before, self._film = before or (lambda _: None), film
        self._keep: Callable[[State], None] = lambda _: None
        self._admin = ""
        self._arrived, self._scripts, self._shows_secret = False, True, False

    def resume(self, state: State | None, *, keep: Callable[[State], None]) -> None:
        """Go on with an earlier session, where there is one; `keep` is told of a new one."""
        self._keep = keep
        if state:
            self._admin = state.admin
            self._do(lambda page: page.context.add_cookies(state.cookies))  # type: ignore[arg-type]  # as it gave them

    def close(self) -> None:
        self._chromium.close()

    # Signing in

    def sign_in(self) -> None:
        """Once, as a person would. Raises Refused for a wrong password, for a second factor, …"""
        self._before("GET")
        seen = self._do(partial(steps.goto, url=f"{self.login.home}wp-admin/"))
        if origin_of(seen.url) != origin_of(self.login.home):  # no password goes there
            raise trouble(self.login, seen)
        if "login_form" in seen.signs and not seen.signs & {"second_factor", "captcha"}:
            self._before("POST")
            self._shows_secret = True
            seen = self._do(partial(steps.sign_in, user=self.login.user, secret=self.login.secret))
            self._shows_secret = "login_form" in seen.signs
            if seen.status == 200 and not seen.signs:  # a question to the user that can be put off
                seen = self._do(partial(steps.goto, url=f"{self.login.home}wp-admin/"))
        if seen.status != 200 or "dashboard" not in seen.signs:
            raise self._failed(trouble(self.login, seen))
        self._admin = seen.url[: seen.url.index("/wp-admin/")] + "/wp-admin/"
        cookies = self._do(lambda page: [dict(cookie) for cookie in page.context.cookies()])
        self._keep(State(self._admin, cookies))

    @property
    def admin(self) -> str:
        """The address of the dashboard, with a slash at its end."""
        if not self._admin:
            self.sign_in()
        return self._admin

    def without_scripts(self) -> None:
        """From now on no page runs any: no editor rewrites a text, and no dialog gets in the way."""
        if self._scripts and self.admin:  # signed in first: a check for robots at the login page needs them
            self._do(steps.stop_scripts)
            self._scripts = False

    # Pages and forms

    def open(self, path: str) -> Seen:
        """A page of the dashboard, signed in anew where the session was over. Raises what else it turned out to be."""
        seen = self._opened(path)
        if "login_form" in seen.signs and "second_factor" not in seen.signs:
            self.sign_in()
            seen = self._opened(path)
        return self._expected(seen)

    def _opened(self, path: str) -> Seen:
        url = f"{self.admin}{path}"
        self._before("GET")
        seen = self._do(partial(steps.goto, url=url))
        self._arrived = True
        return seen

    def read(self, look: Callable[[Page], T]) -> T:
        """What stands on the page that is open."""
        return self._do(look)

    def submit(self, button: str, fill: Callable[[Page], object] = lambda _: None) -> Seen:
        """The page that answers a form. Raises Unreachable, with `lost`, where nobody knows what became of it."""
        self._before("POST")
        return self._expected(self._do(partial(steps.submit, fill=fill, button=button), sends=True), form=True)

    def send(self, form: str, button: str, fill: Callable[[Page], object]) -> None:
        """Send a form beside the page; one that was taken leads on to another page. Raises as `submit`."""
        self._before("POST")
        work = partial(steps.send, fill=fill, form=form, button=button, seconds=self._seconds)
        seen = self._do(work, sends=True)
        if seen.status == 302 and seen.url.startswith(self.admin):
            return
        if "wp-login.php" in seen.url:
            seen = replace(seen, status=200, signs=frozenset({"login_form"}))
        raise self._failed(trouble(self.login, seen, form=True))

    def _expected(self, seen: Seen, *, form: bool = False) -> Seen:
        if seen.status != 200 or "dashboard" not in seen.signs:
            raise self._failed(trouble(self.login, seen, form=form))
        return seen

    def refuse_locked(self, seen: Seen) -> None:
        """Raises Busy where somebody has the post of this page open in the editor."""
        if "locked" in seen.signs:
            raise self._failed(trouble(self.login, seen))

    # Requests of the page

    def fetch(self, method: str, url: str, *, headers: dict[str, str], body: str | bytes | None = None) -> Reply:
        """What the site answers the page, without following where that leads. The caller has announced it."""
        if not self._arrived:
            self._opened(QUIET)
        work = partial(steps.fetch, method=method, url=url, headers=headers, body=body, seconds=self._seconds)
        answer = self._do(work, sends=method not in ("GET", "HEAD"))
        if answer.text is None:
            raise Garbled(self.login.provider, f"the answer is larger than {steps.MEGABYTES} MB", code="too_large")
        links = {link["rel"]: link for link in parse_header_links(answer.headers.get("link", "")) if "rel" in link}
        return Reply(answer.status, answer.headers, links, answer.text)

    def nonce(self) -> str:
        """What the page shows the REST API beside its cookies; from a quiet page of the site, which stays open."""
        for _ in range(2):
            self._opened(QUIET)
            nonce = self._do(lambda page: page.locator("body").inner_text().strip())
            if nonce.isalnum() and nonce != "0":
                return nonce
            self.sign_in()
        raise self._failed(
            Refused(
                self.login.provider,
                "the site does not allow a user who has signed in to use its REST API",
                mend=f'ask who runs site "{self.login.name}" whether a plugin forbids it',
                code="no_nonce",
            )
        )

    # The film

    def show(self, code: str, url: str = "") -> None:
        """A picture for the film: of the page that is open, or of another one in a tab of its own."""
        if self._film is None or self._shows_secret:
            return
        with suppress(ProviderError):  # the work goes on without it
            work = partial(steps.picture_of, url=url) if url else steps.picture
            picture = self._do(work, seconds=min(FILM_SECONDS, self._seconds))
            self._film(code, picture)

    def _failed(self, error: ProviderError) -> ProviderError:
        self.show("failed")
        return error

    # How the browser is asked

    def _do(self, work: Callable[[Page], T], *, sends: bool = False, seconds: float | None = None) -> T:
        with self._speaking(sends):
            return self._chromium.do(work, seconds or self._seconds)

    @contextmanager
    def _speaking(self, sends: bool) -> Iterator[None]:
        """Turns the errors of Playwright into ours."""
        from playwright.sync_api import Error
        from playwright.sync_api import TimeoutError as TooLate

        provider, name = self.login.provider, self.login.name
        look = f'see whether site "{name}" opens in your browser'
        try:
            yield
        except (Gone, TooLate) as exc:
            raise Unreachable(provider, f"{IT} did not answer in time", mend=look, code="timeout", lost=sends) from exc
        except steps.SentAway as exc:
            raise failure(self.login, Reply(302, {"Location": exc.url}, {}, "")) from exc
        except Error as exc:
            said = self.login.black_out(exc.message)
            if "ERR_CERT" in said or "ERR_SSL" in said:
                mend = "check the address"
                raise Refused(provider, "its certificate is not valid", mend=mend, code="certificate") from exc
            if any(each in said for each in NOT_CONNECTED):
                reason = "nothing answers at its address"
                raise Unreachable(provider, reason, mend=look, code="connect", lost=False) from exc
            raise Unreachable(
                provider, "the connection broke off", mend=look, code="broken", detail=said, lost=sends
            ) from exc
