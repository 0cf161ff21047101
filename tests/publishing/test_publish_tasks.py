"""A publish task moves with the run of its article: through every transition it says what is true."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.utils import timezone

from articles.errors import NotPossible
from articles.models import Article, Stage
from articles.pipeline import transitions
from articles.pipeline.lease import Fenced
from articles.pipeline.run import Run
from articles.pipeline.sweep import sweep
from articles.providers.errors import Refused, Rejected, Unreachable
from articles.state_wording import link_words
from publishing import publish_tasks
from publishing.models import PublishTask, Site, Way
from publishing.options import Options
from publishing.publishers import browser, hybrid
from tests.publishing.conftest import Drive, Ready, new_site
from tests.publishing.memory_site import Died, MemorySite

pytestmark = pytest.mark.django_db
Status = PublishTask.Status
RETRIES = 3  # as the settings have it by themselves


def only_task(article: Article) -> PublishTask:
    return article.publish_tasks.get()


def failing(site: Site, code: str = "rights") -> Refused:
    return Refused(site.provider, "it may not be done", code=code)


# Its life


def test_every_run_of_stage_five_has_its_task(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> None:
    article = run(ready(magazine))
    task = only_task(article)
    assert (task.status, task.progress, task.way, task.asked_by) == ("completed", 100, "rest", article.owner)
    assert task.completed_steps == task.total_steps == 5, "signing in, two pictures, the post, the look"
    assert task.post_id == 1
    assert {finding["field"]: finding["state"] for finding in task.kept} == {
        "title": "kept",
        "content": "kept",
        "featured_media": "kept",
    }


def test_a_page_at_the_desk_is_one_too(ready: Ready, run: Drive) -> None:
    task = only_task(run(ready()))
    assert (task.status, task.publisher, task.site, task.progress) == ("completed", "preview", None, 100)


def test_progress_never_goes_back(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written of a task, over two runs of which the first fails half-way."""
    seen: list[tuple[int, int]] = []
    write = publish_tasks._set

    def watched(task: PublishTask, **changes: Any) -> None:
        write(task, **changes)
        row = PublishTask.objects.get(pk=task.pk)
        seen.append((row.progress, row.completed_steps))

    monkeypatch.setattr(publish_tasks, "_set", watched)
    memory.fails["rest", "create_draft"] = Rejected(magazine.provider, "no", code="413")
    article = run(ready(magazine))
    assert article.status == Article.Status.FAILED
    assert only_task(article).status == Status.FAILED
    memory.fails.clear()
    transitions.resume(article, article.owner)
    assert only_task(article).status == Status.PENDING
    article = run(article)
    assert article.status == Article.Status.DONE
    assert seen == sorted(seen)
    assert only_task(article).retry_count == 1


