"""Restores in the desk, in four steps: a point in time, what, the difference, and then that. For superusers alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from backups.database import undo as database_undo
from backups.database.comparison import steps
from backups.desk.points import PointField, take_point
from backups.files import restore
from backups.files.undo import UNDO_CHANGES, new_name
from backups.models import Generation, Restore
from backups.moments import MomentField
from backups.repository.manifests import DATABASE, FILES
from backups.restores import database
from backups.restores.fields import ShownRow
from backups.restores.files import possible_home
from backups.restores.groups import REST, Group

LINES = 50
PK = re.compile(r"/article/(\d+)(?:/|$)")
MODES = {
    "missing": "Only what is missing now. Nothing that is there changes",
    "newer": "What is missing, and what is older now than in the backup",
    "overwrite": "What is missing, and whatever differs",
    "mirror": "All as it was: what the backup does not have is deleted, too",
}
FILE_MODES = {
    "missing": "Only what is missing now. Nothing that is there changes",
    "newer": "What is missing, and what is older now than in the backup",
    "overwrite": "What is missing, and whatever differs",
    "mirror": "All as it was: what the backup does not have is set aside, too",
}
UNDO = "How it was before, where nobody has changed it since"
FILE_WORDS = {  # counted
    "create": "to create",
    "replace": "to replace",
    "same": "the same",
    "keep": "kept as they are",
    "aside": "to set aside",
    "back": "to put back",
    "remove": "to remove",
}
FILE_ACTIONS = {"keep": "stays", "aside": "set aside", "back": "put back"}  # said of one; all others as they are
NEW, HOME = "new", "home"


class JobFields(TypedDict, total=False):
    """What somebody asks for, in the fields of `Restore`."""

    tier: str
    undoes: Restore
    source: str
    moment: datetime | None
    units: list[str]
    mode: str
    backup: str
    home: bool
    journal: str


@dataclass(frozen=True)
class Folded:
    """A line of the difference: an article, or what belongs to none, and the first rows of it."""

    group: Group
    is_unit: bool
    rows: list[ShownRow]


class RestoreForm(forms.Form):
    point = PointField(DATABASE.name, label="As it was in")
    moment = MomentField(label="Or at", required=False, help_text="The newest backup until then.")
    units = forms.CharField(
        label="Articles",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A title, a number or an address to a line, as they were in the backup. "
        "Empty: everything; of what differs you may tick articles on the next page.",
    )
    mode = forms.ChoiceField(label="What comes back", choices=list(MODES.items()), initial="missing")

    def fields_of_job(self) -> JobFields:
        found = self.cleaned_data
        return {"moment": found["moment"], "units": found["units"], "mode": found["mode"]}

    def clean(self) -> None:
        take_point(self)

    def clean_units(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["units"].splitlines()]
        return [found[1] if (found := PK.search(line)) else line for line in lines if line]


class FilesForm(forms.Form):
    """What of which files; for a folder that is new, all that was chosen is missing."""

    source = forms.ChoiceField(label="The files of")
    point = PointField(FILES.name, label="As they were in")
    moment = MomentField(label="Or at", required=False, help_text="The newest backup of them until then.")
    units = forms.CharField(
        label="Which",
        required=False,
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A file, a folder or a pattern such as 1922/*.txt to a line. Empty: all of them.",
    )
    where = forms.ChoiceField(
        label="Where to",
        choices=[(NEW, "A new folder. Nothing that is there changes"), (HOME, "The folder that they came from")],
        initial=NEW,
        help_text="The operator finds a new folder on the machine that the next page names.",
    )
    mode = forms.ChoiceField(
        label="What comes back",
        choices=list(FILE_MODES.items()),
        initial="missing",
        help_text="In the folder that they came from; in a new one everything is missing.",
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        of_files = Generation.objects.filter(tier=FILES.name).order_by("about__source")
        self.sources = sorted({str(source) for source in of_files.values_list("about__source", flat=True).distinct()})
        self.fields["source"].choices = [(source, source) for source in self.sources]  # type: ignore[attr-defined]

    def clean_units(self) -> list[str]:
        return [line.rstrip("\r") for line in self.cleaned_data["units"].split("\n") if line.strip()]

    def clean(self) -> None:
        take_point(self)
        if self.cleaned_data.get("where") == HOME and not possible_home(self.cleaned_data.get("source", "/")):
            self.add_error("where", "Where these files came from is not in their backup. Choose a new folder.")

    def fields_of_job(self) -> JobFields:
        found = self.cleaned_data
        home = found["where"] == HOME
        return {
            "tier": FILES.name,
            "source": found["source"],
            "moment": found["moment"],
            "units": found["units"],
            "home": home,
            "mode": found["mode"] if home else "missing",
            "journal": new_name(timezone.now()),
        }


class RestoreDesk:
    """The pages; `admin` is that of the backups."""

    def __init__(self, admin: ModelAdmin[Any]) -> None:  # of generations; it logs restores, too
        self.admin = admin

    def urls(self) -> list[URLPattern]:
        wrap = self.admin.admin_site.admin_view
        return [
            path("restore/", wrap(self.ask), name="backups_restore"),
            path("restore/files/", wrap(self.ask_files), name="backups_restore_files"),
            path("restore/<int:pk>/", wrap(self.show), name="backups_restore_shown"),
            path("restore/<int:pk>/do/", wrap(self.do), name="backups_restore_do"),
            path("restore/<int:pk>/undo/", wrap(self.undo), name="backups_restore_undo"),
            path("restore/<int:pk>/only/", wrap(self.only), name="backups_restore_only"),
        ]

    def ask(self, request: HttpRequest) -> HttpResponse:
        """The point in time, and what of the database."""
        return self._ask(request, RestoreForm)

    def ask_files(self, request: HttpRequest) -> HttpResponse:
        """The point in time, which files, and where to."""
        return self._ask(request, FilesForm)

    def _ask(self, request: HttpRequest, kind: type[RestoreForm] | type[FilesForm]) -> HttpResponse:
        _superusers_only(request)
        form = kind(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._compare(request, **form.fields_of_job())
        context = self._context(request) | {
            "title": "Restore",
            "form": form,
            "files": kind is FilesForm,
            "none": isinstance(form, FilesForm) and not form.sources,
            "jobs": Restore.objects.defer("steps", "failures")[:LINES],
        }
        return TemplateResponse(request, "admin/backups/restore.html", context)

    def show(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The difference; and later what came of it."""
        _superusers_only(request)
        job = get_object_or_404(Restore, pk=pk)
        files = job.tier == FILES.name
        words = FILE_WORDS if files else steps.ACTIONS_COUNTED
        differences = sum(number for action, number in job.counts.items() if action != steps.SAME)
        changes = (*restore.RESTORE_CHANGES, *UNDO_CHANGES) if files else steps.WRITES
        for step in job.steps:
            step["words"] = FILE_ACTIONS.get(step["action"], step["action"])
        context = self._context(request) | {
            "title": str(job),
            "job": job,
            "files": files,
            "thing": "file" if files else "row",
            "mode": UNDO if job.undoes else (FILE_MODES if files else MODES).get(job.mode, job.mode),
            "counted": [(number, words[action]) for action, number in job.counts.items() if number],
            "work": sum(job.counts.get(name, 0) for name in changes),
            "conflicts": job.counts.get(steps.CONFLICT, 0),
            "page": Paginator(_folded(job) or job.steps, LINES).get_page(request.GET.get("page")),
            "most": database.MOST_STEPS,
            "folded": bool(job.groups),
            "tickable": job.state == Restore.State.SHOWN and not job.undoes and any(map(_is_unit, job.groups)),
            "more": max(differences - len(job.steps), 0),
            "moving": job.moving,
            "undos": job.undos.all(),
        }
        return TemplateResponse(request, "admin/backups/restore_shown.html", context)

    def do(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self._job(request, pk)
        if isinstance(job, HttpResponse):
            return job
        if job.mode == "mirror" and request.POST.get("typed") != "mirror":
            why = "Nothing has begun. What the backup does not have would go: type “mirror” if that is right."
            self.admin.message_user(request, why, messages.ERROR)
        elif not database.confirm(job.pk, request.POST.get("planned", "")):
            why = "Nothing has begun by this press: it has begun already, or the plan is not the one that was shown."
            self.admin.message_user(request, why, messages.WARNING)
        else:
            database.ask("restore", job.pk)
            self.admin.log_change(request, job, _logged(job))
        return _to(job)

    def undo(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The difference to how it was before; it is shown like any other."""
        job = self._job(request, pk)
        if isinstance(job, HttpResponse):
            return job
        if not job.may_be_undone:
            self.admin.message_user(request, "There is nothing to undo.", messages.WARNING)
            return _to(job)
        return self._compare(
            request,
            undoes=job,
            tier=job.tier,
            source=job.source,
            mode=database_undo.UNDO_MODE,
            backup=job.safety,
            journal=job.journal,
        )

    def only(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The difference that ticked articles alone would make, from the same backup."""
        job = self._job(request, pk)
        if isinstance(job, HttpResponse):
            return job
        known = {str(group["unit"]) for group in job.groups if group["unit"]}
        ticked = [number for number in request.POST.getlist("units") if number in known]
        if not ticked or job.undoes:
            self.admin.message_user(request, "Nothing was ticked.", messages.WARNING)
            return _to(job)
        return self._compare(request, backup=job.backup, units=ticked, mode=job.mode)

    def _compare(self, request: HttpRequest, **fields: Unpack[JobFields]) -> HttpResponse:
        job = Restore.objects.create(who=request.user.get_username(), **fields)
        database.ask("compare", job.pk)
        return _to(job)

    def _job(self, request: HttpRequest, pk: int) -> Restore | HttpResponse:
        """The one on which something is to be done by POST."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        _superusers_only(request)
        return get_object_or_404(Restore, pk=pk)

    def _context(self, request: HttpRequest) -> dict[str, object]:
        return {**self.admin.admin_site.each_context(request), "opts": self.admin.opts}


def _is_unit(group: Group) -> bool:
    return group["unit"] != REST


def _folded(job: Restore) -> list[Folded]:
    """Each article with the rows of it that are kept to be shown."""
    rows: dict[int, list[ShownRow]] = {}
    for step in job.steps if job.groups else ():
        rows.setdefault(step.get("unit", REST), []).append(step)
    return [Folded(group, _is_unit(group), rows.get(group["unit"], [])) for group in job.groups]


def _superusers_only(request: HttpRequest) -> None:
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied


def _logged(job: Restore) -> str:
    if job.tier == FILES.name:
        return f"{'Undo' if job.undoes else 'Restore'} of files in {job.folder} on {job.machine}: {job.mode}."
    return f"{'Undo' if job.undoes else 'Restore'} from {job.backup}: {job.mode}."


def _to(job: Restore) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:backups_restore_shown", args=[job.pk]))
