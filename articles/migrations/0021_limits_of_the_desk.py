"""The limits of the desk, and the sums of days that they are held against: for this month, from the calls there are."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import django.core.validators
from django.db import migrations, models
from django.db.models import Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone


def fill(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    calls, days = (apps.get_model("articles", name).objects.using(database) for name in ("Call", "SpentDay"))
    since = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    costly = calls.filter(Q(cost__isnull=False) | Q(reserved__isnull=False), sent_at__gte=since - timedelta(days=1))
    dated = costly.annotate(day=TruncDate("sent_at", tzinfo=timezone.get_current_timezone())).order_by()
    for day, spent, reserved in dated.values_list("day").annotate(Sum("cost"), Sum("reserved")):
        days.create(day=day, spent=spent or 0, reserved=reserved or 0)
        calls.filter(pk__in=dated.filter(day=day).values("pk")).update(counted_on=day)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0020_cost_records"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeskSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(default="desk", editable=False, max_length=10, unique=True)),
                (
                    "limit_article",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="The most that one article may cost. One that would cost more stops.",
                        max_digits=8,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("999999.99")),
                        ],
                        verbose_name="an article",
                    ),
                ),
                (
                    "limit_day",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="What would cost more waits until the next day.",
                        max_digits=8,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("999999.99")),
                        ],
                        verbose_name="a day",
                    ),
                ),
                (
                    "limit_month",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="What would cost more waits until the next month.",
                        max_digits=8,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("999999.99")),
                        ],
                        verbose_name="a month",
                    ),
                ),
                (
                    "limit_agent_run",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="The most that a computer-use agent may spend in one go.",
                        max_digits=8,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("999999.99")),
                        ],
                        verbose_name="an agent's run",
                    ),
                ),
                (
                    "film_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Days that pictures of what browsers showed are kept.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(3650)],
                        verbose_name="pictures of publications",
                    ),
                ),
                (
                    "film_failed_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="The same of publications that have stopped.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(3650)],
                        verbose_name="… of those that stopped",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "limits",
                "verbose_name_plural": "limits",
            },
        ),
        migrations.CreateModel(
            name="SpentDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(unique=True)),
                ("spent", models.DecimalField(decimal_places=6, default=Decimal("0"), max_digits=14)),
                ("reserved", models.DecimalField(decimal_places=6, default=Decimal("0"), max_digits=14)),
            ],
            options={
                "ordering": ["day"],
            },
        ),
        migrations.AddField(
            model_name="call",
            name="counted_on",
            field=models.DateField(null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
