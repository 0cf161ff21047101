"""The worklist in the API: what waits, counted and moved on, brought to what its source has, and published."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Query, Router, Status
from ninja.errors import HttpError
from pydantic import Field

from articles.api.asking import who_may_look
from articles.api.strict import BIGGEST_ID, REFUSALS, InQuery, Problem, Strict
from articles.content.manuscripts import Unreadable
from articles.models.access import may_look
from articles.providers.errors import Unreachable
from backups.clocks import DESK
from publishing.api import OptionsIn
from publishing.models import Site
from publishing.options import Options
from worklist import intake, moves, pages, publication, texts
from worklist.drive.status import lines, sync_soon
from worklist.intake import Arrival
from worklist.models import Document, DocumentQuerySet, DriveAccount, Source, State
from worklist.states import moves_from

MOST = 100  # documents in one answer
COUNTED = 10_000  # documents at most; beyond it there are "more"
SHA256 = r"^[0-9a-f]{64}$"
LONGEST_TEXT = 2_000_000  # characters
WAITING = [state for state in State if state != State.PUBLISHED]
LONGEST_ID = 400  # characters, of what a program knows a document by
ONE_OF_THE_STATES: dict[str, Any] = {"enum": list(State.values)}  # said in the description; the refusal names them, too

router = Router(tags=["worklist"])
CONFLICT: dict[int, type[Problem]] = {**REFUSALS, 409: Problem}


class DocumentOut(Strict):
    """A document that waits."""

    id: str
    title: str
    writer: str
    folder: str
    source: str = Field(description=f"one of: {', '.join(Source.values)}")
    status: str = Field(description=f"one of: {', '.join(State.values)}")
    message: str = Field(description="the same in words, as in the desk")
    since: datetime = Field(description="in this status")
    arrived_at: datetime
    assignee: str | None
    due: date | None
    words: int
    text_hash: str = Field(description="of the text that is worked on; approve and publish with it")
    approved_hash: str | None = Field(description="of the text that is approved; null: none is")
    changed_at_source: bool = Field(description="there is a later text, which somebody takes or leaves out at the desk")
    gone_from_source: bool
    let_go: bool
    article_id: str | None
    task_id: str | None = Field(description="the publish task that was asked for last")
    actions: list[str] = Field(description="the statuses to which you may move it now, and publish")


class DocumentsOut(Strict):
    """In the order in which they arrived."""

    documents: list[DocumentOut]
    count: int = Field(description=f"how many there are altogether, counted up to {COUNTED:,}")
    more: bool = Field(description="there are more than were counted")
    after: str | None = Field(description="the next page: after=<this>; null: this was the last")


class WantedDocuments(InQuery):
    """Which documents."""

    status: str | None = Field(None, max_length=20)
    assignee: str | None = Field(None, max_length=150, description="a user name")
    folder: str | None = Field(None, max_length=200)
    search: str | None = Field(None, max_length=200, description="words of the title")
    days: int | None = Field(None, ge=0, le=3650, description="in its status for so many days or more")
    limit: int = Field(20, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=COUNTED)
    after: int | None = Field(None, ge=1, le=BIGGEST_ID, description="only documents that arrived after this one")


class Counted(Strict):
    """How many documents on the board, under a name."""

    name: str
    count: int


class BoardOut(Strict):
    """The board in numbers; what is published is counted by its status alone."""

    by_status: list[Counted]
    by_age: list[Counted] = Field(description="of those that wait, how long in their status: days_0, days_3, …")
    by_person: list[Counted] = Field(description="of those that wait; the name is empty for those of nobody")
    changed_at_source: int
    gone_from_source: int
    overdue: int


class SourceOut(Strict):
    """What came from a kind of source, and when last."""

    source: str
    documents: int
    gone: int
    last_arrival: datetime | None


class DriveFolderOut(Strict):
    """A folder of Google Drive that is followed."""

    account: str
    folder: str
    connected_since: datetime
    last_good_use: datetime | None
    connect_again: bool = Field(description="the account has to be connected again, by a person at the desk")
    looked_at: datetime | None
    reason: str = Field(description="why nothing comes of it, or nothing yet; empty: all is well")
    documents: int
    to_read: int
    left_out: int = Field(description="files that cannot be read; the desk says why")
    held: int = Field(description="missing at once, and not taken for gone until a person says so")


class SyncStatusOut(Strict):
    sources: list[SourceOut]
    drive: list[DriveFolderOut] = Field(description="empty where you may not see the accounts")


class ArrivalIn(Strict):
    """A text as a program has it."""

    id: str = Field(min_length=1, max_length=LONGEST_ID, description="by which you know it; again is the same document")
    text: str = Field(min_length=1, max_length=LONGEST_TEXT, description="Markdown, HTML or plain text")
    name: str = Field("", max_length=255, description="of its file: tells how it is read")
    title: str = Field("", max_length=300)
    writer: str = Field("", max_length=200)
    folder: str = Field("", max_length=200)


class SyncIn(Strict):
    """What a source has now; nothing is taken for gone because it is not among these."""

    documents: list[ArrivalIn] = Field([], max_length=50)
    gone: list[str] = Field([], max_length=50, description="ids that the source has no more; their texts stay")
    drive: bool = Field(False, description="have the followed folders of Google Drive looked at now, too")


class SyncOut(Strict):
    new: int
    known: int
    gone: int
    skipped: dict[str, str] = Field(description="what could not be read, by its id, with the reason")
    drive: int = Field(description="folders of Google Drive that are looked at within a minute")


class StatusIn(Strict):
    """Where to, and what it was when you decided."""

    status: str = Field(max_length=20, json_schema_extra=ONE_OF_THE_STATES)
    from_status: str = Field(
        max_length=20, description="409 when somebody was quicker", json_schema_extra=ONE_OF_THE_STATES
    )
    text_hash: str = Field("", max_length=64, description="of the text that was read; needed to approve")
    why: str = Field("", max_length=1000, description="needed to send back")


class PublishIn(Strict):
    """Which text onto which site, and how."""

    text_hash: str = Field(pattern=SHA256, description="of the text that was read; 409 when it is another one")
    site_id: str | None = Field(None, pattern=r"^[0-9]{1,18}$", description="left out: a page at the desk")
    accept_cost: bool = False
    options: OptionsIn | None = Field(None, description="left out: as it went out last, else a draft")


@router.get("", response={200: DocumentsOut, **REFUSALS}, operation_id="worklist_documents")
def documents(request: HttpRequest, wanted: Query[WantedDocuments]) -> DocumentsOut:
    """Documents on the board. `after` goes on where another page ended, also while new ones arrive."""
    user = who_may_look(request, Document)
    found = _wanted(Document.objects.visible_to(user).on_the_board(), wanted)
    counted = found.order_by()[: COUNTED + 1].count()
    keys = found.order_by("pk").values_list("pk", flat=True)
    if wanted.after is not None:
        keys = keys.filter(pk__gt=wanted.after)
    pks = list(keys[wanted.offset : wanted.offset + wanted.limit + 1])
    rows = pages.rows(pks[: wanted.limit])
    shown = [rows[pk] for pk in pks if pk in rows]
    return DocumentsOut(
        documents=[_out(document, user) for document in shown],
        count=min(counted, COUNTED),
        more=counted > COUNTED,
        after=str(pks[wanted.limit - 1]) if len(pks) > wanted.limit else None,
    )


def _wanted(found: DocumentQuerySet, wanted: WantedDocuments) -> DocumentQuerySet:
    if wanted.status is not None:
        found = found.filter(state=wanted.status)
    if wanted.assignee is not None:
        found = found.filter(assignee__in=User.objects.filter(username=wanted.assignee))
    if wanted.folder is not None:
        found = found.filter(folder=wanted.folder)
    if wanted.search is not None:
        found = found.filter(title__icontains=wanted.search)
    if wanted.days is not None:
        found = found.filter(since__lte=timezone.now() - timedelta(days=wanted.days))
    return found


@router.get("/statistics", response={200: BoardOut, **REFUSALS}, operation_id="worklist_statistics")
def statistics(request: HttpRequest) -> BoardOut:
    """How many documents wait: by status, age and person (seven queries)."""
    board = Document.objects.visible_to(who_may_look(request, Document)).on_the_board().order_by()
    waiting, now = board.waiting(), timezone.now()
    ages = {f"days_{days}": Count("pk", Q(since__lte=now - timedelta(days=days))) for days in (0, 3, 7, 30)}
    states = dict(board.values_list("state").annotate(Count("pk")))
    aged = board.filter(state__in=WAITING).aggregate(**ages)
    people = waiting.values_list("assignee").annotate(number=Count("pk"))
    most = list(people.order_by("-number")[:MOST])
    names = dict(User.objects.filter(pk__in=[pk for pk, _ in most]).values_list("pk", "username"))
    return BoardOut(
        by_status=[Counted(name=state, count=states.get(state, 0)) for state in State.values],
        by_age=[Counted(name=name, count=aged[name]) for name in ages],
        by_person=[Counted(name=names.get(pk, ""), count=number) for pk, number in most],
        changed_at_source=waiting.exclude(offered_hash="").count(),
        gone_from_source=waiting.filter(gone_at__isnull=False).count(),
        overdue=waiting.filter(due__isnull=False, due__lt=DESK.today()).count(),
    )


@router.get("/sync-status", response={200: SyncStatusOut, **REFUSALS}, operation_id="worklist_sync_status")
def sync_status(request: HttpRequest) -> SyncStatusOut:
    """What came from each kind of source, and when the last of it arrived; how Google Drive does (two queries)."""
    user = who_may_look(request, Document)
    visible = Document.objects.visible_to(user).order_by()
    gone = Count("pk", Q(gone_at__isnull=False))
    found = {
        source: (number, missing, last)
        for source, number, missing, last in visible.values_list("source").annotate(
            number=Count("pk"), missing=gone, last=Max("arrived_at")
        )
    }
    return SyncStatusOut(
        sources=[
            SourceOut(source=source, documents=number, gone=missing, last_arrival=last)
            for source in Source.values
            for number, missing, last in [found.get(source, (0, 0, None))]
        ],
        drive=[DriveFolderOut(**asdict(line)) for line in lines()] if may_look(user, DriveAccount) else [],
    )


@router.post("/sync", response={200: SyncOut, **CONFLICT}, operation_id="worklist_sync")
def sync(request: HttpRequest, wanted: SyncIn) -> SyncOut:
    """Bring documents to what a program has. Twice is once; what is in review is offered the change, never replaced."""
    user = who_may_look(request, Document)
    if not user.has_perm("worklist.add_document") or not user.has_perm("worklist.change_document"):
        raise PermissionDenied
    new, skipped = 0, {}
    for given in wanted.documents:
        try:
            _, is_new = intake.arrive(Source.API, _source_id(user, given.id), _arrival(given), user)
        except Unreadable as exc:
            skipped[given.id] = str(exc)
        except Unreachable:
            skipped[given.id] = texts.NOT_KEPT
        else:
            new += is_new
    missing = [_source_id(user, given) for given in wanted.gone]
    gone = Document.objects.filter(source=Source.API, source_id__in=missing, gone_at=None).values_list("pk", flat=True)
    for pk in (lost := list(gone)):
        intake.gone(pk)
    known = len(wanted.documents) - len(skipped) - new
    folders = sync_soon() if wanted.drive else 0
    return SyncOut(new=new, known=known, gone=len(lost), skipped=skipped, drive=folders)


def _source_id(user: User, given: str) -> str:
    """Each person's programs have names of their own: no other can take a document for theirs."""
    return f"{user.pk}:{given}"


