"""Times, sums and states as the desk writes them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from django import template
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models.options import Options
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles import formats as article_formats
from articles import state_wording
from articles.formats import age, duration
from articles.models import Article, Batch, Cost
from audit.watched import WATCHED
from backups.clocks import DESK, READER

register = template.Library()


def _time(moment: datetime, text: str) -> SafeString:
    return format_html("{}{}</time>", _exactly(moment, READER.zone(), DESK.zone()), text)


@lru_cache(maxsize=10_000)
def _exactly(moment: datetime, reader: tzinfo, desk: tzinfo) -> SafeString:  # noqa: ARG001  by the clock of either
    """The same at each look, and dear: a list has a hundred."""
    exact = article_formats.written(moment, "l j F Y, H:i:s")
    return format_html('<time datetime="{}" title="{}">', moment.astimezone(reader).isoformat(), exact)


@register.filter
def written(moment: datetime | None, form: str) -> str:
    """As `date` writes it; with the name of the reader's zone where the desk's clock shows another time."""
    return article_formats.written(moment, form) if moment else ""


@register.simple_tag
def desk_zone() -> str:
    return DESK.zone_name(DESK.now())


@register.simple_tag
def whose_clock() -> str:
    """`Times are those of the desk, CET.`"""
    if str(READER.zone()) == str(DESK.zone()):
        return f"Times are those of the desk, {desk_zone()}."
    return f"Times are yours, {str(READER.zone()).replace('_', ' ')}."


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago, with the exact time on hover."""
    return _time(moment, age(moment)) if moment else "–"


@register.filter
def past(moment: datetime) -> SafeString:
    """How long ago, within a sentence."""
    return _time(moment, article_formats.past(moment))


@register.filter
def ahead(moment: datetime) -> SafeString:
    """In how long."""
    return _time(moment, article_formats.ahead(moment))


@register.filter
def clock(moment: datetime | None) -> SafeString | str:
    """The time of the day, with the exact time on hover."""
    return _time(moment, article_formats.clock(moment)) if moment else "–"


@register.filter
def took(start: datetime | None, end: datetime | None) -> str:
    return duration(end - start) if start and end and end >= start else ""


@register.filter
def lasted(seconds: int) -> str:
    return duration(timedelta(seconds=seconds))


money = register.filter(article_formats.money)


@register.filter
def cost_words(cost: Cost) -> str:
    """`$4.10`, `at least $4.10`, `not known`."""
    return article_formats.money(cost.known, cost.unknown)


@register.filter
def of_budget(cost: Cost, budget: Decimal | None) -> str:
    """`$61.20 of $110.00`, or only what was spent where there is no limit."""
    return article_formats.of_budget(cost.known, cost.unknown, budget)


@register.filter
def size(bytes_: int) -> str:
    return str(filesizeformat(bytes_))


@register.filter
def count(number: int, thing: str) -> str:
    """`{{ 3|count:"article" }}` is `3 articles`."""
    return article_formats.count(number, *thing.split(","))


@register.filter
def state(article: Article) -> str:
    return state_wording.state(article)


@register.filter
def progress(article: Article) -> str:
    return state_wording.progress(article)


@register.filter
def link_words(article: Article) -> str:
    return state_wording.link_words(article)


@register.filter
def owner_for(thing: Article | Batch, user: AbstractBaseUser | AnonymousUser) -> str:
    """`you`, or the name of somebody else."""
    return "you" if thing.owner_id == user.pk else thing.owner.get_username()


@register.filter
def asks_why(opts: Options[Any]) -> bool:
    """Whether a change of such a row is noted, and is not one's own affair."""
    return opts.label in WATCHED and opts.label != "articles.Preferences"


@register.simple_tag(takes_context=True)
def paged(context: template.Context, name: str, number: int) -> str:
    """The address of another page of one list; what is chosen otherwise stays."""
    said = context["request"].GET.copy()
    said[name] = str(number)
    return f"?{said.urlencode()}"


@register.simple_tag
def strip(article: Article) -> SafeString:
    """The five stages as marks, the present one with its name."""
    return _strip(tuple(state_wording.steps(article)))


@cache
def _strip(steps: tuple[state_wording.Step, ...]) -> SafeString:
    """Made once for all articles that came as far: a list has fifty."""
    return render_to_string("admin/articles/article/strip.html", {"steps": steps})
