"""An article moved to another day of the calendar: the hour stays, by the clock of whoever moves it."""

from __future__ import annotations

from datetime import date, datetime

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from articles.desk.article_forms import ChangeForm
from articles.desk.selection import read_ids
from articles.formats import written
from articles.models import Article
from articles.tree.due import due, write_soon
from backups.clocks import READER
from backups.moments import DayField


def move_view(model_admin: ModelAdmin[Article], request: HttpRequest) -> HttpResponse:
    """By the rules of the article's own form; `was` is when it began on the calendar that was shown."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    pk = read_ids(request.POST.get("article", ""))[:1]
    article = model_admin.get_queryset(request).filter(pk__in=pk).first()
    if article is None:
        raise Http404("There is no such article.")
    if not model_admin.has_change_permission(request, article):
        raise PermissionDenied
    shown = article.scheduled_at or timezone.now()
    try:
        moment = _on(article, shown, request.POST.get("day", ""))
        if shown.isoformat() != request.POST.get("was") or not _moved(article, shown, moment):
            raise ValidationError("It was begun, or moved by somebody else, meanwhile.")
    except ValidationError as exc:
        said = format_html("“{}” stays where it is. {}", article, " ".join(exc.messages))
        model_admin.message_user(request, said, messages.ERROR)
        return _to(READER.day(shown))
    model_admin.log_change(request, article, [{"changed": {"fields": ["Begin"]}}])
    said = format_html("“{}” begins on {} now.", article, written(moment, "j F, H:i"))
    model_admin.message_user(request, said, messages.SUCCESS)
    return _to(READER.day(moment))


def _on(article: Article, shown: datetime, text: str) -> datetime:
    """The same hour of another day. Raises ValidationError for a day that is over, or has no such hour."""
    day: date | None = DayField().clean(text)
    if day == READER.day(shown):
        return shown
    form = ChangeForm({"scheduled_at": f"{day:%Y-%m-%d}T{READER.local(shown):%H:%M}"}, instance=article)
    for name in set(form.fields) - {"scheduled_at"}:
        del form.fields[name]
    if not form.is_valid():
        raise ValidationError([str(said) for errors in form.errors.values() for said in errors])
    moment: datetime = form.cleaned_data["scheduled_at"]
    return moment


def _moved(article: Article, shown: datetime, moment: datetime) -> bool:
    """Whether it was: not if it has begun, or begins at another time by now."""
    waiting = Article.objects.filter(pk=article.pk, status=Article.Status.WAITING, attempt=0, scheduled_at=shown)
    with transaction.atomic():
        moved = waiting.update(scheduled_at=moment, next_at=moment, **due())
        write_soon(article)
    return bool(moved)


def _to(day: date) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('admin:articles_article_calendar')}?month={day:%Y-%m}#day-{day.day}")
