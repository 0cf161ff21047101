"""The page *Several files*: chosen or dropped, shown, handed in."""

from __future__ import annotations

from copy import copy
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from articles.desk.writing.page import is_open, preferred
from articles.desk.writing.several import MOST, SHARED, Several, from_files, from_page
from articles.formats import count
from articles.handing_in.manuscript_form import KINDS, packed
from articles.models import Article

IN_THE_FORM = "The file is in the form, and not handed in yet."


def files_view(admin: ModelAdmin[Article], request: HttpRequest) -> HttpResponse:
    """Without files the question for some; one fills the form; several are shown, then handed in together."""
    if not admin.has_add_permission(request):
        raise PermissionDenied
    user = cast(User, request.user)
    if request.method == "POST" and "confirmed" in request.POST:
        several = from_page(request.POST, user)
        return _hand_in(admin, request, several) if several.is_valid else _page(admin, request, several)
    files = cast(list[UploadedFile[bytes]], request.FILES.getlist("files"))
    if len(files) == 1 and (kept := packed(files[0])):
        return _in_the_form(admin, request, kept)
    return _page(admin, request, from_files(files, user) if files else None)


def _in_the_form(admin: ModelAdmin[Article], request: HttpRequest, kept: str) -> HttpResponse:
    """The form of a new article, in which this file lies."""
    asked = copy(request)
    asked.method, asked.GET = "GET", QueryDict(urlencode({"kept_file": kept}))
    messages.info(request, IN_THE_FORM)
    return admin.add_view(asked, form_url=reverse("admin:articles_article_add"))


def _page(admin: ModelAdmin[Article], request: HttpRequest, several: Several | None) -> HttpResponse:
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request),
        "title": f"Hand in {count(len(several.rows), 'file')}" if several else "Hand in several files",
        "opts": admin.opts,
        "several": several,
        "most": MOST,
        "kinds": ",".join(KINDS),
        "has_add_permission": True,
    }
    if several:
        context |= {
            "options": [several.options[name] for name in SHARED],
            "preferred": preferred(cast(User, request.user)),
            "is_open": bool(several.wrong_options) or is_open(several.options, SHARED),
            "asked_again": "confirmed" in request.POST,
        }
    return TemplateResponse(request, "admin/articles/article/files.html", context)


def _hand_in(admin: ModelAdmin[Article], request: HttpRequest, several: Several) -> HttpResponse:
    handed_in = several.hand_in()
    for article in handed_in:
        admin.log_addition(request, article, [{"added": {}}])
    said = f"{count(len(handed_in), 'article')} {'is' if len(handed_in) == 1 else 'are'} handed in."
    admin.message_user(request, f"{said} They are made by themselves; you may leave this page.", messages.SUCCESS)
    for name in several.left_out:
        admin.message_user(request, format_html("“{}” was left out.", name), messages.INFO)
    return HttpResponseRedirect(reverse("admin:articles_article_changelist"))
