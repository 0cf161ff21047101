"""Batches: so many styles, each an article, each with the same sections.

A batch is rows first: all of them in one transaction, and only those that are not there yet. What works on them are
the articles' own runs; here a batch is planned, begun, paused and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from articles import lists
from articles.costs import SECONDS, costs
from articles.formats import count
from articles.models import Article, Attempt, Batch, Event, Preferences, Section, Stage, StageRecord
from articles.pipeline import dispatch, rate_limits, transitions
from articles.pipeline.lease import HeldBack, OutOfTime
from articles.pipeline.revision import batch_revision
from articles.pipeline.run import Run

log = structlog.get_logger("galley.batches")

ALIKE = 10  # sections in a row that are missing for one reason pause a batch: it is not the sections
ALIKE_ARTICLES = 4  # that stop before their sections, likewise
ROWS = 500  # in one statement


class NotPossible(Exception):
    """Something about a batch cannot be done as it is; the message says why and what to do."""


def key_of(name: str) -> str:
    """What makes two batches of one owner the same."""
    return lists.folded(name)[: Batch._meta.get_field("key").max_length]


# The plan


@dataclass(frozen=True)
class Plan:
    """What a start would make, and what is there already. `cost` in US dollars, `seconds` with the workers here."""

    styles: lists.Listed
    sections: lists.Listed
    problems: tuple[str, ...]  # sentences; with any of them the batch cannot be started
    new_articles: tuple[lists.Row, ...]
    articles: int
    new_sections: int
    missing_sections: int  # rows that are there, and whose text or pictures are not
    images: int
    calls: int
    cost: Decimal
    seconds: int
    published: int  # finished articles that would get further sections

    @property
    def bad(self) -> list[tuple[str, lists.BadRow]]:
        """The lines that cannot be used, with the name of their list."""
        return [("styles", row) for row in self.styles.bad] + [("sections", row) for row in self.sections.bad]

    @property
    def does_nothing(self) -> bool:
        return not (self.new_articles or self.new_sections or self.missing_sections or self.calls)

    @property
    def time(self) -> timedelta:
        return timedelta(seconds=self.seconds)


def plan(batch: Batch) -> Plan:
    """Reads the lists and compares them with what is there (six queries). Changes nothing."""
    styles, sections = lists.read(batch.styles, "style"), lists.read(batch.sections, "section")
    there = _there(batch)
    new = tuple(row for row in styles.rows if row.key not in there)
    wanted = {row.key for row in sections.rows}
    further = {key: wanted - found.keys() for key, found in there.items()}
    new_sections = len(new) * len(sections.rows) + sum(len(more) for more in further.values())
    missing = sum(state != Section.State.DONE for found in there.values() for state in found.values())
    to_write = new_sections + missing
    images = len(new) * batch.images_per_style + to_write * batch.images_per_section
    known = costs()
    openings = len(new)
    paid_images = images if settings.REPLICATE_API_TOKEN else 0
    formats = 0
    if batch.formatter != Article.Formatter.TEMPLATE and settings.ANTHROPIC_API_KEY:
        formats = len(new) + sum(bool(more) for more in further.values())
    seconds = openings * SECONDS["text"] + to_write * SECONDS["section"] + formats * SECONDS["format"]
    # The pictures of one section are made at the same time.
    seconds += SECONDS["image"] * (openings * bool(batch.images_per_style) + to_write * bool(batch.images_per_section))
    done = batch.articles.filter(status=Article.Status.DONE).values_list("batch_key", flat=True) if batch.pk else []
    return Plan(
        styles,
        sections,
        problems=tuple(_problems(batch, styles, sections)),
        new_articles=new,
        articles=len(new) + len(there),
        new_sections=new_sections,
        missing_sections=missing,
        images=images,
        calls=openings + to_write + paid_images + formats,
        cost=openings * known["text"]
        + to_write * known["section"]
        + paid_images * known["image"]
        + formats * known["format"],
        seconds=seconds // settings.GALLEY_WORKERS,
        published=sum(bool(further.get(key)) for key in done),
    )


def _there(batch: Batch) -> dict[str, dict[str, str]]:
    """Of each article of the batch: the states of its sections by their keys (two queries)."""
    if batch.pk is None:
        return {}
    found: dict[str, dict[str, str]] = {key: {} for key in batch.articles.values_list("batch_key", flat=True)}
    rows = batch.all_sections.order_by().values_list("article__batch_key", "key", "state")
    for article, key, state in rows.iterator():
        found[article][key] = state
    return found


def _problems(batch: Batch, styles: lists.Listed, sections: lists.Listed) -> Iterator[str]:
    for name, listed in (("style", styles), ("section", sections)):
        if not listed.rows:
            yield f"There is no usable {name}. Write at least one line."
    unknown = lists.unknown_placeholders(batch.brief, {*styles.columns, *sections.columns, "number"})
    for placeholder in unknown[:5]:
        yield f"The brief has {placeholder[:60]}, and no column is called so. Rename one of them."
    if not settings.OPENAI_API_KEY:
        yield "No text service is set up here. Ask the operator to set OPENAI_API_KEY."


# Starting


def start(batch: Batch, by: User) -> Plan:
    """Add what is not there yet, and let the batch run: rows in one transaction. Lines that cannot be used are left
    out. Twice is as once. Raises NotPossible.
    """
    # Locked before it is planned: two people who press at once add every row once.
    with batch_revision(batch.pk, **transitions.BATCH_RUNS) as revision:
        batch = Batch.objects.get(pk=batch.pk)
        planned = plan(batch)
        if planned.problems:
            raise NotPossible(" ".join(planned.problems))
        _add_articles(batch, planned.new_articles, by)
        _add_sections(batch, planned.sections.rows, revision)
        Batch.objects.filter(pk=batch.pk, started_at=None).update(started_at=timezone.now())
        _recover_stopped(batch, by)
        transaction.on_commit(dispatch.top_up)
    return planned


def _add_articles(batch: Batch, rows: Sequence[lists.Row], by: User) -> None:
    now = timezone.now()
    preferences = Preferences.objects.filter(user=batch.owner).first() or Preferences()
    prefixes = transitions.free_prefixes(batch.owner_id, now, len(rows))
    articles = Article.objects.bulk_create(
        (
            Article(
                owner=batch.owner,
                batch=batch,
                batch_key=row.key,
                batch_fields=dict(row.fields),
                created_at=now,
                tree_prefix=prefix,
                idea=lists.filled(batch.brief, row.fields),
                title=row.name,
                style=batch.style,
                formatter=batch.formatter,
                brand_primary=preferences.brand_primary,
                brand_accent=preferences.brand_accent,
                site=batch.site,
                status=Article.Status.DRAFT,
            )
            for row, prefix in zip(rows, prefixes, strict=True)
        ),
        batch_size=ROWS,
    )
    records = (StageRecord(article=article, stage=stage) for article in articles for stage in Stage)
    StageRecord.objects.bulk_create(records, batch_size=ROWS)
    begun = (Attempt(article=article, why=Attempt.Why.SUBMITTED, asked_by=by) for article in articles)
    Attempt.objects.bulk_create(begun, batch_size=ROWS)
    events = (Event(article=article, kind="submitted", message=f"Handed in by {by}") for article in articles)
    Event.objects.bulk_create(events, batch_size=ROWS)


def _add_sections(batch: Batch, rows: Sequence[lists.Row], revision: int) -> None:
    """What an article lacks, behind what it has: an index never changes. One that was finished is opened again."""
    has: dict[int, dict[str, int]] = {pk: {} for pk in batch.articles.values_list("pk", flat=True)}
    for article, key, index in batch.all_sections.order_by().values_list("article_id", "key", "index"):
        has[article][key] = index
    sections, finished = [], set()
    for article, there in has.items():
        new = [row for row in rows if row.key not in there]
        if new and there:
            finished.add(article)
        for index, row in enumerate(new, max(there.values(), default=0) + 1):
            fields = {**row.fields, "number": str(index)}
            sections.append(
                Section(
                    article_id=article,
                    batch=batch,
                    index=index,
                    heading=row.name,
                    key=row.key,
                    fields=fields,
                    revision=revision,
                )
            )
    Section.objects.bulk_create(sections, batch_size=ROWS)
    for done in Article.objects.filter(pk__in=finished, status=Article.Status.DONE):
        transitions.reopen(done)


def _recover_stopped(batch: Batch, by: User) -> None:
    stopped = batch.articles.filter(status__in=[Article.Status.FAILED, Article.Status.CANCELLED])
    for article in stopped:
        transitions.resume(article, by)


# Pausing and going on


def pause(batch: Batch, by: User | None) -> bool:
    """Take no further section in hand; what is in hand is finished. False: it is not running."""
    return _paused(batch.pk, f"{by or transitions.OPERATOR} paused it.")


def _paused(batch_id: int, reason: str, cause: str = "") -> bool:
    with batch_revision(batch_id):
        running = Batch.objects.filter(pk=batch_id, state=Batch.State.RUNNING)
        paused = running.update(state=Batch.State.PAUSED, reason=reason[:500], cause=cause)
    # In a transaction of its own: whoever works on an article of it locks the batch first.
    transitions.hold_back(batch_id)
    if paused:
        log.warning("a batch is paused", batch=batch_id, reason=reason)
    return bool(paused)


def resume(batch: Batch, by: User | None) -> bool:
    """Go on where it was paused or cancelled; with the articles that stopped for what has paused it. False: it runs.

    Sections that were declined each on its own are not asked for again: Recover does that.
    """
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch.pk)
        if batch.state not in (Batch.State.PAUSED, Batch.State.CANCELLED):
            return False
        stopped = Q(status=Article.Status.FAILED, cause=batch.cause) if batch.cause else Q(pk__in=[])
        if batch.state == Batch.State.CANCELLED:
            stopped |= Q(status=Article.Status.CANCELLED)
        with batch_revision(batch.pk, **transitions.BATCH_RUNS):
            for article in batch.articles.filter(stopped):
                transitions.resume(article, by)
        transaction.on_commit(dispatch.top_up)
    return True


def cancel(batch: Batch, by: User | None) -> bool:
    """End it: what is saved stays, what is not begun is not begun. False: it has ended already."""
    open_states = [Batch.State.DRAFT, Batch.State.RUNNING, Batch.State.PAUSED]
    with batch_revision(batch.pk):
        won = Batch.objects.filter(pk=batch.pk, state__in=open_states).update(
            state=Batch.State.CANCELLED,
            reason=f"{by or transitions.OPERATOR} cancelled it.",
            cause="",
            ended_at=timezone.now(),
        )
    if won:
        for article in batch.articles.filter(status__in=dispatch.OPEN):
            transitions.cancel(article, by)
    return bool(won)


def recover(batch: Batch, by: User | None, article_ids: Sequence[int] | None = None) -> int:
    """Make what is missing, of these articles or of all that stopped. Returns how many go on."""
    stopped = batch.articles.filter(status__in=[Article.Status.FAILED, Article.Status.CANCELLED])
    if article_ids is not None:
        stopped = stopped.filter(pk__in=article_ids)
    return sum(transitions.resume(article, by) for article in stopped)


@dataclass(frozen=True)
class Deed:
    """What a person may do with a batch, and what is said when it was done, and when it could not be."""

    do: Callable[[Batch, User | None], bool]
    done: str
    refused: str

    def __call__(self, batch: Batch, by: User | None) -> str:
        """Do it. Raises NotPossible."""
        if not self.do(batch, by):
            raise NotPossible(self.refused)
        return self.done


DEEDS = {
    "pause": Deed(pause, "Paused. What is in hand is finished.", "It is not running, so it cannot be paused."),
    "resume": Deed(resume, "It goes on.", "It is neither paused nor cancelled, so it cannot go on."),
    "cancel": Deed(cancel, "Cancelled. What is saved stays.", "It has ended already."),
}


def note_stop(article: Article, **_: Any) -> None:
    """An article has stopped: where the cause is nobody's text, the rest of its batch would stop for it, too."""
    error = article.error or {}
    if article.batch_id is None or error.get("code") == "sections":
        return
    action = error["action"].replace("press Recover", "resume the batch")
    reason = f"{error['headline']}: {error['reason']}. Next: {action}."
    if error.get("kind") not in ("Refused", "Unreachable", "Busy"):
        ended = Article.objects.filter(batch=article.batch_id, ended_at__isnull=False).order_by("-ended_at", "-pk")
        latest = list(ended.values_list("status", "cause")[:ALIKE_ARTICLES])
        if latest != [(Article.Status.FAILED, article.cause)] * ALIKE_ARTICLES:
            return
        reason = f"{ALIKE_ARTICLES} articles in a row stopped for one reason. {reason}"
    # Not in this transaction, which holds the article already.
    transaction.on_commit(partial(_paused, article.batch_id, reason, article.cause))


