"""Webhooks, what is on its way to them, the schedule that sends it, and the rights of those who may touch everything."""

import uuid
from typing import Any

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import articles.models.choices

NAME = "Galley: tell programs"
RIGHTS = {"webhook": ("add", "view", "change", "delete"), "delivery": ("view",)}


def create_schedule(apps: Any, editor: Any) -> None:
    schedules = apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias)
    values = {"func": "webhooks.tasks.send", "schedule_type": "I", "minutes": 1, "repeats": -1}
    schedules.get_or_create(name=NAME, defaults=values)


def delete_schedule(apps: Any, editor: Any) -> None:
    apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias).filter(name=NAME).delete()


def give(apps: Any, editor: Any) -> None:
    database = editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    found = list(groups.filter(permissions__codename="touch_every_article"))
    if not found:
        return
    # Made here: Django makes those of new models only after all migrations.
    for model, rights in RIGHTS.items():
        kind, _ = types.get_or_create(app_label="webhooks", model=model)
        for right in rights:
            permission, _ = permissions.get_or_create(
                content_type=kind, codename=f"{right}_{model}", defaults={"name": f"Can {right} {model}"}
            )
            for group in found:
                group.permissions.add(permission)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_q", "0018_task_success_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "uid",
                    models.CharField(
                        default=articles.models.choices.new_uid, editable=False, max_length=32, unique=True
                    ),
                ),
                (
                    "address",
                    models.CharField(
                        max_length=500, validators=[django.core.validators.URLValidator(["https", "http"])]
                    ),
                ),
                ("encrypted_secret", models.TextField(editable=False)),
                ("events", models.JSONField(default=list, verbose_name="is told")),
                (
                    "active",
                    models.BooleanField(
                        default=True, help_text="Without it nothing is sent, and nothing is kept for later."
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="made"),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhooks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="id")),
                ("event", models.CharField(max_length=30)),
                ("body", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "On its way"), ("delivered", "Delivered"), ("given_up", "Given up")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="happened")),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="next try")),
                ("tries", models.PositiveIntegerField(default=0)),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("answer", models.CharField(blank=True, max_length=200)),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="webhooks.webhook"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(condition=models.Q(("state", "open")), fields=["next_at"], name="delivery_due"),
                    models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
                    models.Index(fields=["ended_at"], name="delivery_by_end"),
                ],
            },
        ),
        migrations.RunPython(create_schedule, delete_schedule),
        migrations.RunPython(give, migrations.RunPython.noop),
    ]
