"""The doors of the desk: each says who comes."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from functools import partial

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from audit.acting import THE_DESK, Actor, Door, acting, become

REASON = "reason"  # the field's name
LONGEST_REASON = 500  # characters


def requests(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware: whatever is changed while a request is answered was changed by whoever sent it."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        with acting(partial(sender, request)):
            return get_response(request)

    return answered


def sender(request: HttpRequest) -> Actor:
    """Who has sent it, as far as was asked by now: this may be in the middle of a statement, and asks no database."""
    if known := getattr(request, "actor", None):
        return known if isinstance(known, Actor) else THE_DESK
    user = request.__dict__.get("user")
    if isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return Actor(Door.PERSON, user.get_username()) if user and user.is_authenticated else THE_DESK


def reason(request: HttpRequest) -> str:
    """Why, where a form of the desk has asked for it: each may, and whatever is changed by it is noted so."""
    said = request.POST.get(REASON, "") if request.method == "POST" else ""
    return " ".join("".join(each if each.isprintable() else " " for each in said).split())[:LONGEST_REASON]


def let_in(request: HttpRequest, who: str, token: str) -> None:
    """A program has come in with a token of this person."""
    request.actor = Actor(Door.PROGRAM, who, token)  # type: ignore[attr-defined]


def command(words: list[str]) -> None:
    """This process is a command."""
    become(Actor(Door.COMMAND, _system_user(), words[1] if len(words) > 1 else ""))


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have a user without a name
        return f"user {os.getuid()}"