def pause_when_all_fail(article: Article) -> None:
    """Ten sections of a batch in a row that are missing for one reason: then it is not the sections (one query)."""
    if article.batch_id is None:
        return
    finished = Section.objects.filter(batch=article.batch_id, state__in=[Section.State.DONE, Section.State.FAILED])
    latest = [error or {} for error in finished.order_by("-revision").values_list("error", flat=True)[:ALIKE]]
    causes = {(error.get("provider"), error.get("code")) for error in latest}
    if len(latest) == ALIKE and len(causes) == 1 and (reason := latest[0].get("reason")):
        said = f"{ALIKE} sections in a row are missing for one reason: {reason}. Next: find out why, then resume."
        _paused(article.batch_id, said)


def check_turn(run: Run) -> None:
    """Before each section of a batch's article. Raises HeldBack when the batch does not run, OutOfTime to let others
    have the worker.
    """
    article = run.article
    if article.batch_id is None:
        return
    batch = Batch.objects.only("state", "budget").get(pk=article.batch_id)
    if batch.state != Batch.State.RUNNING:
        raise HeldBack
    if batch.budget is not None and (sentence := _over_budget(batch)):
        _paused(batch.pk, sentence)
        raise HeldBack
    if dispatch.has_to_wait(article, run.lease.seconds):
        raise OutOfTime


