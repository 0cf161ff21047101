"""The log of each task: of those that are there already, what their rows tell."""

import itertools
from datetime import date, datetime, timedelta
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import articles.models.cost_records
from backups import partitions

AT_ONCE = 1000
STEPS = [
    ("idle", "Waits for its article"),
    ("pending", "Waits for its turn"),
    ("initializing", "Beginning"),
    ("logging_in", "Signing in"),
    ("uploading_images", "Uploading pictures"),
    ("creating_post", "Writing the post"),
    ("configuring_seo", "Search engines"),
    ("publishing", "Publishing"),
    ("completed", "Completed"),
    ("failed", "Stopped"),
]


def make_table(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    log = apps.get_model("publishing", "ExecutionLog")
    editor.create_model(log)
    partitions.divide(log._meta.db_table, "day", editor.connection)


def drop_table(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    editor.delete_model(apps.get_model("publishing", "ExecutionLog"))


def fill(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    using = editor.connection.alias
    log, task = (apps.get_model("publishing", name) for name in ("ExecutionLog", "PublishTask"))
    partitions.make_room(log._meta.db_table, _ahead(), using)
    found = task.objects.using(using).order_by("pk").iterator(chunk_size=AT_ONCE)
    while some := list(itertools.islice(found, AT_ONCE)):
        lines = [log(task_id=each.pk, day=_day(line["at"]), **line) for each in some for line in _of(each)]
        partitions.make_room(log._meta.db_table, {line.day for line in lines}, using)
        log.objects.using(using).bulk_create(lines)


def _of(task: Any) -> list[dict[str, Any]]:
    lines = [{"at": task.created_at, "step": "idle", "code": "asked"}]
    if task.started_at:
        lines.append({"at": task.started_at, "step": "initializing", "code": "began"})
    for number, turn in enumerate(task.turns):
        at = datetime.fromisoformat(turn["at"]) + timedelta(microseconds=number)  # two of one second stay two
        lines.append({"at": at, "step": "publishing", "code": "turned", "level": "warning", "values": turn})
    if task.completed_at and task.status == "completed":
        lines.append({"at": task.completed_at, "step": "completed", "code": "completed"})
    elif task.completed_at and task.cancelled:
        lines.append({"at": task.completed_at, "step": "failed", "code": "cancelled", "level": "warning"})
    elif task.completed_at and task.status == "failed":
        ended = {"step": "failed", "code": "stopped", "level": "error", "values": task.error}
        lines.append({"at": task.completed_at, **ended})
    return lines


def _day(at: datetime) -> date:
    return django.utils.timezone.localdate(at)


def _ahead() -> list[date]:
    """This month and the three that follow."""
    found = [django.utils.timezone.localdate()]
    for _ in range(3):
        found.append(partitions.month_after(found[-1]))
    return found


class Migration(migrations.Migration):
    dependencies = [("publishing", "0008_film")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="ExecutionLog",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("day", models.DateField(default=articles.models.cost_records.today)),
                        (
                            "level",
                            models.CharField(
                                choices=[
                                    ("info", "Went well"),
                                    ("warning", "Was not as hoped, and goes on"),
                                    ("error", "Has stopped it"),
                                ],
                                default="info",
                                max_length=10,
                            ),
                        ),
                        ("step", models.CharField(choices=STEPS, max_length=20)),
                        (
                            "code",
                            models.CharField(
                                choices=[
                                    ("asked", "It was asked for"),
                                    ("began", "A worker has begun"),
                                    ("step", "A step is at hand"),
                                    ("turned", "Another way was begun"),
                                    ("waits", "It did not succeed, and is tried again or stops"),
                                    ("stopped", "It has stopped"),
                                    ("cancelled", "Somebody has stopped it"),
                                    ("resumed", "Somebody lets it go on"),
                                    ("completed", "It is completed"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("values", models.JSONField(default=dict)),
                        (
                            "task",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="log",
                                to="publishing.publishtask",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                        "indexes": [models.Index(fields=["task", "id"], name="log_of_task")],
                    },
                ),
            ],
        ),
        migrations.RunPython(make_table, drop_table),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
