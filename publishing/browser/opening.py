"""A browser at a site: a slot, the session of last time, and the half of the way that is wanted."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from django.conf import settings

from articles.processes import this_machine
from articles.providers.errors import GALLEY, Refused
from backups import redaction
from publishing import secrets
from publishing.browser import guard, sessions, slots
from publishing.browser.calls import Calls
from publishing.browser.chromium import Chromium, refuse_without
from publishing.browser.forms import Forms
from publishing.browser.window import Film, Window
from publishing.models import BrowserSlot, Site
from publishing.wordpress.answers import Login
from publishing.wordpress.line import GRACE_SECONDS

Half = Literal["calls", "forms"]
SWEEPING_SECONDS = 60.0
WHOLE_SECONDS = 570.0  # for all that one browser is asked: a task of the queue has 600


def open_channel(
    site: Site, half: Half, *, before: Callable[[str], None] | None = None, film: Film | None = None
) -> Calls | Forms:
    """The half of the way that is wanted. The rest as `open_window`."""
    window = open_window(site, before=before, film=film)
    return Calls(window, before=before) if half == "calls" else Forms(window, before=before)


def open_window(site: Site, *, before: Callable[[str], None] | None = None, film: Film | None = None) -> Window:
    """A browser for this site, not signed in yet; to be closed. `before` is called, in the caller's thread, with the
    method of whatever is about to leave, and what it raises holds it back; `film` with the code of a step and a JPEG.

    Raises Refused without a browser or a password, Rejected for an address inside the network, NotYet without a slot.
    """
    refuse_without()
    login = login_of(site)
    rules = guard.resolver_rules(login, allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES)
    slot = slots.take(WHOLE_SECONDS)
    try:
        chromium = Chromium(
            _folder(slot),
            rules=rules,
            may_go=partial(guard.may_go, login),
            seconds=WHOLE_SECONDS,
            ended=partial(slots.give_back, slot),
        )
    except BaseException:
        slots.give_back(slot)
        raise
    window = Window(login, chromium, seconds=login.time_limit + GRACE_SECONDS, before=before, film=film)
    try:
        window.resume(sessions.find(site), keep=partial(sessions.keep, site))
    except BaseException:
        window.close()
        raise
    return window


def sweep_up() -> None:
    """Remove the files of browsers of this machine that were killed together with their drivers."""
    for slot in BrowserSlot.objects.filter(host=this_machine()):
        if _folder(slot).exists() and (ours := slots.taken(slot.number, SWEEPING_SECONDS)):
            shutil.rmtree(_folder(ours), ignore_errors=True)
            slots.give_back(ours)


def login_of(site: Site) -> Login:
    """That of the login page. Raises Refused where nobody has given its password, or the keys do not open it."""
    mend = f'enter the password of the login page at site "{site}"'
    try:
        secret = site.web_secret
    except secrets.Undecipherable as exc:
        reason = f'the stored password of site "{site}" cannot be read with the present keys'
        raise Refused(GALLEY, reason, mend=mend, code="undecipherable") from exc
    if not secret:
        reason = f'nobody has given the password of the login page of site "{site}"'
        raise Refused(GALLEY, reason, mend=mend, code="no_web_secret")
    redaction.know(secret, user=site.user)
    return Login(site.provider, site.name, site.url, site.user, secret, "page", site.time_limit)


def _folder(slot: BrowserSlot) -> Path:
    """One for each slot of an installation: what a killed browser has left there goes when the next one begins, or with
    the next sweep.
    """
    installation = hashlib.sha256(str(settings.VAR_DIR).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"galley-browser-{installation}-{slot.number}"
