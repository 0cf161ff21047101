"""The screens of the desk, found in its addresses: a new page is among them by itself, or says what it needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django_q.models import Schedule

from articles.models import Article, SavedFilter
from backups.models import Generation, Restore
from worklist.models import DriveAccount

PEOPLE = ("chief", "root")  # who is asked for a page, in this order
STATES = ("status", "state")  # fields of which a page exists for each value
# Whose rows stand behind an address that is not named for its model.
BEHIND: dict[str, type[Model]] = {
    "backups_restore": Restore,
    "backups_schedule": Schedule,
    "backups_": Generation,
    "worklist_drive": DriveAccount,
    "articles_article_filter": SavedFilter,
}
# What stands for the other parts of an address.
SAID: dict[str, str] = {"what": "look", "name": "paid", "deed": "approve", "app_label": "auth", "url": "nothing"}
SAID |= {"role": "hero"}
NO_SCREENS = {
    *("view_on_site", "autocomplete", "jsi18n", "typed", "start", "logout", "insights_csv", "changes_csv"),
    "publishing_publishtask_shot",
}
# Pages of articles in this state.
CHOSEN = {"articles_article_recover": "failed"} | dict.fromkeys(
    ("articles_article_publish", "articles_article_picture", "articles_article_look"), "done"
)
# Screens that are only there for some people, or with some words behind the question mark.
MORE = {
    "start of an editor": ("ada", "/admin/"),
    "start of a newcomer": ("newcomer", "/admin/"),
    "articles of a newcomer": ("newcomer", "/admin/articles/article/"),
    "articles stopped": ("ada", "/admin/articles/article/?state=stopped"),
    "articles without a match": ("ada", "/admin/articles/article/?q=nothing+like+it"),
    "problems of an editor": ("ada", "/admin/articles/article/stopped/"),
    "not found": ("ada", "/preview/none/"),
    "not allowed": ("ada", "/admin/backups/"),
    "not understood": ("ada", "/admin/articles/article/?all=%00"),
    "login": ("", "/admin/login/"),
}


@dataclass(frozen=True)
class Screen:
    name: str
    address: str
    who: str  # "" for nobody
    html: bytes
    headers: dict[str, str]


HALVES = 2


def half_of(name: str) -> int:
    """In which half of all screens one of this name is, whatever others there are."""
    return crc32(name.encode()) % HALVES


def screens(halves: Collection[int]) -> Iterator[Screen]:
    """Those of these halves, each as the first of PEOPLE gets it who may; to be called while it is NOW."""
    clients = {name: _client(name) for name in (*PEOPLE, *{who for who, _ in MORE.values()})}
    lost = []
    for name, address in _addresses():
        if half_of(name) not in halves:
            continue
        for who in PEOPLE:
            answer = _get(clients[who], address)
            if answer.status_code == 200 and answer.content.lstrip()[:9].lower() == b"<!doctype":
                yield Screen(name, address, who, answer.content, dict(answer.headers))
                break
        if answer.status_code not in (200, 302, 403):  # a page, a button's address, what nobody may
            lost.append(f"{address} answers {answer.status_code}")
    assert not lost, f"{lost}: say in tests/screens/pages.py what stands there"
    for name, (who, address) in MORE.items():
        if half_of(name) not in halves:
            continue
        answer = _get(clients[who], address)
        yield Screen(name, address, who, answer.content, dict(answer.headers))


def _get(client: Client, address: str) -> Any:
    """The page without what an address before it has left to be said."""
    client.cookies.pop("messages", None)
    return client.get(address)


def _client(name: str) -> Client:
    client = Client()
    if name:
        client.force_login(User.objects.get(username=name), "django.contrib.auth.backends.ModelBackend")
    return client


def _addresses() -> Iterator[tuple[str, str]]:
    """Each address of the desk by a name for its screen; those of a row for a row of each state."""
    for pattern in _patterns():
        if not pattern.name or pattern.name in NO_SCREENS:
            continue
        query = ""
        if status := CHOSEN.get(pattern.name):
            query = "?ids=" + ",".join(
                str(pk) for pk in Article.objects.filter(status=status).values_list("pk", flat=True)
            )
        parts = list(pattern.pattern.converters) or list(pattern.pattern.regex.groupindex)
        for state, values in _values(pattern.name, parts):
            name = " ".join([pattern.name.replace("_", " "), *([state] if state else [])])
            try:
                yield name, reverse(f"admin:{pattern.name}", kwargs=values) + query
            except NoReverseMatch as exc:
                raise AssertionError(f"tests/screens/pages.py does not say what stands for: {exc}") from exc


def _patterns() -> list[URLPattern]:
    """Those of the admin, without the old addresses of rows, which lead on."""
    (admin,) = (
        each for each in get_resolver().url_patterns if isinstance(each, URLResolver) and each.namespace == "admin"
    )
    found: list[URLPattern] = []
    pending: list[Any] = list(admin.url_patterns)
    for each in pending:
        if isinstance(each, URLPattern):
            found.append(each)
        else:
            pending += each.url_patterns
    return found


def _values(name: str, parts: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    of_a_row = [part for part in parts if part not in SAID]
    said = {part: SAID[part] for part in parts if part in SAID}
    if not of_a_row:
        yield "", said
        return
    (part,) = of_a_row
    for state, pk in _rows(name):
        yield state, said | {part: pk}


def _rows(name: str) -> list[tuple[str, Any]]:
    """The first row of each state for the page of a row, the first row for all others."""
    model = _model(name)
    rows = model._default_manager.order_by("pk")
    if name in CHOSEN:
        rows = rows.filter(status=CHOSEN[name])
    field = next((field for field in STATES if field in {each.name for each in model._meta.fields}), "")
    if not field or not name.endswith("_change"):
        first = rows.first()
        assert first is not None, f"tests/screens/content.py makes no {model._meta.label}, which {name} shows"
        return [("", first.pk)]
    firsts: dict[str, Any] = {}
    for state, pk in rows.values_list(field, "pk"):
        firsts.setdefault(str(state), pk)
    assert firsts, f"tests/screens/content.py makes no {model._meta.label}, which {name} shows"
    return list(firsts.items())


def _model(name: str) -> type[Model]:
    for begin, model in BEHIND.items():
        if name.startswith(begin):
            return model
    (model,) = (
        each for each in apps.get_models() if re.match(rf"{each._meta.app_label}_{each._meta.model_name}_", name)
    )
    return model


def parts_of(screen: Screen) -> dict[str, tuple[str, bytes]]:
    """What the screen loads from the desk itself, by address: frames, pictures, words of the date picker."""
    client = _client(screen.who)
    found: dict[str, tuple[str, bytes]] = {}
    pending = [screen.html]
    for html in pending:
        for address in re.findall(r'src="(?:http://testserver)?(/(?!static/)[^"]+)"', html.decode()):
            address = address.replace("&amp;", "&")
            if address in found:
                continue
            answer = client.get(address)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
            found[address] = answer.headers["Content-Type"], body
            if answer.headers["Content-Type"].startswith("text/html"):
                pending.append(body)
    return found
