"""What is typed and not handed in yet, which browsers keep (`galley/typed.js`): its key, and what was taken.

A browser is used by several people. So what it keeps is sealed with a key of the writer's, which the desk tells to the
writer alone, while logged in; it is the same after a new password and with other keys of the desk.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, ResolverMatch, reverse

from config.models import TypedKey

MARK, SENT = "galley_typed", "galley_sent_"  # a field of such a form; the beginning of a cookie's name
SENT_LIFE = 24 * 3600  # seconds


def key_of(user: User) -> str:
    """In base64. Made when it is first asked for (one query; then four)."""
    return TypedKey.objects.get_or_create(user=user)[0].key


def tell_taken(request: HttpRequest, response: HttpResponseBase) -> None:
    """A form that led on was taken, and its browser may forget it; not where the next page says a warning."""
    mark = request.POST.get(MARK, "") if request.method == "POST" else ""
    if not re.fullmatch(r"[0-9a-f]{32}", mark) or response.status_code != 302 or not request.user.is_authenticated:
        return
    queued = getattr(get_messages(request), "_queued_messages", [])  # to be asked, but not used up
    if any(said.level >= messages.WARNING for said in queued):
        return
    secure = bool(settings.SESSION_COOKIE_SECURE)
    response.set_cookie(SENT + mark, "yes", max_age=SENT_LIFE, samesite="Lax", secure=secure)


def page_behind(match: ResolverMatch | None) -> str:
    """The page on which the button stands whose address this is."""
    app, model = [*(match.url_name or "" if match else "").split("_"), "", ""][:2]
    pk = match.kwargs.get("pk") if match else None
    of_one = [(f"{app}_{model}_shown", [pk]), (f"{app}_{model}_change", [pk])] if pk else []
    for name, said in (*of_one, (f"{app}_{model}_changelist", []), ("app_list", [app])):
        try:
            return reverse(f"admin:{name}", args=said)
        except NoReverseMatch:
            continue
    return reverse("admin:index")
