"""Google Drive in the desk: accounts are connected there, folders followed, and what does not come says why."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from articles import formats
from worklist.desk.drive_page import drive_page
from worklist.drive import accounts, signin, sync
from worklist.drive.errors import DriveError
from worklist.models import DriveAccount, DriveFolder
from worklist.states import EDIT

ASKED = "drive_sign_in"  # in the session, while a person is at Google
SECONDS = 10.0  # of reading, while somebody waits for the page; the schedule does the rest
PAGE = "admin:worklist_driveaccount_changelist"


class KeyForm(forms.Form):
    key = forms.FileField(label="Key", help_text="The JSON file that Google's console gave for the service account.")

    def clean_key(self) -> dict[str, Any]:
        given = self.cleaned_data["key"]
        try:
            return signin.key_of(given.read(signin.LONGEST_KEY + 1).decode())
        except (DriveError, UnicodeDecodeError) as exc:
            raise forms.ValidationError(str(exc) if isinstance(exc, DriveError) else "This is no JSON file.") from exc


@admin.register(DriveAccount)
class DriveAccountAdmin(admin.ModelAdmin[DriveAccount]):
    actions = None

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.page_view), name="worklist_driveaccount_changelist"),
            path("connect/", wrap(self.connect_view), name="worklist_drive_connect"),
            path("callback/", wrap(self.callback_view), name="worklist_drive_callback"),
            path("key/", wrap(self.key_view), name="worklist_drive_key"),
            path("<int:pk>/do/<str:deed>/", wrap(self.deed_view), name="worklist_drive_do"),
        ]

    def page_view(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, KeyForm())

    def _page(self, request: HttpRequest, key_form: KeyForm) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Google Drive",
            "page": drive_page(),
            "key_form": key_form,
            "may_add": self.has_add_permission(request),
            "may_change": self.has_change_permission(request),
            "may_delete": self.has_delete_permission(request),
            "may_sync": cast(User, request.user).has_perm(EDIT),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/worklist/drive/page.html", context)

    def _said(self, request: HttpRequest, said: str, level: int = messages.SUCCESS) -> HttpResponse:
        self.message_user(request, said, level)
        return HttpResponseRedirect(reverse(PAGE))

    # A person's account: to Google and back

    def connect_view(self, request: HttpRequest) -> HttpResponse:
        """A page with the way to Google: no form may lead there."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not settings.GOOGLE_CLIENT_ID:
            return self._said(request, "Ask the operator to set GOOGLE_CLIENT_ID first.", messages.WARNING)
        asked = signin.ask(accounts.google(), _back())
        request.session[ASKED] = {"state": asked.state, "verifier": asked.verifier}
        context = {**self.admin_site.each_context(request), "title": "Connect an account", "address": asked.address}
        response = TemplateResponse(request, "admin/worklist/drive/connect.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def callback_view(self, request: HttpRequest) -> HttpResponse:
        """Back from Google, with the state that this very session was given; it counts once."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        if not self.has_add_permission(request):
            raise PermissionDenied
        asked, said = request.session.pop(ASKED, None), request.GET
        if asked is None or not hmac.compare_digest(asked["state"].encode(), said.get("state", "").encode()):
            return self._said(request, "This sign-in was not begun here, or is over. Connect again.", messages.WARNING)
        if not said.get("code"):
            return self._said(request, "The account was not connected: Google was told no.", messages.WARNING)
        try:
            login = signin.exchange(accounts.google(), said["code"], asked["verifier"], _back())
            account = accounts.connect(login, cast(User, request.user))
        except DriveError as exc:
            return self._said(request, str(exc), messages.WARNING)
        self.log_addition(request, account, "Connected.")
        return self._said(request, f"“{account}” is connected. Name the folder that is to be followed.")

    def key_view(self, request: HttpRequest) -> HttpResponse:
        """A service account, by its key."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form)
        try:
            account = accounts.connect(form.cleaned_data["key"], cast(User, request.user))
        except DriveError as exc:
            return self._said(request, str(exc), messages.WARNING)
        self.log_addition(request, account, "Connected by its key.")
        return self._said(request, f"“{account}” is connected. Share a folder with it, and name that here.")

    # What the buttons do

    def deed_view(self, request: HttpRequest, pk: int, deed: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        do: Callable[[HttpRequest, int], str] | None = {
            "follow": self._follow,
            "sync": self._sync,
            "missing": self._missing,
            "leave": self._leave,
            "disconnect": self._disconnect,
        }.get(deed)
        if do is None:
            raise Http404("There is no such button.")
        try:
            return self._said(request, do(request, pk))
        except DriveError as exc:
            return self._said(request, str(exc), messages.WARNING)

    def _follow(self, request: HttpRequest, pk: int) -> str:
        _allow(self.has_change_permission(request))
        account = get_object_or_404(DriveAccount, pk=pk)
        folder = accounts.follow(account, request.POST.get("folder", "")[:1000])
        self.log_change(request, account, f"Follows the folder {folder}.")
        return f"“{folder}” is followed from now on. What lies in it comes within a minute."

    def _sync(self, request: HttpRequest, pk: int) -> str:
        _allow(self.has_view_or_change_permission(request) and cast(User, request.user).has_perm(EDIT))
        return _words(sync.sync(get_object_or_404(DriveFolder, pk=pk), seconds=SECONDS))

    def _missing(self, request: HttpRequest, pk: int) -> str:
        _allow(self.has_change_permission(request))
        return _words(sync.sync(get_object_or_404(DriveFolder, pk=pk), believe_missing=True, seconds=SECONDS))

    def _leave(self, request: HttpRequest, pk: int) -> str:
        _allow(self.has_change_permission(request))
        folder = get_object_or_404(DriveFolder, pk=pk)
        folder.delete()
        self.log_change(request, folder.account, f"Follows the folder {folder} no more.")
        return f"“{folder}” is followed no more. Its documents stay as they are."

    def _disconnect(self, request: HttpRequest, pk: int) -> str:
        _allow(self.has_delete_permission(request))
        account = get_object_or_404(DriveAccount, pk=pk)
        self.log_deletions(request, DriveAccount.objects.filter(pk=pk))
        account.delete()
        return f"“{account}” is disconnected. Its documents stay as they are."


def _back() -> str:
    """Where Google sends people back to; the client names the same address."""
    return f"{settings.GALLEY_BASE_URL.rstrip('/')}{reverse('admin:worklist_drive_callback')}"


def _allow(may: bool) -> None:
    if not may:
        raise PermissionDenied


def _words(report: sync.Report) -> str:
    """Raises DriveError where nothing came."""
    if report.waits:
        raise DriveError(report.waits)
    held = f" {formats.count(report.held, 'document')} missing at once: say below whether that is right."
    said = f"{formats.count(report.new, 'new document')}, {report.read} read, {report.gone} gone."
    return said + (held if report.held else "")
