"""Every change of a publish task. A task is one go of its article's fifth stage: what moves it is the article's run.

    idle ─→ pending ─→ initializing ─→ logging_in ─→ … ─→ publishing ─→ completed
      │        ↑  ↑─waits─┴──────────────┴──────────────────┘
      │        └─resumed── failed ←─ stopped, cancelled: from anywhere
      └─ the article has not come to its fifth stage

A step is written with the fence of the article: a worker that lost its claim moves nothing any more.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.dispatch import Signal
from django.utils import timezone

from articles import call_keys
from articles.errors import NotPossible
from articles.formats import count
from articles.models import Article, Call, Event, Stage, StageRecord
from articles.pipeline import reopening, transitions
from articles.pipeline.run import Run
from articles.providers.errors import ProviderError
from articles.tree.due import due, write_soon
from publishing import execution_log
from publishing.execution_log import Code
from publishing.models import PublishTask, Shot, Site, Way
from publishing.models.task import PublishTaskQuerySet
from publishing.options import Options

going_out = Signal()  # article: Article; whoever knows why it must not raises a ProviderError
ended = Signal()  # tasks: their ids; sent in the transaction that ends them
Status = PublishTask.Status
STOPPED = (Article.Status.FAILED, Article.Status.CANCELLED)


# Asked for


def submit(
    article: Article,
    site: Site | None,
    by: User | None,
    *,
    publisher: str = "",
    options: Options | None = None,
    may_cost: bool = False,
    is_later_text: bool = False,
) -> tuple[PublishTask, bool]:
    """Have an article published: a finished one once more, any other one when it comes to its fifth stage.

    Returns the task, and whether it is new: while one is open for this article and site, it stays the only one.
    Without `options` it is as its site wants its posts. `may_cost`: whoever asks knows that pictures may have to be
    paid for again. `is_later_text`: the article is to have another text than before, and whoever asks wants its post
    brought up to date. Raises NotPossible.
    """
    options = options or (site.wishes if site else Options())
    with transaction.atomic():
        fresh = Article.objects.select_for_update().get(pk=article.pk)  # whoever makes tasks of it has locked it first
        if there := fresh.publish_tasks.open().filter(site=site).first():
            _refuse_another_wish(there, options)
            return there, False
        _refuse_what_costs(fresh, may_cost=may_cost)
        had_one = is_later_text and fresh.publish_tasks.filter(site=site, status=Status.COMPLETED).exists()
        return _submit(fresh, site, by, publisher or way_of(site), options, had_one), True


def _refuse_another_wish(there: PublishTask, options: Options) -> None:
    if there.options != options.saved():
        raise NotPossible("It is on its way there already, with other wishes. Wait until it has ended, or cancel it.")


def _refuse_what_costs(article: Article, *, may_cost: bool) -> None:
    """Publishing costs nothing. What would pay for something else is told and asked for as what it is."""
    unfinished = article.records.exclude(state=StageRecord.State.DONE).exclude(stage=Stage.UPLOAD)
    if article.status in STOPPED and unfinished.exists():
        raise NotPossible("It has stopped before its last stage. Recover it first: its plan says what that costs.")
    if is_gone(article) and not may_cost:
        raise NotPossible(
            "Its backup was removed after it was done: pictures that are not on its site any more would be made and "
            "paid for again. Publish it at the desk, which says how much that may be, or say that it may cost that."
        )


def is_gone(article: Article) -> bool:
    """Whether a finished article has nothing in the storage any more."""
    return article.status == Article.Status.DONE and article.tree_expired_at is not None


def _submit(
    article: Article, site: Site | None, by: User | None, publisher: str, options: Options, had_one: bool
) -> PublishTask:
    was_done = article.status == Article.Status.DONE
    task = PublishTask.objects.create(
        article=article,
        site=site,
        publisher=publisher,
        options=options.saved(),
        asked_by=by,
        was_done=was_done or had_one,
        status=Status.PENDING if was_done else Status.IDLE,
    )
    execution_log.write([task.pk], Code.ASKED, task.status, {"by": execution_log.name_of(by)})
    others = article.publish_tasks.open().exclude(pk=task.pk)
    if was_done:
        reopening.to_publish(article, task.site_id, by)
    elif article.status in STOPPED:
        transitions.resume(article, by, transitions.Work(changes={"site_id": task.site_id}))
    elif not others.exists() and _before_its_last_stage(article):
        Article.objects.filter(pk=article.pk).update(site=site)
    Article.objects.filter(pk=article.pk).update(**due())  # its manifest tells of the task, too
    write_soon(article)
    return task


def _before_its_last_stage(article: Article) -> bool:
    """Whether it may still be told where to go; else the task waits until the one at hand has ended."""
    return article.records.filter(stage=Stage.UPLOAD, state=StageRecord.State.PENDING).exists()


def way_of(site: Site | None) -> str:
    """By which way an article gets onto a site where nobody says it."""
    return Way.PREVIEW if site is None else site.publisher


def actions(task: PublishTask) -> list[str]:
    """What a person may do with it now: `retry`, `cancel`."""
    if task.is_open:
        return ["cancel"]
    if task.status != Status.FAILED or not task.article.can_recover:
        return []
    may = {"retry": task.retry_count < settings.GALLEY_PUBLISH_RETRIES, "cancel": task.was_done}
    return [action for action, allowed in may.items() if allowed]


def retry(task: PublishTask, by: User | None) -> None:
    """Let a task that has stopped go on. Raises NotPossible."""
    if task.status != Status.FAILED:
        raise NotPossible("It has not stopped: there is nothing to try again.")
    if task.retry_count >= (most := settings.GALLEY_PUBLISH_RETRIES):
        raise NotPossible(f"It was tried again {count(most, 'time')}. Mend the cause, then recover the article.")
    article = task.article
    if article.publish_tasks.filter(pk__gt=task.pk, site=task.site_id).exists():
        raise NotPossible("The article was published there again since. See the newest.")
    work = transitions.Work(changes={"site_id": task.site_id})
    with transaction.atomic():
        if not article.can_recover or not transitions.resume(article, by, work):
            raise NotPossible("The article moves, or is finished. Publish it anew.")


def cancel(task: PublishTask, by: User | None) -> None:
    """Stop a task. What is on the site stays; an article that was finished before is so again. Raises NotPossible."""
    article = task.article
    with transaction.atomic():
        if not PublishTask.objects.filter(pk=task.pk).open().exists() and task.status != Status.FAILED:
            raise NotPossible("It has ended already.")
        if not (_as_it_was(article) if _comes_back(task) else transitions.cancel(article, by)):
            raise NotPossible("The article is finished, or cancelled, by now.")
        _end_cancelled([article.pk])
        Event.objects.create(article=article, kind="cancelled", message=f"{by or transitions.OPERATOR} stopped it")


# By the worker that has the article


def begin(run: Run) -> PublishTask:
    """The task that this go of stage five is about: the one that was asked for, else a new one. Raises Fenced."""
    article = run.article
    with run.lease.fence():
        article.refresh_from_db(fields=["site"])  # people may have chosen another one since it was claimed
        task = article.publish_tasks.open().filter(site=article.site_id).first() or PublishTask.objects.create(
            article=article,
            site=article.site,
            publisher=way_of(article.site),
            options=_unasked(article.site).saved(),
            asked_by=_who_asked(article),
        )
        _set(
            task,
            status=Status.INITIALIZING,
            started_at=task.started_at or timezone.now(),
            error=None,
        )
        execution_log.write([task.pk], Code.BEGAN, task.status)
    return task


def _unasked(site: Site | None) -> Options:
    """Of an article that nobody has published: as its site wants its posts, but readers see none without a yes."""
    return replace(site.wishes, publish_immediately=False) if site else Options()


def _who_asked(article: Article) -> User | None:
    asked = article.attempts.exclude(asked_by=None).select_related("asked_by").last()
    return asked.asked_by if asked else None


def step(run: Run, task: PublishTask, status: str, at: str = "", **changes: Any) -> None:
    """What is at hand now: `at` in words. Raises Fenced."""
    with run.lease.fence():
        _set(task, status=status, current_step=at[:60], **changes)
        execution_log.write([task.pk], Code.STEP, status, {"at": task.current_step})


def did(run: Run, task: PublishTask, number: int, **changes: Any) -> None:
    """So many steps are done; never fewer, also where another way begins anew with what is there. Raises Fenced."""
    done = max(number, task.completed_steps)
    percent = min(99, 100 * done // task.total_steps) if task.total_steps else 0
    with run.lease.fence():
        _set(task, completed_steps=done, progress=max(percent, task.progress), **changes)


def film(run: Run, task: PublishTask, at: str, jpeg: bytes) -> None:
    """Keep a picture of a step; what is too large, or one too many, is left out. Raises Fenced."""
    if len(jpeg) > Shot.MOST_BYTES or task.film.count() >= Shot.MOST:
        return
    with run.lease.fence():
        Shot.objects.create(task=task, step=at[:40], jpeg=jpeg)


def set_back(run: Run, task: PublishTask, exc: ProviderError) -> None:
    """It did not succeed. Whether it is tried again by itself, the article's run decides. Raises Fenced."""
    with run.lease.fence():
        execution_log.write([task.pk], Code.WAITS, task.status, exc.saved(Stage.UPLOAD))
        _set(task, status=Status.PENDING, error=exc.saved(Stage.UPLOAD))


