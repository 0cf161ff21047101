"""What machines say of themselves, and the page that shows it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from articles import formats
from articles.models import Article
from articles.pipeline import worker_health
from articles.processes import this_machine
from backups import kit
from backups.health.report import Facts, Part
from backups.storage.port import SECOND
from config.databases import standby
from config.desk import standing
from config.desk.machines import machines_page
from config.desk.standing import Fact, facts
from config.models import Machine
from config.supervision import machines, web
from insights.models import Rollup
from tests.conftest import HandIn
from tests.desk import as_
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def all_in_time() -> None:
    Schedule.objects.update(next_run=timezone.now() + timedelta(days=1))


def said(monkeypatch: pytest.MonkeyPatch, alive: int = 2, busy: int = 0, silent: int = 0) -> None:
    pids = tuple(range(1, alive + 1))
    found = worker_health.Health(pids, pids[:busy], pids[:silent])
    monkeypatch.setattr(worker_health, "health", lambda: found)


def another(host: str = "second", **fields: object) -> Machine:
    now = timezone.now()
    usual = {"name": host, "host": host, "release": "0" * 12, "since": now, "seen_at": now}
    return Machine.objects.create(**{**usual, "workers": 2, "busy": 0, "silent": 0, **fields})


def page(user: User) -> str:
    return as_(user).get(reverse("admin:machines")).content.decode()


def test_a_machine_is_one_row_however_often_it_says_how_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, busy=1)
    machines.note()
    a_while_ago = timezone.now() - timedelta(seconds=20)
    Machine.objects.update(since=a_while_ago, seen_at=a_while_ago)
    first = Machine.objects.get()
    said(monkeypatch, alive=4, silent=1)
    machines.note()
    now = Machine.objects.get()
    assert (now.name, now.workers, now.busy, now.silent) == (this_machine(), 4, 0, 1)
    assert now.since == first.since
    assert now.seen_at > first.seen_at

    monkeypatch.setattr(machines, "release", lambda: "abc")
    machines.note()
    assert Machine.objects.get().since > first.since, "with another program"


def test_a_host_that_was_started_anew_is_not_listed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch)
    monkeypatch.setattr("socket.gethostname", lambda: "desk")
    before = timezone.now() - timedelta(minutes=5)
    another("desk", name="before its start", seen_at=before)
    another("desk", name="a container beside it")
    another("elsewhere", seen_at=before)
    machines.note()
    assert set(Machine.objects.values_list("name", flat=True)) == {
        "a container beside it",
        "elsewhere",
        this_machine(),
    }


def test_the_last_one_takes_its_row_away(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch)
    machines.note()
    machines.leave()
    assert Machine.objects.exists(), "others run here"
    said(monkeypatch, alive=0)
    machines.leave()
    assert not Machine.objects.exists()


def test_what_was_not_heard_of_for_long_is_forgotten() -> None:
    another("old", seen_at=timezone.now() - timedelta(days=8))
    another("away", seen_at=timezone.now() - timedelta(days=6))
    machines.forget()
    assert [machine.host for machine in Machine.objects.all()] == ["away"]


def test_the_same_files_are_the_same_program() -> None:
    assert machines.release() == machines.release.__wrapped__()
    assert len(machines.release()) == 12


@pytest.mark.parametrize(
    ("busy", "minutes", "state"),
    [
        (0, 1, "0 of 2 workers at work"),
        (0, 3, "not heard of"),
        (2, 3, "2 of 2 workers at work"),  # at long tasks, nobody is left to say anything
        (2, 30, "not heard of"),
    ],
)
def test_who_is_not_heard_of_is_told_from_who_has_no_time(busy: int, minutes: int, state: str) -> None:
    another(busy=busy, seen_at=timezone.now() - timedelta(minutes=minutes))
    [host] = machines_page().hosts
    assert host.state == state


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_machine_with_a_wrong_clock_is_heard_all_the_same(hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch)
    right = timezone.now
    with monkeypatch.context() as wrong:
        wrong.setattr(timezone, "now", lambda: right() + timedelta(hours=hours))
        machines.note()
    [host] = machines_page().hosts
    assert host.state == "0 of 2 workers at work"
    assert abs(host.machine.since - right()) < timedelta(minutes=2)


def test_the_page_says_what_needs_somebody(chief: User, hand_in: HandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, alive=0)
    assert "No workers run." in page(chief)
    one, two = another("first"), another("second", release="1" * 12, silent=1)
    hand_in()
    Article.objects.update(
        status="running", lease_owner=f"{one.name}|12|34", lease_until=timezone.now() + timedelta(minutes=1)
    )
    Schedule.objects.filter(pk=Schedule.objects.earliest("pk").pk).update(next_run=timezone.now() - timedelta(hours=2))
    shown = page(chief)
    assert "They run 2 programs that differ." in shown
    assert "0 of 2 workers at work, 1 hangs" in shown
    assert "should have begun 2 h ago" in shown
    assert "1 overdue" in shown
    held = {host.machine.host: host.held for host in machines_page().hosts}
    assert held == {one.host: 1, two.host: 0}


def test_a_queue_that_is_away_is_said(chief: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionError

    monkeypatch.setattr("config.desk.standing.get_broker", away)
    assert "does not answer" in page(chief)


def test_without_a_standby_nobody_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()
    monkeypatch.setattr(standby.look, "may_be_read", lambda: asked.append("standby"))
    assert "Standby" not in {fact.name for fact in facts()}
    assert not asked


def test_it_is_for_those_who_look_after_the_backups(editor: User, client: Client) -> None:
    address = reverse("admin:machines")
    assert as_(editor).get(address).status_code == 403
    assert address not in as_(editor).get(reverse("admin:index")).content.decode()
    assert client.get(address).status_code == 302


def test_a_web_server_has_a_row_of_its_own(monkeypatch: pytest.MonkeyPatch, chief: User) -> None:
    said(monkeypatch)
    machines.note()
    machines.note_web()
    machines.note_web()
    assert sorted(host.state for host in machines_page().hosts) == ["0 of 2 workers at work", "web server"]
    assert "No workers run." not in page(chief)

    said(monkeypatch, alive=0)
    machines.leave()
    assert [host.state for host in machines_page().hosts] == ["web server"]
    assert "No workers run." in page(chief)
    machines.leave_web()
    assert machines_page().hosts == []


def test_a_web_server_says_so_for_as_long_as_it_runs(transactional_db: None) -> None:
    async def run() -> list[int]:
        async with web.said_to_run():
            while not (there := await web_servers()):
                await asyncio.sleep(0.01)
        return [there, await web_servers()]

    assert asyncio.run(run()) == [1, 0]


async def web_servers() -> int:
    return await Machine.objects.filter(role=Machine.Role.WEB).acount()


def test_the_last_deploy_is_that_of_the_newest_program() -> None:
    now = timezone.now()
    another("first", release="a" * 12, since=now - timedelta(hours=5))
    another("second", release="b" * 12, since=now - timedelta(hours=2), role=Machine.Role.WEB)
    another("third", release="b" * 12, since=now - timedelta(hours=1))
    another("gone", release="c" * 12, since=now, seen_at=now - timedelta(days=1))
    since = formats.clock(now - timedelta(hours=2))
    assert machines_page().deploy == f"bbbbbbbb, since {since}, run by 2 of 3"


def fact(name: str) -> Fact:
    return {each.name: each for each in facts()}[name]


def test_what_it_stands_on_says_how_far_it_is_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, chief: User
) -> None:
    assert fact("Sums of Insights").wrong == ""
    Rollup.objects.update_or_create(name="desk", defaults={"at": timezone.now() - timedelta(hours=1)})
    assert fact("Sums of Insights").wrong
    assert "Second storage" not in {each.name for each in facts()}
    part = Part(SECOND, facts=Facts(behind=2, trees_behind=1, behind_seconds=7200))
    assert standing._second(part).said.startswith("lacks 2 backups and 1 tree, the first since 2 h")

    hook = Webhook(owner=chief, address="https://example.org/", events=[])
    hook.make_secret()
    hook.save()
    Delivery.objects.create(
        webhook=hook, event="article.done", body="{}", created_at=timezone.now() - timedelta(hours=1)
    )
    assert fact("Webhooks").said == "1 delivery not taken yet"
    assert "its tables as they are since" in fact("Database").said


def test_it_says_whether_the_keys_are_kept_elsewhere_and_which_services_have_one(settings: Settings) -> None:
    assert "all backups with them" in fact("Recovery kit").wrong
    kit.printed(timezone.now())
    assert fact("Recovery kit").said.startswith("printed ")
    settings.OPENAI_API_KEY, settings.REPLICATE_API_TOKEN, settings.ANTHROPIC_API_KEY = "sk-secret", "", ""
    assert fact("Keys of services").said == "there for text; none for pictures, layout"
