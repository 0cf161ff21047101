"""Another look for a page: its title, who lays it out, its design, byline and colours.

A page is laid out anew, by the template for nothing, by Claude for one paid call. With another title alone it keeps its
layout, and nobody is paid: the title stands above the page, on the site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from articles.estimates import cost_of, costs
from articles.models import Article, Cost, Stage
from articles.models.choices import Formatter
from articles.pipeline.transitions import Work
from articles.providers import claude
from articles.tree import earlier
from articles.tree.due import write_soon
from articles.tree.earlier import LOOK
from recovery.changes import opening
from recovery.changes.opening import MovedOn, NotChanged

WORDS = {
    "title": "title",
    "formatter": "formatter",
    "design": "design",
    "byline": "byline",
    "brand_primary": "main colour",
    "brand_accent": "accent colour",
}


def check(article: Article) -> None:
    """Raises NotChanged for an article whose page stays as it is just now."""
    opening.check(article, article.takes_another_look, "another look")


def claude_can(article: Article) -> bool:
    """Whether Claude can be asked for its page at all."""
    return bool(settings.ANTHROPIC_API_KEY) and claude.tokens_at_most(article.html) <= claude.LONGEST_ARTICLE


@dataclass(frozen=True)
class Way:
    """Who may lay the page out, and what that costs, as far as that is known."""

    formatter: str
    label: str
    cost: Cost


def ways(article: Article) -> list[Way]:
    """Who can lay the page out now, and who is set to (two queries)."""
    paid = cost_of({"format": 1}, costs()) if claude_can(article) else Cost(Decimal(0))
    return [
        Way(way.value, way.label, Cost(Decimal(0)) if way == Formatter.TEMPLATE else paid)
        for way in Formatter
        if way != Formatter.CLAUDE or way == article.formatter or claude_can(article)
    ]


def change(article: Article, wanted: Mapping[str, str], by: User, *, seen: str) -> None:
    """Let the article get this look, by names of fields; of two at once the second is refused.

    Raises NotChanged, Unreachable.
    """
    check(article)
    if opening.version(article) != seen:
        raise MovedOn(article)
    now = opening.look_of(article)
    changed = {name: wanted[name] for name in LOOK if wanted[name] != now[name]}
    if not changed:
        raise NotChanged("It looks so already. Nothing was done.")
    keeps_layout = changed.keys() == {"title"}
    if not keeps_layout and wanted["formatter"] == Formatter.CLAUDE and not claude_can(article):
        raise NotChanged("Claude cannot lay this page out: choose the template.")
    kept = opening.kept_page(article, "look", must=keeps_layout)
    work = _work(article, changed, kept, anew=not keeps_layout)
    with transaction.atomic():
        opening.opened(article, work, by, **now)
        opening.take_on(article, changed)
        if keeps_layout:
            opening.show_anew(article, kept[0])
        write_soon(article)


def _work(article: Article, changed: Mapping[str, str], kept: list[earlier.Entry], *, anew: bool) -> Work:
    return Work(
        stages=opening.stages_of_page(article),
        anew=frozenset({Stage.FORMAT}) if anew else frozenset(),
        changes={**changed, "earlier_files": [*article.earlier_files, *kept]},
        from_stage=Stage.FORMAT.value,
        again=("1 formatted page",) if anew else (),
        did=f"changed how it looks: {in_words(changed)}",
    )


def in_words(changed: Mapping[str, str]) -> str:
    """`title, design`"""
    return ", ".join(WORDS[name] for name in LOOK if name in changed)
