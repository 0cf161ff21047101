"""Every page of the desk that its URLconf knows, with an address of something that is there: none is named by hand.

A page that is added is among them by itself. One whose address holds more than the number of a row, or of whose kind
this desk has no row, has to be named here, or the walk fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

if TYPE_CHECKING:
    from django.db.models import Model
    from playwright.sync_api import Page

DESK = "admin:"
OF_A_ROW = {"pk", "object_id", "id"}  # what addresses call its number
# Files, and deeds that are asked for by a button: their addresses hold a name, too; and a page of hundreds of folds.
NO_PAGES = {
    "reference",
    "insights_csv",
    "view_on_site",
    "backups_now",
    "publishing_publishtask_shot",
    "worklist_document_do",
    "worklist_drive_do",
}
OF_OTHERS = ("auth", "axes", "django_q")  # apps whose pages are not ours
# Kinds of which this desk has no row: their pages have tests in their rooms.
NOT_THERE = {
    "articles.preferences",
    "backups.generation",
    "config.token",
    "webhooks.webhook",
    "webhooks.delivery",
    "worklist.driveaccount",
}
# Pages of an article that is finished, and what else their addresses hold.
OF_DONE = ("articles_article_picture", "articles_article_look", "articles_article_versions")
SAID = {"role": "hero"}
# Questions about articles that were chosen.
ABOUT_ARTICLES = ("articles_article_publish", "articles_article_recover", "articles_article_cancel_many")

# What Tab comes to, each with whether its focus is seen; and what can be used, and may be come to.
WATCH_FOCUS = """() => {
    window.met = new Map();
    document.addEventListener("focusin", ({target}) => {
        const {outlineStyle, boxShadow} = getComputedStyle(target);
        window.met.set(target, outlineStyle !== "none" || boxShadow !== "none");
    });
    const usable = [...document.querySelectorAll("a[href], button, input:not([type=radio]), select, textarea, summary")]
        .filter(part => part.checkVisibility({visibilityProperty: true}) && !part.disabled && part.tabIndex >= 0);
    window.usable = usable;
    const scrolls = [...document.body.querySelectorAll("*")]  // which Tab stops at as well
        .filter(part => part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight);
    const inParts = document.querySelectorAll("input[type^=date], input[type=time], iframe");
    return usable.length + scrolls.length + 8 * inParts.length;
}"""
MISSED = """() => [
    ...window.usable.filter(part => !window.met.has(part)).map(part => `Tab passes by ${part.outerHTML.slice(0, 150)}`),
    ...[...window.met].filter(([, seen]) => !seen).map(([part]) => `no focus is seen: ${part.outerHTML.slice(0, 150)}`),
]"""

Patterns = Iterable[URLPattern | URLResolver]
Newest = Callable[[type["Model"]], Any]  # the number of the newest row; None where there is none


class Place(NamedTuple):
    name: str
    route: str
    names: set[str]  # of what is to be filled in


def addresses(newest: Newest, done: Any) -> dict[str, str]:
    """By name; whether a page is there, its answer says. `done` is the number of an article that is finished."""
    patterns = get_resolver().url_patterns  # with which the models come
    models = {f"{model._meta.app_label}.{model._meta.model_name}": model for model in admin.site._registry}
    rows = {label: newest(model) for label, model in models.items() if not label.startswith(OF_OTHERS)}
    unseen = {label for label, row in rows.items() if row is None} - NOT_THERE
    assert not unseen, "nobody sees a page of one: have the test make one"
    return dict(_of_desk(patterns, rows, done))


def _of_desk(patterns: Patterns, rows: Mapping[str, Any], done: Any) -> Iterator[tuple[str, str]]:
    for place in _places(patterns):
        name, (_, app, model, *_) = place.name.removeprefix(DESK), [*place.route.split("/"), "", "", ""]
        if not place.name.startswith(DESK) or not name or name in NO_PAGES or app in OF_OTHERS or "(" in place.route:
            continue
        assert place.names <= OF_A_ROW | SAID.keys(), f"{name}: name it in NO_PAGES, or say what its address is about"
        row = done if name in OF_DONE else rows.get(f"{app}.{model}")
        if not place.names or row is not None:
            yield name, f"/{_filled(place, row)}{f'?ids={row}' if name in ABOUT_ARTICLES else ''}"


def _places(patterns: Patterns, space: str = "", before: str = "") -> Iterator[Place]:
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _places(pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else space, route)
        else:
            yield Place(f"{space}{pattern.name or ''}", route, set(pattern.pattern.converters))


def _filled(place: Place, row: Any) -> str:
    parts = (part.strip("<>").split(":") if part.startswith("<") else [part] for part in place.route.split("/"))
    return "/".join(part[0] if len(part) == 1 else SAID.get(part[1], str(row)) for part in parts)


def walked_by_keys(page: Page) -> list[str]:
    """What the keyboard does not come to, and where nobody sees that it has."""
    for _ in range(page.evaluate(WATCH_FOCUS) + 5):
        page.keyboard.press("Tab")
    return list(page.evaluate(MISSED))
