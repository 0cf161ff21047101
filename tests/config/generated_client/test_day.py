"""A day's work of somebody's program, by the generated client alone, at a desk with its workers."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.config.generated_client.conftest import Generated
from tests.doubles.server import Doubles, doubles
from tests.journeys.installation import DATABASE, ROOT, Installation, migrated
from tests.services.process import Server, free_port

pytestmark = [pytest.mark.dealt_whole(2), pytest.mark.xdist_group("generated client")]

SECONDS = 300  # that something may take on a busy machine
PAUSE = 0.2  # seconds between two questions of a program that waits
MANUSCRIPT = "# Harbour plans\n\nThe port gets a second crane.\n\n## Costs\n\nNobody knows them yet.\n"
# A chief editor with a token, a site that is no WordPress, and two batches that nobody has started.
PREPARED = """
from django.contrib.auth.models import Group, User
from config.models import Token
from publishing.models import Site
from tests.batches import drafted
chief = User.objects.create_user("chief", is_staff=True)
chief.groups.add(Group.objects.get(name="Chief editors"))
token = Token(user=chief, name="a program")
token.make_secret()
token.save()
site = Site(name="Magazine", url="{site}", user="desk", publisher="rest")
site.secret = "abcd"
site.save()
batches = [drafted(chief, name, styles=1, sections=1).pk for name in ("Rooms", "Halls")]
print("=>" + json.dumps(dict(token=token.secret, site=str(site.pk), batches=batches)))
"""


class Program:
    """Somebody's program: what it asks, it asks by the generated package alone."""

    def __init__(self, generated: Generated, url: str, token: str) -> None:
        self.generated = generated
        self.models: Any = generated.module("models")
        client = generated.module("client").AuthenticatedClient
        self.client = client(base_url=url, token=token, timeout=SECONDS, follow_redirects=False)
        self.asked: set[str] = set()

    def answer(self, operation: str, *path: Any, expected: int = 200, **said: Any) -> Any:
        """The answer whole: status, headers, bytes, and what was read of them."""
        tag = self.generated.operations()[operation]
        module = self.generated.module(f"api.{tag}.{operation}")
        answer = module.sync_detailed(*path, client=self.client, **said)
        assert answer.status_code == expected, f"{operation}: {answer.status_code} {answer.content[:2000]!r}"
        self.asked.add(operation)
        return answer

    def ask(self, operation: str, *path: Any, expected: int = 200, **said: Any) -> Any:
        return self.answer(operation, *path, expected=expected, **said).parsed

    def until(self, holds: Callable[[Any], bool], operation: str, *path: Any) -> Any:
        """Ask again and again until this holds of the answer, as programs do."""
        give_up = time.monotonic() + SECONDS
        while not holds(found := self.ask(operation, *path)):
            assert time.monotonic() < give_up, found
            time.sleep(PAUSE)
        return found

    def rested(self, article_id: int) -> Any:
        """How an article stands when it moves no more."""
        return self.until(lambda article: not article.is_moving, "article_progress", article_id)

    def ended(self, task_id: str) -> Any:
        """A publish task that has ended."""
        return self.until(lambda task: task.status in ("completed", "failed"), "publish_task_status", int(task_id))


class Desk(NamedTuple):
    program: Program
    services: Doubles
    site: str
    batches: list[int]


@contextmanager
def running(folder: Path, generated: Generated) -> Iterator[Desk]:
    installation = Installation(folder)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
    with doubles() as services:
        installation.with_services(services)
        shutil.copyfile(migrated(), folder / DATABASE)
        code = f"import json\n{PREPARED.replace('{site}', services.url)}"
        said = installation.manage("shell", "--verbosity", "0", "-c", code).stdout
        made = json.loads(said.rpartition("=>")[2])
        server = Server(command, port, folder / "web.log", installation.environment, ROOT)
        program = Program(generated, f"http://127.0.0.1:{port}", made["token"])
        with server.running(), installation.workers(), program.client:
            yield Desk(program, services, made["site"], made["batches"])


def test_a_whole_day_s_work(generated: Generated, tmp_path: Path) -> None:
    with running(tmp_path, generated) as desk:
        program = desk.program
        served = program.client.get_httpx_client().get("/api/v1/openapi.json").json()
        assert served["paths"] == generated.described["paths"]
        done, text = hand_in(program)
        read(program, done)
        recover(program, desk.services, text)
        hand_in_another(program, desk.services, text)
        cancel(program)
        batches(program, desk.batches)
        published = publish(program, desk.site, done)
        review(program)
        configure(program, desk.site)
        look_at_figures(program, published)
        assert program.ask("article", 99_999, expected=404).message.startswith("There is nothing here")
        assert program.asked == generated.operations().keys(), "each operation was of use"


