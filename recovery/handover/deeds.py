"""Given, given on, taken back; over when it is finished or cancelled. Each is one transaction, with its mail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from articles.models import Article
from articles.models.access import EVERYTHING, may_touch, works_here
from recovery.mail.collect import Wish, new_mail, wish
from recovery.models import Handover, Mail, Stop

BACKEND = "django.contrib.auth.backends.ModelBackend"
CHANGE = "articles.change_article"


class NotGiven(Exception):
    """It cannot be given so. The message is a sentence for the person."""


def may_have(user: User, article: Article) -> bool:
    return works_here(user) and user.has_perm(CHANGE) and may_touch(user, article)


def colleagues(article: Article, giver: User) -> list[User]:
    """Who may work on it, without the giver and whoever has it already."""
    has = Handover.objects.filter(article=article).values_list("to", flat=True).first()
    everybody = User.objects.with_perm(EVERYTHING, backend=BACKEND).values("pk")
    found = User.objects.filter(Q(pk__in=everybody) | Q(pk=article.owner_id)).exclude(pk__in=[giver.pk, has or 0])
    return [user for user in found.order_by("first_name", "username") if may_have(user, article)]


def give(article: Article, giver: User, to: User, note: str) -> None:
    """Raises NotGiven."""
    with transaction.atomic():
        held = Article.objects.select_for_update().filter(pk=article.pk, status=Article.Status.FAILED).first()
        if held is None:
            raise NotGiven("It is not stopped any more. Nothing was done.")
        if to == giver or not may_have(to, held):
            raise NotGiven(f"{name(to)} may not work on this article. Choose somebody else.")
        said = {"to": to, "giver": giver, "note": note, "at": timezone.now()}
        handover, _ = Handover.objects.update_or_create(article=held, defaults=said)
        held.events.create(kind="given", message=f"{name(giver)} gave it to {name(to)}", detail=note)
        _note_mail(handover)


def take_back(article: Article, by: User) -> None:
    """Raises NotGiven."""
    with transaction.atomic():
        found = Handover.objects.select_for_update().filter(article=article).select_related("to").first()
        if found is None:
            raise NotGiven("Nobody has it. Nothing was done.")
        found.delete()
        article.events.create(kind="given", message=f"{name(by)} took it back from {name(found.to)}")


def given_to(user: User) -> QuerySet[Handover]:
    """What waits for this person, the oldest first; not what they may not touch any more."""
    stopped = Article.objects.touchable_by(user).filter(status=Article.Status.FAILED)
    found = Handover.objects.filter(to=user, article__in=stopped.values("pk"))
    return found.select_related("article", "giver").defer("article__html", "article__earlier_manuscripts")


def note_finished(article: Article, **_: Any) -> None:
    """It is done, and so is what was asked for. (Receiver of `transitions.finished`.)"""
    Handover.objects.filter(article=article).delete()


def note_cancelled(articles: Iterable[int], **_: Any) -> None:
    """(Receiver of `transitions.cancelled`.)"""
    Handover.objects.filter(article__in=list(articles)).delete()


def name(user: User) -> str:
    return user.get_short_name() or user.get_username()


def _note_mail(handover: Handover) -> None:
    """By the outbox, as mail about what stopped; of a kind of its own, for which no other mail stands."""
    article, to = handover.article, handover.to
    if wish(to) == Wish.NEVER:
        return
    cause = f"given {article.pk} {handover.at.isoformat()}"
    mail = new_mail(recipient=to, kind=Mail.Kind.GIVEN, cause=cause)
    Stop.objects.create(
        article=article, attempt=article.attempt, recipient=to, cause=cause, stopped_at=handover.at, mail=mail
    )
