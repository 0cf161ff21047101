"""What a page turned out to be, and what that means where it is not the one that was asked for.

Judged by status and by what is on it, as its words are in the language of the site. Who answered comes first, as for an
answer of the REST API: what stands in front of a site has statuses of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from articles.providers import web
from articles.providers.errors import Busy, Garbled, ProviderError, Refused, Rejected, Unreachable
from publishing.wordpress.answers import (
    MANY_LOGINS,
    PAGE_LETTERS,
    Login,
    Reply,
    Who,
    failure,
    origin_of,
    who_answered,
)
from publishing.wordpress.reading import plain

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

# Each by a selector. References: wp-login.php, wp_die() and _admin_notice_post_locked() of WordPress 6; the plugins
# Two Factor, Wordfence and Google Authenticator; what reCAPTCHA, hCaptcha and Turnstile put into a form.
SIGNS = {
    "second_factor": 'form[name="validate_2fa_form"], input[autocomplete="one-time-code"], input[name="wfls-token"], '
    'input[name="googleotp"]',
    "captcha": "#loginform .g-recaptcha, #loginform .h-captcha, #loginform .cf-turnstile",
    "login_error": "#login_error",
    "login_form": "#user_login",
    "died": "body#error-page",
    "locked": "#post-lock-dialog:not(.hidden), #the-list tr.wp-locked",
    "dashboard": "#wpadminbar",
}
SAID = (
    "#login_error, #error-page .wp-die-message, #post-lock-dialog:not(.hidden) .currently-editing, "
    "#the-list tr.wp-locked .locked-text"
)
_LOOK = """([signs, said]) => [
    Object.keys(signs).filter(name => document.querySelector(signs[name])),
    document.querySelector(said)?.textContent ?? "",
]"""


@dataclass(frozen=True)
class Seen:
    """A page as it came: `signs` are those of SIGNS that it shows, `said` what it tells people about a failure."""

    status: int
    url: str
    signs: frozenset[str]
    said: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    @classmethod
    def of(cls, page: Page, response: Response | None) -> Seen:
        """To be called where the page is driven."""
        signs, said = page.evaluate(_LOOK, [SIGNS, SAID])
        status, told = (response.status, response.headers) if response else (200, {})
        text = page.content()[:PAGE_LETTERS]
        return cls(status, page.url, frozenset(signs), plain(said)[:500], CaseInsensitiveDict(told), text)

    @property
    def reply(self) -> Reply:
        return Reply(self.status, self.headers, {}, self.text)


class Screen(NamedTuple):
    """One that is in the way. `pattern` is of "form status sign sign …", "open status sign sign …"."""

    pattern: str
    error: type[ProviderError]
    code: str
    reason: str
    mend: str = ""


ADMIT = "ask who runs {site} to let Galley's browser in"
SCREENS = [  # the first that fits
    Screen(
        r"\w+ 503 .*\bdied\b",
        Unreachable,
        "maintenance",
        "the site is down for maintenance",
        "ask who runs {site} when it is back",
    ),
    Screen(
        r".*\bsecond_factor\b",
        Refused,
        "second_factor",
        'the site asks user "{user}" for a second factor, which only a person has',
        "give {site} an application password, which needs none, or a user without a second factor",
    ),
    Screen(r".*\bcaptcha\b", Refused, "robot_check", "the login page of the site checks for robots", ADMIT),
    Screen(
        r".*\blocked_out\b",
        Refused,
        "locked_out",
        'the site has locked user "{user}" out for a while ({said})',
        "wait until it lets the user in again, and check the password of the login page of {site}",
    ),
    Screen(
        r".*\blogin_error\b",
        Refused,
        "login",
        'the login page of the site did not accept user "{user}" and the password ({said})',
        "check the password of the login page of {site}",
    ),
    Screen(
        r"form 403 .*\bdied\b",
        Unreachable,
        "form_expired",
        "the site took the form for an old one",
        "see whether {site} keeps the pages of its dashboard out of caches",
    ),
    Screen(
        r"open 403 .*\bdied\b",
        Refused,
        "rights",
        'user "{user}" has not the right to do this there',
        'give user "{user}" the role Author or Editor on {site}',
    ),
    Screen(
        r".*\blogin_form\b",
        Unreachable,
        "session_over",
        "the site has ended the session of the browser",
        "sign in there yourself, and see whether it keeps you signed in",
    ),
    Screen(
        r".*\blocked\b",
        Busy,
        "locked",
        "somebody has the post open in the editor there ({said})",
        "ask them to close it",
    ),
    Screen(
        r"\w+ 404",
        Rejected,
        "no_dashboard",
        "there is no dashboard of a WordPress at this address",
        "check the address of {site}, or ask who runs it where its login page is",
    ),
    Screen(r"open 200", Garbled, "unknown_screen", "the site shows a page that Galley does not know", ADMIT),
]
LATER = {"maintenance": 600.0, "locked": 150.0}  # seconds; WordPress's own: of an update at most, of a lock


def trouble(login: Login, seen: Seen, *, form: bool = False) -> ProviderError:
    """The error that a page means which is not the one that was asked for; `form`: it answers one that was sent."""
    if origin_of(seen.url) != origin_of(login.home):
        return failure(login, Reply(302, {"Location": seen.url}, {}, ""))
    is_locked_out = "login_error" in seen.signs and MANY_LOGINS.search(seen.said)
    signs = sorted(seen.signs | ({"locked_out"} if is_locked_out else set()))
    line = f"{'form' if form else 'open'} {seen.status} {' '.join(signs)}"
    row = next((row for row in SCREENS if re.match(row.pattern, line)), None)
    if row is None or who_answered(seen.reply) not in (Who.SITE, Who.CACHE):
        return failure(login, seen.reply)
    words = {"site": f'site "{login.name}"', "user": login.user, "said": plain(seen.said)[:200] or seen.status}
    error = row.error(
        login.provider,
        login.black_out(row.reason.format(**words)),
        mend=row.mend.format(**words),
        code=row.code,
        detail=login.black_out(f"{seen.status} {urlsplit(seen.url).path}\n{seen.said}"),
        retry_after=web.retry_after(seen.headers) or LATER.get(row.code),
    )
    if isinstance(error, Unreachable):
        error.lost = False  # each of these comes before any work is done
    return error
