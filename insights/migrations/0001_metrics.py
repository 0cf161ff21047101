"""Sums of days, every five minutes, at first of all that is there; sizes, every day. The schedules are the operator's."""

from decimal import Decimal
from typing import Any

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from insights.rollups import marks

SCHEDULES: dict[str, dict[str, Any]] = {
    "Galley: sum up what works": {"func": "insights.tasks.roll_up", "schedule_type": "I", "minutes": 5},
    "Galley: measure what is stored": {"func": "insights.tasks.measure_storage", "schedule_type": "D"},
}


def create_schedules(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    schedules = apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias)
    for name, what in SCHEDULES.items():
        schedules.get_or_create(name=name, defaults={**what, "repeats": -1})


def delete_schedules(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    schedules = apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias)
    schedules.filter(name__in=SCHEDULES).delete()


def take_down(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    marks.take_down(editor.connection)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("articles", "0022_rights_on_limits"),
        ("django_q", "0018_task_success_index"),
        ("publishing", "0012_the_agent_as_a_way"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Rollup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(default="desk", max_length=10, unique=True)),
                ("zone", models.CharField(blank=True, max_length=60)),
                ("at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["at"], name="mark_by_time")],
            },
        ),
        migrations.CreateModel(
            name="StorageMeasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "part",
                    models.CharField(
                        choices=[
                            ("trees", "Backups of articles"),
                            ("film", "Pictures of what browsers showed"),
                            ("files", "Backups of files"),
                            ("database_backups", "Backups of the database"),
                            ("database", "The database"),
                        ],
                        max_length=20,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("bytes", models.PositiveBigIntegerField()),
                ("number", models.PositiveBigIntegerField(null=True)),
                ("leaving_bytes", models.PositiveBigIntegerField(null=True)),
                ("leaving", models.PositiveBigIntegerField(null=True)),
            ],
            options={
                "ordering": ["day", "part"],
                "constraints": [models.UniqueConstraint(fields=("day", "part"), name="one_measure_per_day")],
            },
        ),
        migrations.CreateModel(
            name="ProviderMetric",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("publisher", "Publications, by the way that was asked for"),
                            ("way", "Each way that was gone, also one that another had to take over from"),
                            ("text", "A text"),
                            ("section", "A section of a text"),
                            ("prompts", "Prompts"),
                            ("image", "A picture"),
                            ("format", "A page laid out"),
                            ("agent", "A turn of an agent"),
                        ],
                        max_length=10,
                    ),
                ),
                ("provider", models.CharField(max_length=100)),
                ("model", models.CharField(blank=True, max_length=100)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("completed", "Completed"),
                            ("failed", "Failed of its own accord"),
                            ("cancelled", "Somebody has stopped it, or given it up"),
                            ("open", "Under way"),
                        ],
                        max_length=10,
                    ),
                ),
                ("cause", models.CharField(blank=True, max_length=100)),
                ("number", models.PositiveIntegerField()),
                ("again", models.PositiveIntegerField()),
                ("timed", models.PositiveIntegerField()),
                ("microseconds", models.PositiveBigIntegerField()),
                ("cost", models.DecimalField(decimal_places=6, default=Decimal("0"), max_digits=16)),
                ("unknown", models.PositiveIntegerField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="publishing.site"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="metric_by_day")],
            },
        ),
        migrations.RunPython(create_schedules, delete_schedules),
        migrations.RunPython(migrations.RunPython.noop, take_down),  # they are hung up after each migration
    ]
