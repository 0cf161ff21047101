"""Restores in the desk, in four steps: a point in time, what, the difference, and then that. For superusers alone."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django_q.tasks import async_task

from backups import jobs, restoring
from backups.models import Restore

SECONDS = 14400  # that one may take
LINES = 50
PK = re.compile(r"/article/(\d+)(?:/|$)")
MODES = {
    "missing": "Only what is missing now. Nothing that is there changes",
    "newer": "What is missing, and what is older now than in the backup",
    "overwrite": "What is missing, and whatever differs",
    "mirror": "All as it was: what the backup does not have is deleted, too",
}


class RestoreForm(forms.Form):
    moment = forms.DateTimeField(
        label="As it was at",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="The newest backup until then. Empty: the newest of all.",
    )
    units = forms.CharField(
        label="Articles",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A title, a number or an address to a line, as they were in the backup. Empty: everything.",
    )
    mode = forms.ChoiceField(label="What comes back", choices=list(MODES.items()), initial="missing")

    def clean_units(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["units"].splitlines()]
        return [found[1] if (found := PK.search(line)) else line for line in lines if line]


class RestoreDesk:
    """The pages; `admin` is that of the backups."""

    def __init__(self, admin: ModelAdmin[Any]) -> None:
        self.admin = admin

    def urls(self) -> list[URLPattern]:
        wrap = self.admin.admin_site.admin_view
        return [
            path("restore/", wrap(self.ask), name="backups_restore"),
            path("restore/<int:pk>/", wrap(self.show), name="backups_restore_shown"),
            path("restore/<int:pk>/do/", wrap(self.do), name="backups_restore_do"),
            path("restore/<int:pk>/undo/", wrap(self.undo), name="backups_restore_undo"),
        ]

    def ask(self, request: HttpRequest) -> HttpResponse:
        """The point in time, and what."""
        _superusers_only(request)
        form = RestoreForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._compare(request, **form.cleaned_data)
        context = self._context(request) | {"title": "Restore", "form": form, "jobs": Restore.objects.all()[:LINES]}
        return TemplateResponse(request, "admin/backups/restore.html", context)

    def show(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The difference; and later what came of it."""
        _superusers_only(request)
        job = get_object_or_404(Restore, pk=pk)
        differences = sum(number for action, number in job.counts.items() if action != restoring.SAME)
        context = self._context(request) | {
            "title": str(job),
            "job": job,
            "mode": MODES.get(job.mode, job.mode),
            "counted": [(number, restoring.WORDS[action]) for action, number in job.counts.items() if number],
            "work": sum(job.counts.get(name, 0) for name in (restoring.CREATE, restoring.CHANGE, restoring.DELETE)),
            "conflicts": job.counts.get(restoring.CONFLICT, 0),
            "page": Paginator(job.steps, LINES).get_page(request.GET.get("page")),
            "more": max(differences - len(job.steps), 0),
            "moving": job.state in (Restore.State.COMPARING, Restore.State.CONFIRMED, Restore.State.RESTORING),
        }
        return TemplateResponse(request, "admin/backups/restore_shown.html", context)

    def do(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self._job(request, pk)
        if isinstance(job, HttpResponse):
            return job
        if job.mode == "mirror" and request.POST.get("typed") != "mirror":
            said = "Nothing has begun. It would delete what the backup does not have: type “mirror” if that is right."
            self.admin.message_user(request, said, messages.ERROR)
        elif not jobs.confirm(job.pk, request.POST.get("planned", "")):
            said = "Nothing has begun by this press: it has begun already, or the plan is not the one that was shown."
            self.admin.message_user(request, said, messages.WARNING)
        else:
            async_task("backups.tasks.restore", job.pk, q_options={"timeout": SECONDS})
            self.admin.log_change(request, job, f"Restore from {job.backup}: {job.mode}.")
        return _to(job)

    def undo(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The difference to how it was before; it is shown like any other."""
        job = self._job(request, pk)
        if isinstance(job, HttpResponse):
            return job
        if not job.safety:
            self.admin.message_user(request, "There is nothing to undo.", messages.WARNING)
            return _to(job)
        return self._compare(request, backup=job.safety, mode="mirror")

    def _compare(self, request: HttpRequest, **fields: Any) -> HttpResponse:
        job = Restore.objects.create(who=request.user.get_username(), **fields)
        async_task("backups.tasks.compare", job.pk, q_options={"timeout": SECONDS})
        return _to(job)

    def _job(self, request: HttpRequest, pk: int) -> Restore | HttpResponse:
        """The one on which something is to be done by POST."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        _superusers_only(request)
        return get_object_or_404(Restore, pk=pk)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin.admin_site.each_context(request), "opts": self.admin.opts}


def _superusers_only(request: HttpRequest) -> None:
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied


def _to(job: Restore) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:backups_restore_shown", args=[job.pk]))
