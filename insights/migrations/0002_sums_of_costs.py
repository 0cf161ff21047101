"""What was paid, summed a day: at first of all days that are there. Until then their records are read, as before."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from insights.rollups import marks


def take_down(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    marks.take_down(editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0028_time_zones"),
        ("insights", "0001_metrics"),
        ("publishing", "0013_designs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CostMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="cost_mark_by_day")],
            },
        ),
        migrations.CreateModel(
            name="CostSum",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("provider", models.CharField(max_length=100)),
                ("model", models.CharField(blank=True, max_length=100)),
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
                ("cost", models.DecimalField(decimal_places=6, max_digits=16)),
                ("unknown", models.IntegerField()),
                ("answers", models.PositiveIntegerField()),
                ("input_tokens", models.PositiveBigIntegerField()),
                ("output_tokens", models.PositiveBigIntegerField()),
                (
                    "batch",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="articles.batch"
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
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="publishing.site"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="cost_sum_by_day")],
            },
        ),
        migrations.RunPython(migrations.RunPython.noop, take_down),  # they are hung up after each migration
    ]