def _over_budget(batch: Batch) -> str:
    """Why no further section may be begun, a sentence; "" while there is money for all in hand (two queries)."""
    spent = batch.articles.aggregate(sum=Sum("spent"), running=Count("pk", filter=Q(status=Article.Status.RUNNING)))
    written = batch.all_sections.filter(state=Section.State.DONE).count()
    so_far = spent["sum"] or Decimal(0)
    next_one = so_far / written if written else costs()["section"]
    if batch.budget is None or so_far + next_one * spent["running"] <= batch.budget:
        return ""
    return (
        f"The next sections would spend more than the budget of ${batch.budget:,.2f}: ${so_far:,.2f} are spent. "
        "Next: raise the budget, then resume."
    )


# How it stands


@dataclass(frozen=True)
class Standing:
    """How far a batch is, in numbers (`standing`)."""

    sections: dict[str, int]  # by state
    articles: dict[str, int]  # complete, partial, basic, failed, waiting
    spent: Decimal
    per_minute: float  # sections, lately
    revision: int

    @property
    def total(self) -> int:
        return sum(self.sections.values())

    @property
    def done(self) -> int:
        return self.sections[Section.State.DONE]

    @property
    def missing(self) -> int:
        return self.sections[Section.State.FAILED]

    @property
    def left(self) -> timedelta | None:
        """Until the last section is there, at the present rate; None where there is none."""
        to_do = self.total - self.done - self.missing
        return timedelta(minutes=to_do / self.per_minute) if self.per_minute and to_do else None


