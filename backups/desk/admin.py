"""The backups in the desk: one page, at which somebody with the right sees how they do, and ends what is wrong.

Whoever may view backups sees it; whoever may change them pins, runs and schedules. Nobody makes or deletes one here.
"""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from backups import configured
from backups.desk import schedules
from backups.desk.page import backups_page
from backups.desk.restore_views import RestoreDesk
from backups.desk.schedules import ScheduleForm
from backups.errors import BackupError
from backups.health.states import Action
from backups.models import Generation
from backups.repository import prune
from backups.repository.manifests import TIERS
from backups.storage.port import FIRST

SECONDS = 14400  # that a backup, a verification or a drill may take, as when a schedule begins it
# What may be begun here, by its name in the address: its task, and what is said then.
NOW: dict[str, tuple[str, str]] = {
    Action.BACK_UP_DATABASE: ("backups.tasks.backup_database", "The backup of the database begins in a moment."),
    Action.TRY_RESTORE: (
        "backups.tasks.try_restore",
        "A restore is tried in a moment. It may take as long as the backups are large.",
    ),
    Action.VERIFY: ("backups.tasks.verify", "The backups are verified in a moment."),
    Action.COPY: ("backups.tasks.copy", "What the second storage lacks is copied in a moment."),
    Action.CHECK_STORAGE: ("backups.tasks.look", "Galley looks at the storage in a moment."),
}


@admin.register(Generation)
class GenerationAdmin(admin.ModelAdmin[Generation]):
    """Its list is the page; the desk shows that as the page of the whole app."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Generation | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/pin/", wrap(self.pin_view), name="backups_pin"),
            path("<int:pk>/unpin/", wrap(self.unpin_view), name="backups_unpin"),
            path("now/<slug:what>/", wrap(self.now_view), name="backups_now"),
            path("schedule/<int:pk>/", wrap(self.schedule_view), name="backups_schedule"),
            *RestoreDesk(self).urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        return self._show(request)

    def _show(self, request: HttpRequest, bound: ScheduleForm | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Backups",
            "opts": self.opts,
            "page": backups_page(timezone.now(), request.GET.dict(), bound),
            "may_change": self.has_change_permission(request),
        }
        return TemplateResponse(request, "admin/backups/page.html", context)

    def _refused(self, request: HttpRequest) -> HttpResponse | None:
        """The answer to somebody who may not do anything here; None for those who may."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        return None

    def _back(self, fragment: str = "") -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:backups_generation_changelist") + fragment)

    # What somebody may do

    def pin_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._refused(request) or self._pinned(request, pk, pinned=True)

    def unpin_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._refused(request) or self._pinned(request, pk, pinned=False)

    def _pinned(self, request: HttpRequest, pk: int, *, pinned: bool) -> HttpResponse:
        """In the storage first, which is the truth."""
        generation = Generation.objects.filter(pk=pk).first()
        if generation is None:
            raise Http404("There is no such backup.")
        try:
            _pin(generation, pinned=pinned)
        except BackupError as exc:
            refusal = f"{generation} is as it was, because the storage did not do it. {exc}"
            self.message_user(request, refusal, messages.ERROR)
            return self._back()
        Generation.objects.filter(tier=generation.tier, name=generation.name).update(pinned=pinned)
        self.log_change(request, generation, "Pinned." if pinned else "Unpinned.")
        outcome = "is pinned: it is kept until you unpin it"
        if not pinned:
            outcome = "is not pinned any more, and goes when it is old"
        self.message_user(request, f"{generation} {outcome}.", messages.SUCCESS)
        return self._back(f"#{generation.tier}")

    def now_view(self, request: HttpRequest, what: str) -> HttpResponse:
        """Have the queue do at once what its schedule does later. Pressed twice, it is done twice, harmlessly."""
        if refused := self._refused(request):
            return refused
        if what not in NOW:
            raise Http404("There is nothing of this name to do.")
        task, begins = NOW[what]
        async_task(task, q_options={"timeout": SECONDS, "task_name": f"backups: {what}"})
        self.message_user(request, f"{begins} You may leave this page; load it again to see what came of it.")
        return self._back()

    def schedule_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if refused := self._refused(request):
            return refused
        with transaction.atomic():
            schedule = Schedule.objects.select_for_update().filter(pk=pk, func__in=schedules.RUN).first()
            if schedule is None:
                raise Http404("There is no such schedule.")
            form = ScheduleForm(request.POST, schedule=schedule)
            if not form.is_valid():
                return self._show(request, form)
            did = form.save(timezone.now())
            if did:
                self.log_change(request, schedule, f"In the desk: {did}.")
        title = schedules.title(schedule)
        self.message_user(request, f"“{title}”: {did}." if did else f"“{title}” is as it was.", messages.SUCCESS)
        return self._back("#schedules")


def _pin(generation: Generation, *, pinned: bool) -> None:
    """In each storage that has it. Raises BackupError when it is in none; to the second the copy brings it, too."""
    rows = Generation.objects.filter(tier=generation.tier, name=generation.name)
    there = set(rows.values_list("storage", flat=True)).intersection(configured.storages())
    for storage in sorted(there, reverse=not pinned):
        repository = configured.repository(TIERS[generation.tier], storage)
        try:
            (prune.pin if pinned else prune.unpin)(repository, generation.name)
        except BackupError:
            if storage == FIRST or not pinned:
                raise