def hand_in(program: Program) -> tuple[int, int]:
    """An idea and a manuscript. The ids of the articles, which are finished."""
    models = program.models
    idea = models.ArticleIn(idea="night trains", formatter=models.ArticleInFormatter.TEMPLATE)
    first = program.ask("article_submit", body=idea, idempotency_key="today-1", expected=202)
    assert program.ask("article_submit", body=idea, idempotency_key="today-1").id == first.id
    text = program.ask("article_submit", body=models.ArticleIn(manuscript=MANUSCRIPT), expected=202)
    refused = program.ask("article_submit", body=models.ArticleIn(), expected=422)
    assert refused.message
    listed = program.ask("articles", limit=1)
    assert [each.id for each in listed.articles] == [text.id]
    older = program.ask("articles", cursor=listed.cursor, from_=datetime.now(UTC) - timedelta(days=1))
    assert [each.id for each in older.articles] == [first.id]
    for article in (first, text):
        assert program.rested(article.id).status == "done"
    return first.id, text.id


def read(program: Program, done: int) -> None:
    finished = program.ask("articles", status=program.models.ArticlesStatus.DONE)
    assert done in [each.id for each in finished.articles]
    known = program.answer("article_progress", done).headers["ETag"]
    assert program.ask("article_progress", done, if_none_match=known, expected=304) is None
    article = program.ask("article", done)
    assert article.created_at < article.ended_at
    files = {each.name: each for each in program.ask("article_files", done).files}
    for name in ("03_hero.jpg", "05_final.html"):
        content = program.answer("article_file", done, name).content
        assert hashlib.sha256(content).hexdigest() == files[name].sha256
    assert "<" in program.ask("article_file", done, "05_final.html")


def recover(program: Program, services: Doubles, text: int) -> None:
    """One that stopped: first what it would cost, then really; and another manuscript for one that rests."""
    models = program.models
    services.fail("openai", "responses", "refusal", match="harbour cranes")
    stopped = program.ask("article_submit", body=models.ArticleIn(idea="harbour cranes"), expected=202).id
    assert program.rested(stopped).error.stage == "article"
    plan = program.ask("article_recover", stopped, body=models.RecoverIn(dry_run=True))
    assert (plan.recovered, plan.paid_calls > 0) == ([stopped], True)
    several = models.RecoverManyIn(ids=[stopped, text], dry_run=True)
    assert [each.id for each in program.ask("articles_recover", body=several).left] == [text]
    program.ask("article_recover", stopped, expected=202)
    assert program.rested(stopped).status == "done"
    assert program.ask("recovery_sweep").stats.articles_found == 0


def hand_in_another(program: Program, services: Doubles, done: int) -> None:
    """Another manuscript, for one that has stopped. One that is done takes none."""
    models = program.models
    services.fail("openai", "responses", "refusal", match="Old mills")
    wanted = models.ArticleIn(manuscript=MANUSCRIPT.replace("Harbour plans", "Old mills"))
    stopped = program.ask("article_submit", body=wanted, expected=202).id
    assert program.rested(stopped).status == "failed"
    version = program.ask("article_manuscript_plan", stopped).version
    another = models.ManuscriptIn(manuscript=MANUSCRIPT.replace("Harbour plans", "New mills"), version=version)
    program.ask("article_manuscript_replace", stopped, body=another)
    program.ask("article_manuscript_replace", stopped, body=another, expected=409)
    assert program.rested(stopped).status == "done"
    assert program.ask("article", stopped).title == "New mills"
    assert "Hand the text in as a new article" in program.ask("article_manuscript_plan", done, expected=409).message