def turn(run: Run, task: PublishTask, way: str, exc: ProviderError) -> None:
    """Another way is begun, and why: what failed by the one before is asked anew. Raises Fenced."""
    taken = {
        "from": task.way,
        "to": way,
        "code": exc.code,
        "reason": exc.reason,
        "at": timezone.now().isoformat(timespec="seconds"),
    }
    with run.lease.fence():
        run.lease.note(
            "turned", f"Goes on by {Way(way).label}, because {exc.reason}", exc.detail, provider=exc.provider
        )
        _set(task, way=way, turns=[*task.turns, taken])
        execution_log.write([task.pk], Code.TURNED, task.status, taken)
        _ask_anew(task, exc)


def other_half(run: Run, task: PublishTask, exc: ProviderError) -> None:
    """The same way goes on by the other of its halves: what failed by the first one is asked anew. Raises Fenced."""
    with run.lease.fence():
        run.lease.note("turned", f"Goes on by the forms of the dashboard, because {exc.reason}", exc.detail)
        _ask_anew(task, exc)


def _ask_anew(task: PublishTask, exc: ProviderError) -> None:
    failed = task.article.calls.filter(state=Call.State.FAILED, provider=exc.provider)
    failed.filter(Q(key=call_keys.POST) | Q(key__startswith=call_keys.MEDIA)).update(state=Call.State.CLOSED)