def _arrival(given: ArrivalIn) -> Arrival:
    """Raises Unreachable."""
    return Arrival(texts.with_names(given.text), given.name, given.title, given.writer, given.folder)


@router.post(
    "/{int:document_id}/status", response={200: DocumentOut, **CONFLICT}, operation_id="worklist_document_status"
)
def status(request: HttpRequest, document_id: int, wanted: StatusIn) -> DocumentOut:
    """Move a document on, from the status that you saw."""
    user, document = _mine(request, document_id)
    if wanted.status not in State.values or wanted.from_status not in State.values:
        raise HttpError(422, f"A status is one of: {', '.join(State.values)}.")
    try:
        seen = {"seen": wanted.from_status, "seen_text": wanted.text_hash}
        moves.move_on(document.pk, wanted.status, user, why=wanted.why, **seen)
    except moves.NeedsWhy as exc:
        raise HttpError(422, str(exc)) from exc
    return _out(_mine(request, document_id)[1], user)


@router.post(
    "/{int:document_id}/publish",
    response={200: DocumentOut, 202: DocumentOut, **CONFLICT},
    operation_id="worklist_document_publish",
)
def publish(request: HttpRequest, response: HttpResponse, document_id: int, wanted: PublishIn) -> Status[DocumentOut]:
    """Publish what was approved, or bring its post up to date. 202 for a new publish task, 200 where one is open."""
    user, document = _mine(request, document_id)
    options = None
    if wanted.options is not None:
        options = Options.read(Options(**wanted.options.model_dump()).saved())
    _, is_new = publication.publish(
        document.pk, user, _site(wanted), seen_text=wanted.text_hash, options=options, may_cost=wanted.accept_cost
    )
    document = _mine(request, document_id)[1]
    response["Location"] = reverse("api:publish_task_status", args=[document.task_id])
    return Status(202 if is_new else 200, _out(document, user))