def test_a_task_that_waits_says_why(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> None:
    memory.fails["rest", "check"] = Unreachable(magazine.provider, "the site is down", code="503", lost=False)
    article = run(ready(magazine))
    assert article.status == Article.Status.WAITING
    task = only_task(article)
    assert task.status == Status.PENDING
    assert task.failure
    assert task.failure["code"] == "503"


def test_a_task_waits_on_while_its_article_stops_before(magazine: Site, ready: Ready, editor: User) -> None:
    article = ready(magazine)
    article.records.filter(stage=Stage.FORMAT).update(state="pending")
    task, is_new = publish_tasks.submit(article, magazine, editor, options=Options(publish_immediately=True))
    assert is_new
    Article.objects.filter(pk=article.pk).update(status=Article.Status.RUNNING, lease_until=timezone.now())
    article.refresh_from_db()
    working = Run(article)
    working.lease.stage = Stage.FORMAT
    transitions.stop(working.lease, Rejected("layout", "no"))
    task.refresh_from_db()
    assert task.status == Status.IDLE


def test_a_fenced_worker_moves_nothing(memory: MemorySite, magazine: Site, ready: Ready) -> None:
    claimed = transitions.claim(ready(magazine).pk)
    assert claimed
    working = Run(claimed)
    working.lease.stage = Stage.UPLOAD
    task = publish_tasks.begin(working)
    transitions.cancel(claimed, None)
    moves: list[Callable[[], None]] = [
        lambda: publish_tasks.step(working, task, Status.PUBLISHING),
        lambda: publish_tasks.did(working, task, 3),
        lambda: publish_tasks.set_back(working, task, failing(magazine)),
        lambda: publish_tasks.turn(working, task, Way.XMLRPC, failing(magazine)),
    ]
    for move in moves:
        with pytest.raises(Fenced):
            move()
    task = only_task(claimed)
    assert (task.status, task.cancelled, task.completed_steps, task.way) == ("failed", True, 0, "")


# Asked for


def test_a_finished_article_is_published_once_more(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(magazine))
    options = Options(
        publish_immediately=True, tags=("Freight",), excerpt="In short.", slug="tariffs", comments="closed"
    )
    task, is_new = publish_tasks.submit(article, magazine, editor, options=options)
    assert (is_new, task.was_done, task.status) == (True, True, "pending")
    article = run(article)
    assert article.status == Article.Status.DONE
    task.refresh_from_db()
    assert task.status == Status.COMPLETED
    assert [finding for finding in task.kept if finding["state"] != "kept"] == []
    [post] = memory.posts.values()
    assert post["status"] == "publish"
    assert (post["slug"], post["excerpt"], post["comment_status"], post["tags"]) == (
        "tariffs",
        "In short.",
        "closed",
        [2007],
    )
    assert len(memory.media) == 2
    assert link_words(article) == "Published on Magazine"


def test_it_goes_elsewhere_and_comes_back(
    magazine: Site, ready: Ready, run: Drive, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each site has its post and its pictures, and on the way back both are known: nothing is made twice."""
    sites = {magazine.pk: MemorySite()}
    other = new_site("https://other.example.org", name="Other")
    sites[other.pk] = MemorySite()
    monkeypatch.setattr(
        hybrid, "WAYS", {"rest": lambda run, task, site: sites[site.pk].ways("rest")["rest"](run, task, site)}
    )
    article = run(ready(magazine))
    for site in (other, magazine):
        publish_tasks.submit(article, site, editor)
        article = run(article)
        assert article.status == Article.Status.DONE
        assert article.site == site
        assert article.link.startswith(site.url)
    for memory in sites.values():
        assert len(memory.posts) == 1
        assert len(memory.media) == 2
        assert len(memory.made("create_draft")) == 1


def test_at_its_time_the_site_publishes_it(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(magazine))
    at = timezone.now() + timedelta(days=2)
    publish_tasks.submit(article, magazine, editor, options=Options(publish_at=at))
    run(article)
    [post] = memory.posts.values()
    assert (post["status"], post["date_gmt"]) == ("future", at.strftime("%Y-%m-%dT%H:%M:%S"))


def test_one_open_task_for_an_article_and_a_site(magazine: Site, ready: Ready, editor: User) -> None:
    article = ready(magazine)
    task, is_new = publish_tasks.submit(article, magazine, editor)
    again, is_new_again = publish_tasks.submit(article, magazine, editor)
    assert (is_new, is_new_again, again) == (True, False, task)
    with pytest.raises(IntegrityError):
        PublishTask.objects.create(article=article, site=magazine, publisher="rest")


def test_two_sites_one_after_the_other(
    magazine: Site, ready: Ready, run: Drive, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_site("https://other.example.org", name="Other")
    sites = {magazine.pk: MemorySite(), other.pk: MemorySite()}
    monkeypatch.setattr(
        hybrid, "WAYS", {"rest": lambda run, task, site: sites[site.pk].ways("rest")["rest"](run, task, site)}
    )
    article = ready(magazine)
    publish_tasks.submit(article, magazine, editor)
    publish_tasks.submit(article, other, editor)
    article = run(article)
    assert article.status == Article.Status.QUEUED, "for the other one"
    article = run(article)
    assert article.status == Article.Status.DONE
    assert [len(memory.posts) for memory in sites.values()] == [1, 1]
    assert set(article.publish_tasks.values_list("status", flat=True)) == {"completed"}


# What people have made of it


def test_what_people_have_changed_is_written_over_only_when_they_have_seen_it(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(magazine))
    memory.posts[1]["content"] += "<p>Hers.</p>"
    stored = article.tree.add("04_formatted.html", b"<article><p>Another text</p></article>")
    article.records.filter(stage=Stage.FORMAT).update(sha256=stored.sha256, bytes=stored.bytes)
    publish_tasks.submit(article, magazine, editor)
    article = run(article)
    assert article.error
    assert article.error["code"] == "edited"
    assert "Hers." in memory.posts[1]["content"]

    found = only_found(memory)
    publish_tasks.cancel(article.publish_tasks.first(), editor)  # type: ignore[arg-type]
    article.refresh_from_db()
    assert article.status == Article.Status.DONE
    publish_tasks.submit(article, magazine, editor, options=Options(over=found))
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    assert "Another text" in memory.posts[1]["content"]
    assert "Hers." not in memory.posts[1]["content"]


def only_found(memory: MemorySite) -> str:
    from publishing.wordpress.marks import Marked

    return Marked.read(memory.posts[1]["content"]).found


# Tried again, and stopped


def test_a_failed_task_is_tried_again_so_often(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    memory.fails["rest", "check"] = failing(magazine)
    article = run(ready(magazine))
    for _ in range(RETRIES):
        assert publish_tasks.actions(only_task(article)) == ["retry"]
        publish_tasks.retry(only_task(article), editor)
        article = run(article)
    assert only_task(article).retry_count == RETRIES
    assert publish_tasks.actions(only_task(article)) == []
    with pytest.raises(NotPossible, match="3 times"):
        publish_tasks.retry(only_task(article), editor)


def test_a_cancelled_task_of_a_finished_article_leaves_it_finished(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(magazine))
    link = article.link
    other = new_site("https://other.example.org", name="Other")
    memory.fails["rest", "check"] = failing(other)
    task, _ = publish_tasks.submit(article, other, editor)
    article = run(article)
    assert article.status == Article.Status.FAILED
    task.refresh_from_db()
    publish_tasks.cancel(task, editor)
    article.refresh_from_db()
    assert (article.status, article.site, article.link) == (Article.Status.DONE, magazine, link)
    assert article.record(Stage.UPLOAD).state == "done"


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_what_has_ended_is_not_cancelled(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User, status: str
) -> None:
    article = ready(magazine)
    task, _ = publish_tasks.submit(article, magazine, editor)
    if status == "completed":
        run(article)
    else:
        publish_tasks.cancel(task, editor)
    task.refresh_from_db()
    with pytest.raises(NotPossible):
        publish_tasks.cancel(task, editor)


# Wishes, and what they would cost


def test_another_wish_is_not_taken_for_the_one_that_is_on_its_way(magazine: Site, ready: Ready, editor: User) -> None:
    article = ready(magazine)
    publish_tasks.submit(article, magazine, editor)
    with pytest.raises(NotPossible, match="other wishes"):
        publish_tasks.submit(article, magazine, editor, options=Options(publish_immediately=True))


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_stopped_before_its_last_stage_is_not_recovered_unasked(
    magazine: Site, ready: Ready, editor: User, status: str
) -> None:
    article = ready(magazine)
    article.records.filter(stage=Stage.FORMAT).update(state="failed")
    error = Rejected("layout", "no").saved(Stage.FORMAT)
    Article.objects.filter(pk=article.pk).update(status=status, error=error)
    with pytest.raises(NotPossible, match="Recover it first"):
        publish_tasks.submit(article, magazine, editor)
    assert Article.objects.get(pk=article.pk).status == status
    assert not article.publish_tasks.exists()


def test_pictures_are_paid_for_again_only_by_who_knows_it(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(magazine))
    Article.objects.filter(pk=article.pk).update(tree_expired_at=timezone.now())
    with pytest.raises(NotPossible, match="paid for again"):
        publish_tasks.submit(article, magazine, editor)
    assert publish_tasks.submit(article, magazine, editor, may_cost=True)[1]


# Changed in the middle


def test_the_site_that_was_chosen_last_counts_while_the_page_is_being_made(
    memory: MemorySite, magazine: Site, ready: Ready, editor: User
) -> None:
    """A worker has claimed the article with the site of before."""
    other = new_site("https://other.example.org", name="Other")
    claimed = transitions.claim(ready(magazine).pk)
    assert claimed
    task, _ = publish_tasks.submit(claimed, other, editor)
    working = Run(claimed)
    working.lease.stage = Stage.UPLOAD
    assert publish_tasks.begin(working) == task
    assert claimed.site == other


@pytest.mark.parametrize("while_it", ["waits for its turn", "has stopped"])
def test_cancel_on_the_article_leaves_what_was_finished_finished_too(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User, while_it: str
) -> None:
    article = run(ready(magazine))
    publish_tasks.submit(article, magazine, editor)
    if while_it == "has stopped":
        memory.fails["rest", "check"] = failing(magazine)
        article = run(article)
    assert transitions.cancel(article, editor)
    article.refresh_from_db()
    assert (article.status, article.site) == (Article.Status.DONE, magazine)
    assert list(article.publish_tasks.values_list("status", flat=True)) == ["failed", "completed"]


def test_recover_tries_a_way_again_that_was_closed(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    """Whoever has opened it at the site follows the advice, and presses Recover."""
    memory.fails["rest", "check"] = Refused(magazine.provider, "a firewall", code="firewall")
    memory.fails["xmlrpc", "check"] = Refused(magazine.provider, "it is off", code="xmlrpc_off")
    article = run(ready(magazine))
    assert article.status == Article.Status.FAILED
    magazine.refresh_from_db()
    assert set(magazine.closed_ways) == {"rest"}
    del memory.fails["rest", "check"]
    transitions.resume(article, editor)
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    assert only_task(article).way == "rest"


def test_a_way_that_nobody_can_go_says_what_is_missing(
    memory: MemorySite, ready: Ready, run: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hybrid.WAYS, "playwright", browser.publish)
    article = run(ready(new_site("https://magazine.example.org", publisher=Way.HYBRID, ways="playwright")))
    assert article.status == Article.Status.FAILED
    assert article.error
    assert article.error["code"] in ("no_browser", "no_web_secret")


# Killed anywhere


def test_killed_at_any_moment_of_publishing_once_more_there_is_one_post(
    magazine: Site, ready: Ready, run: Drive, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each question to the site, and with each answer in hand."""
    magazine.publisher, magazine.time_limit = Way.REST, 0
    magazine.save()
    options = Options(publish_immediately=True, tags=("Freight",), slug="tariffs")
    moment, dies = 0, True
    while dies:
        memory = MemorySite()
        monkeypatch.setattr(hybrid, "WAYS", memory.ways("rest"))
        article = run(ready(magazine, title=f"Number {moment}"))
        publish_tasks.submit(article, magazine, editor, options=options)
        memory.met, memory.dies_at = 0, moment
        with suppress(Died):
            run(article)
        dies, memory.dies_at = memory.met > moment, None
        Article.objects.filter(pk=article.pk, status="running").update(lease_until=timezone.now() - timedelta(hours=1))
        sweep()
        article = run(article)
        assert article.status == Article.Status.DONE, (moment, article.error)
        [post] = memory.posts.values()
        assert (post["status"], post["slug"], len(memory.media)) == ("publish", "tariffs", 2), moment
        assert list(article.publish_tasks.values_list("status", "progress")) == [("completed", 100)] * 2, moment
        moment += 1
    assert moment > 10, "it died at each of them"
