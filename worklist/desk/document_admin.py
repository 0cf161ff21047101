"""Documents in the desk: the board, the page of one, and the text as it will look."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.clickjacking import xframe_options_sameorigin

from articles.errors import NotPossible
from articles.models.choices import new_uid
from publishing.desk.forms import PublishForm
from publishing.models import Site
from worklist import intake, publication, texts
from worklist.desk.board import board
from worklist.desk.deeds import DEEDS, Refused
from worklist.desk.document_page import document_page
from worklist.desk.forms import AssignForm, NoteForm, TextForm, TitleForm
from worklist.models import Document, Source

# Of the text alone: a document without an origin, which runs and loads nothing; its pictures lie in it.
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin[Document]):
    actions = None

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/text/", wrap(self.text_view), name="worklist_document_text"),
            path("<int:pk>/publish/", wrap(self.publish_view), name="worklist_document_publish"),
            path("<int:pk>/do/<str:deed>/", wrap(self.deed_view), name="worklist_document_do"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return Document.objects.visible_to(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        """What is not wanted is let go; its texts stay."""
        return False

    def _document(self, request: HttpRequest, pk: int) -> Document:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).select_related("article", "task", "assignee", "approved_by")
        document = found.filter(pk=pk).first()
        if document is None:
            raise Http404("There is no such document.")
        return document

    def _context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **more}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        context = self._context(
            request, "Worklist", board=board(request), may_add=self.has_add_permission(request), user=request.user
        )
        return TemplateResponse(request, "admin/worklist/document/board.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TextForm(request.POST, request.FILES) if request.method == "POST" else TextForm()
        if form.is_bound and form.is_valid():
            user = cast(User, request.user)
            document, _ = intake.arrive(Source.UPLOAD, new_uid(), form.arrival, user)
            self.log_addition(request, document, "Handed in.")
            return HttpResponseRedirect(document.get_absolute_url())
        context = self._context(request, "Hand in a document", form=form)
        return TemplateResponse(request, "admin/worklist/document/add.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not object_id.isdecimal():
            raise Http404("There is no such document.")
        return self._page(request, self._document(request, int(object_id)))

    def _page(self, request: HttpRequest, document: Document, refused: Refused | None = None) -> HttpResponse:
        """`refused` holds the form that was not right, as it was sent."""
        forms: dict[str, Any] = {
            "assign": AssignForm(initial={"assignee": document.assignee_id, "due": document.due}),
            "rename": TitleForm(initial={"title": document.title}),
            "note": NoteForm(),
            "revise": TextForm(),
        }
        if refused is not None:
            forms[refused.name] = refused.form
        page = document_page(document, cast(User, request.user))
        context = self._context(request, str(document), page=page, document=document, forms=forms, user=request.user)
        return TemplateResponse(request, "admin/worklist/document/page.html", context)

    def deed_view(self, request: HttpRequest, pk: int, deed: str) -> HttpResponse:
        """What a button of the page does; each deed asks for its own right."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document = self._document(request, pk)
        do = DEEDS.get(deed)
        if do is None:
            raise Http404("There is no such button.")
        try:
            said = do(document, cast(User, request.user), request)
        except Refused as exc:
            return self._page(request, document, exc)
        except NotPossible as exc:
            self.message_user(request, str(exc), messages.WARNING)
        else:
            self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(document.get_absolute_url())

    @method_decorator(xframe_options_sameorigin)
    def text_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The text as it will read."""
        document = self._document(request, pk)
        context = {"title": document.title, "html": texts.illustrated(document.text)}
        response = TemplateResponse(request, "admin/worklist/document/text.html", context)
        response["Content-Security-Policy"] = POLICY
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "private, no-store"
        return response

    def publish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question; by POST, the deed, for the text whose hash the page has shown."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        document = self._document(request, pk)
        if not publication.may_publish(cast(User, request.user)):
            raise PermissionDenied
        form = _publish_form(document, request)
        if form is not None and form.is_bound and form.is_valid():
            return self._publish(request, document, form)
        context = self._context(request, f"Publish “{document}”", document=document, form=form, user=request.user)
        return TemplateResponse(request, "admin/worklist/document/publish.html", context)

    def _publish(self, request: HttpRequest, document: Document, form: PublishForm) -> HttpResponse:
        try:
            published, _ = publication.publish(
                document.pk,
                cast(User, request.user),
                form.cleaned_data["site"],
                seen_text=request.POST.get("seen_text", ""),
                publisher=form.cleaned_data["publisher"],
                options=form.options,
            )
        except NotPossible as exc:
            self.message_user(request, str(exc), messages.WARNING)
            return HttpResponseRedirect(document.get_absolute_url())
        self.log_change(request, document, f"Publish on {form.cleaned_data['site'] or 'a page at the desk'}.")
        self.message_user(request, f"“{published}” is on its way.", messages.SUCCESS)
        return HttpResponseRedirect(document.get_absolute_url())


def _publish_form(document: Document, request: HttpRequest) -> PublishForm:
    """As it went out last; without any site, a page at the desk is made."""
    before = publication.as_before(document)
    as_before = {
        "site": document.task.site_id if document.task else Site.objects.values_list("pk", flat=True).first(),
        "when": "now" if before.is_for_readers else "draft",
        "tags": ", ".join(before.tags),
        "categories": ", ".join(before.categories),
    }
    form = PublishForm(request.POST if request.method == "POST" else None, many=False, initial=as_before)
    form.fields["site"].required = False
    form.fields["site"].empty_label = "a page at the desk"  # type: ignore[attr-defined]
    del form.fields["write_over"]
    return form