def close_way(site: Site, way: str, exc: ProviderError) -> None:
    """No article goes there by this way any more, until somebody edits the site."""
    site.closed_ways = {**site.closed_ways, way: {"code": exc.code, "reason": exc.reason}}
    Site.objects.filter(pk=site.pk).update(closed_ways=site.closed_ways)


# News of the article, within the transaction that makes it so


def note_stopped(*, article: Article, **_: Any) -> None:
    """It stopped: in stage five its task has, too; before that, the task waits on."""
    if article.error and article.error["stage"] == Stage.UPLOAD:
        failed = {"status": Status.FAILED, "error": article.error, "completed_at": timezone.now()}
        tasks = article.publish_tasks.open().filter(site=article.site_id)
        which = _pks(tasks)
        execution_log.write(which, Code.STOPPED, Status.FAILED, article.error)
        tasks.update(**failed)
        ended.send(PublishTask, tasks=which)


def note_cancelled(*, articles: Collection[int], **_: Any) -> None:
    """By whichever button. What was finished before somebody wanted it published once more is finished again."""
    newest = {task.article_id: task for task in PublishTask.objects.filter(article__in=articles).order_by("pk")}
    _end_cancelled(articles)
    for task in newest.values():
        if _comes_back(task) and task.status != Status.COMPLETED:
            _as_it_was(task.article)


def _end_cancelled(articles: Collection[int]) -> None:
    tasks = PublishTask.objects.filter(article__in=articles).open()
    which = _pks(tasks)
    execution_log.write(which, Code.CANCELLED, Status.FAILED)
    tasks.update(status=Status.FAILED, cancelled=True, completed_at=timezone.now())
    ended.send(PublishTask, tasks=which)


def _comes_back(task: PublishTask) -> bool:
    """Whether its article is finished without it: it was before, and its page is not being made of a later text."""
    unfinished = task.article.records.exclude(state=StageRecord.State.DONE).exclude(stage=Stage.UPLOAD)
    return task.was_done and not unfinished.exists()


def _as_it_was(article: Article) -> bool:
    done = article.publish_tasks.filter(status=Status.COMPLETED).order_by("-completed_at").first()
    return reopening.as_it_was(article, done.site_id if done else article.site_id)


def note_resumed(*, articles: Collection[int], **_: Any) -> None:
    """People let them go on: so does the last task of each, where it had stopped for the site that is wanted now."""
    tasks = PublishTask.objects.filter(article__in=articles, site=F("article__site")).order_by("pk")
    newest = {article: (pk, status) for article, pk, status in tasks.values_list("article", "pk", "status")}
    stopped = [pk for pk, status in newest.values() if status == Status.FAILED]
    # Whoever has mended what had closed a way has done it at the site, and presses this button then.
    Site.objects.filter(tasks__in=stopped).exclude(closed_ways={}).update(closed_ways={})
    execution_log.write(stopped, Code.RESUMED, Status.PENDING)
    PublishTask.objects.filter(pk__in=stopped).update(
        status=Status.PENDING, error=None, cancelled=False, completed_at=None, way="", retry_count=F("retry_count") + 1
    )


def note_finished(*, article: Article, **_: Any) -> None:
    """It is done, and so is its task; the next one that was asked for meanwhile begins."""
    tasks = article.publish_tasks.open()
    done = tasks.filter(site=article.site_id)
    which = _pks(done)
    execution_log.write(which, Code.COMPLETED, Status.COMPLETED)
    done.update(
        status=Status.COMPLETED,
        progress=100,
        completed_steps=F("total_steps"),
        current_step="",
        error=None,
        completed_at=timezone.now(),
    )
    ended.send(PublishTask, tasks=which)
    if waiting := tasks.order_by("pk").first():
        PublishTask.objects.filter(pk=waiting.pk).update(status=Status.PENDING, was_done=True)
        reopening.to_publish(article, waiting.site_id, waiting.asked_by)


def _pks(tasks: PublishTaskQuerySet) -> list[int]:
    return list(tasks.values_list("pk", flat=True))


def _set(task: PublishTask, **changes: Any) -> None:
    PublishTask.objects.filter(pk=task.pk).update(**changes)
    for name, value in changes.items():
        setattr(task, name, value)
