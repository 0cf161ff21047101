"""Title and site of an article, changed in the list: the fields, the rules and the form of its own page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from articles.desk.article_forms import ChangeForm, MovedOn, frozen_fields
from articles.desk.selection import way_back
from articles.models import Article

FIELDS = ("title", "site")
FORM = "quick-form"  # stands below the list, whose own form goes around all rows
EDITED = "edit"  # in the address: the row whose fields are open


def form_of(article: Article, data: Any = None) -> ChangeForm:
    """The form of the article's page with these two fields, less what has had its effect."""
    form = ChangeForm(data, instance=article)
    kept = set(FIELDS) - set(frozen_fields(article))
    for name in set(form.fields) - kept:
        del form.fields[name]
    for field in form.fields.values():
        field.widget.attrs["form"] = FORM
    return form


def edited(request: HttpRequest, articles: Iterable[Article]) -> Article | None:
    """The row whose fields are open."""
    asked = request.GET.get(EDITED, "")
    return next((article for article in articles if str(article.pk) == asked and article.rests), None)


def site_column(request: HttpRequest, *, may_change: bool) -> Callable[[Article], SafeString]:
    """The site of each row, with the way to these fields where it rests; in the chosen row the fields themselves."""

    @admin.display(description="Site", ordering="site__name")
    def where(article: Article) -> SafeString:
        asked = request.GET.copy()
        is_open = asked.pop(EDITED, [""])[-1] == str(article.pk)
        if not (may_change and article.rests):
            return _site(article)
        if is_open:
            context = {"article": article, "form": form_of(article), "back": f"{request.path}?{asked.urlencode()}"}
            return render_to_string("admin/articles/article/quick.html", context)
        asked[EDITED] = str(article.pk)
        address = f"{request.path}?{asked.urlencode()}#quick-{article.pk}"
        link = '{} <a class="quick-link" href="{}" aria-label="Change title and site of {}">Change</a>'
        return format_html(link, _site(article), address, article)

    return where


def _site(article: Article) -> SafeString:
    return conditional_escape(str(article.site or "no site"))


def quick_view(model_admin: ModelAdmin[Article], request: HttpRequest, pk: int) -> HttpResponse:
    """As `Save` on the article's page; what is wrong is said above the list, and nothing was changed then."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    article = model_admin.get_queryset(request).filter(pk=pk).first()
    if article is None:
        raise Http404("There is no such article.")
    if not model_admin.has_change_permission(request, article):
        raise PermissionDenied
    name, form = str(article), form_of(article, request.POST)
    back = way_back(request, reverse("admin:articles_article_changelist"))
    if not article.rests or not form.fields:
        model_admin.message_user(
            request, format_html("“{}” rests no more. Nothing was changed.", name), messages.WARNING
        )
    elif not form.is_valid():
        for field, errors in form.errors.items():
            model_admin.message_user(request, f"{field.capitalize()}: {' '.join(map(str, errors))}", messages.ERROR)
    elif form.has_changed():
        _save(model_admin, request, article, form)
    return HttpResponseRedirect(back)


def _save(model_admin: ModelAdmin[Article], request: HttpRequest, article: Article, form: ChangeForm) -> None:
    try:
        with transaction.atomic():
            model_admin.save_model(request, article, form, change=True)
            model_admin.log_change(request, article, model_admin.construct_change_message(request, cast(Any, form), []))
    except MovedOn:
        model_admin.message_user(request, "It is not stopped any more. Nothing was changed.", messages.WARNING)
    else:
        model_admin.message_user(request, format_html("“{}” is saved.", article), messages.SUCCESS)
