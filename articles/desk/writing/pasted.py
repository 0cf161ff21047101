"""A text that was pasted with its headings, links and lists, as one goes on writing in it."""

from __future__ import annotations

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from articles.content import as_markdown
from articles.models import Article

LONGEST = 1_000_000  # characters of HTML: Word writes ten of them for one that is read


def pasted_view(admin: ModelAdmin[Article], request: HttpRequest) -> HttpResponse:
    """`{"text": …}` for the HTML of a clipboard; empty where its bare words say as much."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not (admin.has_add_permission(request) or admin.has_change_permission(request)):
        raise PermissionDenied
    html = request.POST.get("html", "")
    return JsonResponse({"text": as_markdown.from_html(html) if len(html) <= LONGEST else ""})
