"""What was paid, line by line, for good: calls that are there already get a line each."""

import itertools
from datetime import date
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q
from django.db.models.functions import Coalesce

import articles.models.cost_records
from backups import partitions

STAGES = {"prompts": "prompts", "image": "images", "format": "format", "media": "upload", "post": "upload"}
AT_ONCE = 2000


def make_table(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    record = apps.get_model("articles", "CostRecord")
    editor.create_model(record)
    partitions.divide(record._meta.db_table, "day", editor.connection)


def drop_table(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    editor.delete_model(apps.get_model("articles", "CostRecord"))


def fill(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    using = editor.connection.alias
    record, call = apps.get_model("articles", "CostRecord"), apps.get_model("articles", "Call")
    calls = call.objects.using(using).select_related("article").defer("answer", "error", "article__html")
    is_unknown = Q(reserved__isnull=False) & (~Q(state="intent") | Q(lost_answers__gt=0))
    calls = calls.filter(~Q(cost=None) & ~Q(cost=0) | is_unknown | Q(input_tokens__gt=0) | Q(output_tokens__gt=0))
    when = Coalesce("received_at", "sent_at", "created_at")
    partitions.make_room(record._meta.db_table, _ahead(), using)
    found = calls.annotate(when=when).order_by("pk").iterator(chunk_size=AT_ONCE)
    while some := list(itertools.islice(found, AT_ONCE)):
        records = [record(**_of(each)) for each in some]
        partitions.make_room(record._meta.db_table, {each.day for each in records}, using)
        record.objects.using(using).bulk_create(records)


def _of(call: Any) -> dict[str, Any]:
    unknown = call.reserved is not None and (call.state != "intent" or call.lost_answers > 0)
    return {
        "at": call.when,
        "day": django.utils.timezone.localdate(call.when),
        "article": call.article.uid,
        "key": call.key,
        "generation": call.generation,
        "stage": STAGES.get(call.key.partition(":")[0], "article"),
        "provider": call.provider,
        "model": call.model,
        "answered": call.received_at is not None,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "reasoning_tokens": call.reasoning_tokens,
        "cost": call.cost or 0,
        "unknown": int(unknown),
        "owner_id": call.article.owner_id,
        "site_id": call.article.site_id,
        "batch_id": call.article.batch_id,
    }


def _ahead() -> list[date]:
    """This month and the three that follow."""
    found = [django.utils.timezone.localdate()]
    for _ in range(3):
        found.append(partitions.month_after(found[-1]))
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0019_published_again"),
        ("publishing", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="CostRecord",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("day", models.DateField(default=articles.models.cost_records.today)),
                        ("article", models.CharField(max_length=32)),
                        ("key", models.CharField(max_length=60)),
                        ("generation", models.PositiveSmallIntegerField(default=1)),
                        ("number", models.PositiveSmallIntegerField(default=1)),
                        (
                            "stage",
                            models.CharField(
                                choices=[
                                    ("article", "Article"),
                                    ("prompts", "Prompts"),
                                    ("images", "Images"),
                                    ("format", "Format"),
                                    ("upload", "Upload"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("provider", models.CharField(max_length=100)),
                        ("model", models.CharField(blank=True, max_length=100)),
                        ("answered", models.BooleanField(default=False)),
                        ("input_tokens", models.PositiveIntegerField(default=0)),
                        ("output_tokens", models.PositiveIntegerField(default=0)),
                        ("reasoning_tokens", models.PositiveIntegerField(default=0)),
                        ("cost", models.DecimalField(decimal_places=6, default=0, max_digits=12)),
                        ("unknown", models.SmallIntegerField(default=0)),
                        (
                            "batch",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="articles.batch",
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "site",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="publishing.site",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                        "indexes": [
                            models.Index(fields=["day"], name="cost_by_day"),
                            models.Index(fields=["article", "key"], name="cost_of_article"),
                        ],
                    },
                ),
            ],
        ),
        migrations.RunPython(make_table, drop_table),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