def later(program: Program) -> int:
    """An article whose work begins tomorrow."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    wanted = program.models.ArticleIn(idea="later", scheduled_at=tomorrow)
    return int(program.ask("article_submit", body=wanted, expected=202).id)


def cancel(program: Program) -> None:
    first, second = later(program), later(program)
    assert program.ask("article_cancel", first).status == "cancelled"
    said = program.ask("articles_cancel", body=program.models.CancelIn(ids=[first, second, 99_999]))
    assert (said.cancelled, [each.id for each in said.left]) == ([first, second], [99_999])


def batches(program: Program, ids: list[int]) -> None:
    rooms, halls = ids
    assert [each.id for each in program.ask("batches").batches] == [halls, rooms]
    assert program.ask("batch_start", halls).state == "running"
    assert program.ask("batch_cancel", halls).state == "cancelled"
    body = program.models.StartIn(without_bad_lines=True)
    assert program.ask("batch_start", rooms, body=body).state == "running"
    assert program.ask("batch_pause", rooms).state == "paused"
    assert program.ask("batch_resume", rooms).state == "running"
    program.until(lambda batch: batch.state == "done", "batch_progress", rooms)
    [(_, _, state)] = program.ask("batch_progress", rooms, since=0).cells
    assert state is program.models.CellState.DONE
    assert "event: end" in program.ask("batch_events", rooms), "of one that has ended the stream ends"


def publish(program: Program, site: str, done: int) -> str:
    """A page at the desk, and a site that is none. The id of the task that failed."""
    models = program.models
    preview = models.SubmitIn(provider=models.SubmitInProvider.PREVIEW)
    task = program.ask("publish_submit", done, body=preview, idempotency_key="today-2", expected=202)
    assert program.ended(task.task_id).status == "completed"
    options = models.OptionsIn(tags=["Ships"], comments=models.OptionsInComments.OPEN)
    wanted = models.SubmitIn(provider=models.SubmitInProvider.REST, site_id=site, options=options)
    failed = program.ask("publish_submit", done, body=wanted, expected=202).task_id
    assert program.ended(failed).actions == ["retry", "cancel"]
    assert program.ask("publish_task_retry", int(failed), expected=202).id == failed
    assert program.ended(failed).retry_count == 1
    waiting = program.ask("publish_submit", later(program), body=preview, expected=202).task_id
    assert program.ask("publish_task_cancel", int(waiting), expected=202).cancelled
    assert [each.id for each in program.ask("publish_tasks", status="completed").tasks] != []
    return str(failed)


def review(program: Program) -> None:
    """A document is handed in, reviewed, approved and published."""
    models = program.models
    status, seen = models.StatusInStatus, models.StatusInFromStatus
    arrival = models.ArrivalIn(id="cms-7", text=MANUSCRIPT, name="plans.md")
    assert program.ask("worklist_sync", body=models.SyncIn(documents=[arrival])).new == 1
    [document] = program.ask("worklist_documents").documents
    steps = [(seen.TO_EVALUATE, status.TO_CONFIRM), (seen.TO_CONFIRM, status.TO_REVIEW)]
    for before, after in [*steps, (seen.TO_REVIEW, status.READY_TO_PUBLISH)]:
        said = models.StatusIn(status=after, from_status=before, text_hash=document.text_hash)
        document = program.ask("worklist_document_status", int(document.id), body=said)
    assert "publish" in document.actions
    wanted = models.PublishIn(text_hash=document.text_hash)
    task = program.ask("worklist_document_publish", int(document.id), body=wanted, expected=202).task_id
    assert program.ended(task).status == "completed"
    counted = program.ask("worklist_statistics").by_status
    assert {each.name: each.count for each in counted}["published"] == 1
    [source] = [each for each in program.ask("worklist_sync_status").sources if each.documents]
    assert source.source == "api"


def configure(program: Program, site: str) -> None:
    """A limit for the month, for which one has to know what there is."""
    models = program.models
    before = program.answer("settings")
    wanted = models.SettingsIn(cost_limits=models.LimitsIn(month="50.00"))
    program.ask("settings_change", body=wanted, expected=428)
    known = before.headers["ETag"]
    assert program.ask("settings_change", body=wanted, if_match=known).cost_limits.month == "50.00"
    stale = program.ask("settings_change", body=wanted, if_match=known, expected=412)
    assert stale.present.cost_limits.month == "50.00"
    tried = program.ask("settings_test_connection", body=models.TestIn(site_id=site))
    assert (tried.works, tried.site_id) == (False, site)


def look_at_figures(program: Program, failed: str) -> None:
    models = program.models
    tasks = program.ask("monitoring_tasks", status=models.MonitoringTasksStatus.FAILED).tasks
    assert failed in [each.id for each in tasks]
    assert program.ask("monitoring_task_logs", int(failed), level=models.Level.ERROR).logs
    assert program.ask("monitoring_statistics").completed >= 2
    week = models.AnalyticsCostUsageTimeRange.WEEK
    assert float(program.ask("analytics_cost_usage", time_range=week).cost) > 0
    always = models.AnalyticsComparisonTimeRange.ALL
    assert program.ask("analytics_comparison", time_range=always).since is None
    assert program.ask("analytics_recommendations").recommendations == []
    assert program.ask("analytics_storage_usage").bytes_ >= 0
