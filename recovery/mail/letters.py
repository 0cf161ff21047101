"""The words of the mails, as they are true at this moment. Reads everything, changes nothing.

A constant number of queries a mail, however many articles stopped.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, Window
from django.db.models.functions import RowNumber, Substr
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from articles.failures import Failure, Problem, problems, report
from articles.formats import clock, count
from articles.models import Article, ArticleQuerySet, Call, Preferences, Stage
from articles.models.access import works_here
from backups.health.report import Report, remembered
from recovery.groups.snoozes import kept_aside
from recovery.mail import backup_news, backup_wording, film, links, notices
from recovery.models import Handover, Mail

TITLES, DAILY_TITLES = 10, 5  # of one problem
TOLD = 20  # documents in one mail
GROUPS = 20  # problems in one mail
SUBJECT_TITLE, SUBJECT = 60, 160  # characters
WIDTH = 72  # characters a line of plain text
# Marks that turn the direction of writing could make a subject say something else.
TURNING = {chr(code) for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str
    html: str
    told: str = ""  # of the backups
    picture: bytes = b""  # a JPEG that the words show


@dataclass(frozen=True)
class Group:
    """Articles that stopped for one reason, the newest first: only some of them by name."""

    problem: Problem
    titles: list[str]
    next: str

    @property
    def more(self) -> int:
        return self.problem.count - len(self.titles)

    @property
    def reason(self) -> str:
        return _one_line(self.problem.sentence)

    @property
    def heading(self) -> str:
        return f"{count(self.problem.count, 'article')} since {clock(self.problem.since)}"


def write(mail: Mail) -> Letter | None:
    """What this mail says now; None when nothing it was to tell is stopped any more, and the backups are no news, or
    for somebody who is let in no more.
    """
    if not mail.recipient.is_active:
        return None
    with timezone.override(Preferences.zone_of(mail.recipient_id)):
        return _written(mail)


def _written(mail: Mail) -> Letter | None:
    told = Article.objects.filter(pk__in=mail.stops.standing().values("article"))
    report = None
    if mail.kind in (Mail.Kind.DAILY, Mail.Kind.BACKUPS) and backup_news.may_know(mail.recipient):
        report = remembered(timezone.now())
    match mail.kind:
        case Mail.Kind.AT_ONCE:
            words = _at_once(mail, told)
        case Mail.Kind.DAILY:
            words = _daily(mail, told, report)
        case Mail.Kind.WORKLIST:
            words = _of_worklist(mail)
        case Mail.Kind.GIVEN:
            words = _given(mail, told)
        case _:
            words = _of_backups(mail, report)
    if words is None:
        return None
    subject, template, context = words
    letter = _letter(
        subject,
        template,
        context
        | {
            "link": links.address(mail),
            "until": timezone.now() + timedelta(seconds=links.LIFE),
            "daily": mail.kind == Mail.Kind.DAILY,
            "picture_name": film.name_in(mail),
            "one": mail.kind == Mail.Kind.GIVEN,
        },
    )
    return replace(letter, told=backup_news.state_of(report)) if report else letter


def test() -> Letter:
    """For the operator, to try the mail server with."""
    return _letter("Galley can send mail", "test", {"link": settings.GALLEY_BASE_URL})


Words = tuple[str, str, dict[str, Any]]  # subject, template, context


def _at_once(mail: Mail, told: ArticleQuerySet) -> Words | None:
    groups = _groups(told, TITLES, mail.recipient)
    article = told.filter(pk=groups[0].problem.newest).defer("html").first() if groups else None
    if article is None or not article.error:
        return None
    shown = {"picture": film.failing_picture(article, mail.recipient), "pictured": _one_line(str(article))}
    if groups[0].problem.count > 1:
        [group] = groups
        subject = f"Stopped: {count(group.problem.count, 'article')} – {group.problem.label}"
        return subject, "group", {"group": group, **shown}
    said = report(article, mail.recipient)
    said = replace(said, title=_one_line(said.title), reason=_one_line(said.reason), next=_one_line(said.next))
    subject = f'Stopped: "{_cut(said.title, SUBJECT_TITLE)}" – {said.headline}'
    return subject, "stopped", {"report": said, "steps": len(Stage), "at": article.ended_at, **shown}


def _of_worklist(mail: Mail) -> Words | None:
    told = [replace(line, title=_one_line(line.title), said=_one_line(line.said)) for line in notices.told(mail)]
    if not told:
        return None
    first = f'"{_cut(told[0].title, SUBJECT_TITLE)}" – {told[0].said}'
    subject = f"Worklist: {first if len(told) == 1 else count(len(told), 'document')}"
    mine = f"{settings.GALLEY_BASE_URL}{reverse('admin:worklist_document_changelist')}?person=me"
    return subject, "worklist", {"told": told[:TOLD], "more": len(told) - TOLD, "mine": mine}


def _given(mail: Mail, told: ArticleQuerySet) -> Words | None:
    """None once somebody else has it, or nobody, or it is not theirs to see any more."""
    if not works_here(mail.recipient):
        return None
    told = told.touchable_by(mail.recipient)
    found = Handover.objects.filter(article__in=told.values("pk"), to=mail.recipient).select_related("giver").first()
    article = told.filter(pk=found.article_id).defer("html").first() if found else None
    if found is None or article is None or not article.error:
        return None
    said = report(article, mail.recipient)
    said = replace(said, title=_one_line(said.title), reason=_one_line(said.reason), next=_one_line(said.next))
    giver = _one_line(found.giver.get_short_name() or found.giver.get_username()) if found.giver else "A colleague"
    subject = f'{giver} gave you "{_cut(said.title, SUBJECT_TITLE)}" – {said.headline}'
    return subject, "given", {"report": said, "giver": giver, "note": _one_line(found.note)}


def _of_backups(mail: Mail, report: Report | None) -> Words | None:
    daily = mail.kind == Mail.Kind.DAILY
    if report is None or not backup_news.is_news(
        mail.recipient, backup_news.state_of(report), timezone.now(), daily=daily
    ):
        return None
    news = _news(report)
    return news.subject, "backups", {"news": news}


def _news(report: Report) -> backup_wording.News:
    news = backup_wording.news(report)
    return replace(
        news,
        headline=_one_line(news.headline),
        reason=_one_line(news.reason),
        next=_one_line(news.next),
        safe=_one_line(news.safe),
        others=list(map(_one_line, news.others)),
    )


def _daily(mail: Mail, told: ArticleQuerySet, report: Report | None) -> Words | None:
    """All that is stopped, as soon as there is something new among it; how the backups do, for who may act on it.

    Of what is put aside, what is new alone: that is no reminder.
    """
    mine = Article.objects.filter(owner=mail.recipient)
    new = set(told.order_by().values_list("cause", flat=True).distinct())
    all_groups = _groups(mine, DAILY_TITLES, mail.recipient) if new else []
    aside = kept_aside([group.problem.cause for group in all_groups], mail.recipient) - new if new else set()
    groups = [group for group in all_groups if group.problem.cause not in aside]
    if not groups:
        return _of_backups(mail, report)
    number = sum(group.problem.count for group in groups)
    reasons = groups[0].problem.label if len(groups) == 1 else count(len(groups), "reason")
    since = timezone.now() - timedelta(days=1)
    done = mine.filter(status=Article.Status.DONE, ended_at__gte=since)
    context: dict[str, Any] = {
        "groups": groups[:GROUPS],
        "more_groups": len(groups) - GROUPS,
        "aside": len(aside),
        "number": number,
        "done": done.count(),
        "news": _news(report) if report else None,
        "cost": Call.objects.filter(article__in=done).cost(),
    }
    subject = f"Stopped: {count(number, 'article')} – {reasons}"
    if context["news"] and context["news"].is_bad:
        subject = f"{context['news'].subject}. {subject}"
    return subject, "digest", context


def _groups(articles: ArticleQuerySet, most: int, reader: User) -> list[Group]:
    """What is stopped among these, by reason, the most frequent first (three queries)."""
    place = Window(RowNumber(), partition_by="cause", order_by=[F("ended_at").desc(), F("pk").desc()])
    newest: dict[str, list[Article]] = {}
    for article in (
        articles.filter(status=Article.Status.FAILED)
        .annotate(place=place, opening=Substr("manuscript", 1, 200))
        .filter(place__lte=most)
        .order_by("place")
        .only("title", "idea", "error", "cause")
    ):
        newest.setdefault(article.cause, []).append(article)
    return [_group(problem, newest[problem.cause], reader) for problem in problems(articles) if problem.cause in newest]


def _group(problem: Problem, newest: list[Article], reader: User) -> Group:
    # Where the articles want different things done, each says so itself.
    actions = {_one_line(Failure.read(article.error).next_for(reader)) for article in newest}
    action = actions.pop() if len(actions) == 1 else "see at each article what to do, then press Recover"
    return Group(problem, [_one_line(str(article)) for article in newest], action)


# On paper


def _letter(subject: str, template: str, context: dict[str, Any]) -> Letter:
    context |= {
        "subject": _cut(_one_line(subject), SUBJECT),
        "desk": settings.GALLEY_BASE_URL,
        "backups": settings.GALLEY_BASE_URL + reverse("admin:backups_generation_changelist"),
        "preferences": settings.GALLEY_BASE_URL + reverse("admin:articles_preferences_changelist"),
    }
    text = render_to_string(f"mail/{template}.txt", context)
    html = render_to_string(f"mail/{template}.html", context)
    return Letter(context["subject"], _wrapped(text), html, picture=context.get("picture", b""))


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def _one_line(words: str) -> str:
    """Fit for a header: no line breaks, no control characters."""
    kept = (" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in words)
    return " ".join("".join(letter for letter in kept if letter not in TURNING).split())


def _wrapped(text: str) -> str:
    """Lines of readable length; an address keeps a line of its own, however long it is."""
    lines = []
    for line in re.sub(r"\n{3,}", "\n\n", text.strip()).split("\n"):
        indent = "  " if line.startswith("- ") else ""
        lines += textwrap.wrap(
            line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return "\n".join(lines) + "\n"