def _site(wanted: PublishIn) -> Site | None:
    if wanted.site_id is None:
        return None
    site = Site.objects.filter(pk=int(wanted.site_id)).first()
    if site is None:
        raise HttpError(422, "There is no such site. The desk lists them under Sites.")
    return site


def _mine(request: HttpRequest, document_id: int) -> tuple[User, Document]:
    user = who_may_look(request, Document)
    found = Document.objects.visible_to(user).select_related("assignee", "article").filter(pk=document_id).first()
    if found is None:
        raise Http404
    return user, found


def _out(document: Document, user: User) -> DocumentOut:
    ways = [] if document.is_on_its_way else [move.after.value for move in moves_from(document.state, user)]
    if document.state == State.READY and not document.is_on_its_way and publication.may_publish(user):
        ways.append("publish")
    return DocumentOut(
        id=str(document.pk),
        title=document.title,
        writer=document.writer,
        folder=document.folder,
        source=document.source,
        status=document.state,
        message=State(document.state).label,
        since=document.since,
        arrived_at=document.arrived_at,
        assignee=document.assignee.username if document.assignee else None,
        due=document.due,
        words=document.words,
        text_hash=document.text_hash,
        approved_hash=document.approved_hash if document.approved_at else None,
        changed_at_source=bool(document.offered_hash),
        gone_from_source=document.gone_at is not None,
        let_go=document.let_go_at is not None,
        article_id=str(document.article_id) if document.article_id else None,
        task_id=str(document.task_id) if document.task_id else None,
        actions=ways,
    )
