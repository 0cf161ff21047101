"""What a person has chosen among the articles, kept under a name: shown above the list, and removed there."""

from __future__ import annotations

from functools import partial
from typing import cast
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from articles.formats import count
from articles.models import Article, SavedFilter


def filter_urls(admin: ModelAdmin[Article]) -> list[URLPattern]:
    wrap = admin.admin_site.admin_view
    return [
        path("filters/", wrap(partial(save_view, admin)), name="articles_article_filter_save"),
        path("filters/<int:pk>/", wrap(partial(remove_view, admin)), name="articles_article_filter_remove"),
    ]


def save_view(admin: ModelAdmin[Article], request: HttpRequest) -> HttpResponse:
    """One of the same name is replaced."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.has_view_or_change_permission(request):
        raise PermissionDenied
    name, address = " ".join(request.POST.get("name", "").split()), request.POST.get("address", "")
    mine = SavedFilter.objects.filter(user=cast(User, request.user))
    if reason := _refused(name, address, mine.exclude(name=name).count()):
        admin.message_user(request, reason, messages.ERROR)
    else:
        mine.update_or_create(user=cast(User, request.user), name=name, defaults={"address": address})
        admin.message_user(request, format_html("“{}” stands above the list from now on.", name), messages.SUCCESS)
    known = address if _is_choice(address) else ""
    return HttpResponseRedirect(reverse("admin:articles_article_changelist") + known)


def remove_view(admin: ModelAdmin[Article], request: HttpRequest, pk: int) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.has_view_or_change_permission(request):
        raise PermissionDenied
    found = SavedFilter.objects.filter(user=cast(User, request.user), pk=pk).first()
    if found is None:
        raise Http404("There is no such filter.")
    found.delete()
    admin.message_user(request, format_html("“{}” is removed. No article was changed.", found), messages.SUCCESS)
    return HttpResponseRedirect(reverse("admin:articles_article_changelist"))


def _refused(name: str, address: str, others: int) -> str:
    """Why this cannot be kept; empty for what can."""
    longest = SavedFilter._meta.get_field("name").max_length or 0
    if not name or "\0" in name:
        return "Give the filter a name."
    if len(name) > longest:
        return f"Give it a shorter name, of {longest} letters at most."
    if not _is_choice(address):
        return "Choose or search for something first; then it can be saved."
    if others >= SavedFilter.MOST:
        return f"{count(SavedFilter.MOST, 'filter')} are the most. Remove one first."
    return ""


def _is_choice(address: str) -> bool:
    """Whether this is the part of an address that chooses: of the list itself, so it leads nowhere else."""
    longest = SavedFilter._meta.get_field("address").max_length or 0
    fits = address.startswith("?") and len(address) <= longest and address.isprintable() and "#" not in address
    return fits and bool(parse_qsl(address[1:]))
