"""Times, sums and states as the desk writes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django import template
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.template.defaultfilters import filesizeformat
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles import formats as article_formats
from articles import state_wording
from articles.formats import age, duration
from articles.models import Article, Batch, Cost

register = template.Library()


def _time(moment: datetime, text: str) -> SafeString:
    local = timezone.localtime(moment)
    exact = formats.date_format(local, "l j F Y, H:i:s")
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, text)


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


@register.simple_tag(takes_context=True)
def paged(context: template.Context, name: str, number: int) -> str:
    """The address of another page of one list; what is chosen otherwise stays."""
    said = context["request"].GET.copy()
    said[name] = str(number)
    return f"?{said.urlencode()}"


@register.inclusion_tag("admin/articles/article/strip.html")
def strip(article: Article) -> dict[str, object]:
    """The five stages as marks, the present one with its name."""
    return {"steps": state_wording.steps(article)}
