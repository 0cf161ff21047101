"""Superusers look at the queue's tables. What it runs comes from the code alone."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule

from config.desk.site import MACHINERY

SCHEDULE = "admin:django_q_schedule_{}"


@pytest.fixture
def root(client: Client, admin_user: User) -> Client:
    client.force_login(admin_user)
    return client


@pytest.fixture
def schedule(db: None) -> Schedule:
    return Schedule.objects.get(func="articles.tasks.sweep")


def sent(**changes: object) -> dict[str, object]:
    when = {"next_run_0": "2030-01-02", "next_run_1": "03:00:00"}
    return {"name": "x", "func": "os.system", "args": "'id',", "hook": "os.abort", "schedule_type": "I", "minutes": 5,
            "repeats": -1, **when, **changes}  # fmt: skip


def test_no_schedule_is_added(root: Client, schedule: Schedule) -> None:
    number = Schedule.objects.count()
    assert root.post(reverse(SCHEDULE.format("add")), sent()).status_code == 403
    assert Schedule.objects.count() == number


def test_a_schedule_is_given_another_time_and_no_other_function(root: Client, schedule: Schedule) -> None:
    before = (schedule.name, schedule.func, schedule.args, schedule.kwargs, schedule.hook)

    answer = root.post(reverse(SCHEDULE.format("change"), args=[schedule.pk]), sent())

    assert answer.status_code == 302
    schedule.refresh_from_db()
    assert (schedule.name, schedule.func, schedule.args, schedule.kwargs, schedule.hook) == before
    assert schedule.minutes == 5


def test_a_new_time_is_kept_from_then_on(root: Client) -> None:
    schedule = Schedule.objects.get(func="backups.tasks.verify")
    schedule.save()
    changes = {"schedule_type": "D", "minutes": "", "next_run_1": "04:10:00", "cron": schedule.cron}

    assert root.post(reverse(SCHEDULE.format("change"), args=[schedule.pk]), sent(**changes)).status_code == 302

    schedule.refresh_from_db()
    schedule.next_run = schedule.calculate_next_run()
    schedule.save()
    assert f"{schedule.next_run:%Y-%m-%d %H:%M}" == "2030-01-03 04:10"


def test_no_table_of_the_machinery_can_be_written_to(admin_user: User) -> None:
    """Also one that the libraries will add; of schedules the test above says which fields."""
    request = RequestFactory().get("/")
    request.user = admin_user
    tables = {model: table for model, table in admin.site._registry.items() if model._meta.app_label in MACHINERY}
    assert {Schedule, Failure, OrmQ, AccessAttempt} <= tables.keys()
    for model, table in tables.items():
        assert not table.has_add_permission(request), model
        assert model is Schedule or not table.has_change_permission(request), model
        assert set(table.get_actions(request)) <= {"delete_selected"}, model


def test_a_failed_task_is_not_run_again_by_hand(root: Client) -> None:
    now = timezone.now()
    task = Failure.objects.create(id="1", name="n", func="os.getpid", started=now, stopped=now, success=False)
    chosen = {"action": "resubmit_task", "_selected_action": [task.pk]}
    root.post(reverse("admin:django_q_failure_changelist"), chosen)
    assert OrmQ.objects.count() == 0
    assert root.get(reverse("admin:django_q_failure_change", args=[task.pk])).status_code == 200