RATE_OVER = timedelta(minutes=5)
COMPLETENESS = {
    "complete": "Complete",
    "partial": "Partial",
    "basic": "Only basic content",
    "failed": "Failed",
    "waiting": "Not begun",
}


def with_sections(articles: QuerySet[Article]) -> QuerySet[Article]:
    """Adds `written` and `planned`, how many sections are there and wanted."""
    return articles.annotate(
        planned=Count("sections"), written=Count("sections", filter=Q(sections__state=Section.State.DONE))
    )


def of_completeness(articles: QuerySet[Article], which: str) -> QuerySet[Article]:
    """Those articles of batches that are `complete`, `partial`, `basic`, `failed` or `waiting`."""
    conditions = {
        "complete": Q(planned__gt=0, written=F("planned")),
        "partial": Q(written__gt=0, written__lt=F("planned")),
        "basic": Q(written=0, word_count__gt=0),
        "failed": Q(written=0, word_count=0, status=Article.Status.FAILED),
        "waiting": Q(written=0, word_count=0) & ~Q(status=Article.Status.FAILED),
    }
    return with_sections(articles.filter(batch__isnull=False)).filter(conditions[which])


def standing(batch: Batch) -> Standing:
    """Counts, rate and cost of a batch (four queries)."""
    now = timezone.now()
    # Read first: what changes meanwhile is told again, never left out.
    revision = Batch.objects.values_list("revision", flat=True).get(pk=batch.pk)
    rows = batch.all_sections.order_by().values_list("state").annotate(number=Count("pk"))
    sections = dict.fromkeys(Section.State.values, 0) | dict(rows)
    articles = dict.fromkeys(COMPLETENESS, 0)
    spent = Decimal(0)
    # With the reference to the batch: by it, each would be fetched again.
    for article in with_sections(batch.articles.all()).order_by().only("batch", "word_count", "status", "spent"):
        articles[completeness(article)] += 1
        spent += article.spent
    since = max(now - RATE_OVER, batch.started_at or now)
    lately = batch.all_sections.filter(finished_at__gte=since).count()
    minutes = (now - since).total_seconds() / 60
    return Standing(sections, articles, spent, lately / minutes if minutes else 0.0, revision)


def completeness(article: Article) -> str:
    """Which of COMPLETENESS an article is that was fetched `with_sections`; the same rules as `of_completeness`."""
    written, planned = article.written, article.planned  # type: ignore[attr-defined]  # from `with_sections`
    if planned and written == planned:
        return "complete"
    if written:
        return "partial"
    if article.word_count:
        return "basic"
    return "failed" if article.status == Article.Status.FAILED else "waiting"


def slowed(batch: Batch) -> str:
    """Why a running batch stands still or is slow just now, a sentence; "" when nothing keeps it (two queries)."""
    if batch.state != Batch.State.RUNNING:
        return ""
    if rest := rate_limits.closed():
        return f"{rest[0].provider} had no room: {rest[0].reason}. It is asked again by itself."
    waiting = batch.articles.filter(status=Article.Status.WAITING)
    found = waiting.order_by("next_at").values_list("error", flat=True).first()
    if not found:
        return ""
    return f"{count(waiting.count(), 'article')} waiting: {found['headline']}: {found['reason']}. It goes on by itself."
