"""Housekeeping, once a day. The row is the operator's from then on: Django's admin edits it."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAME = "Galley: remove ended sessions and old records"


def create_schedule(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    schedules = apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias)
    schedules.get_or_create(
        name=NAME, defaults={"func": "config.tasks.keep_house", "schedule_type": "D", "repeats": -1}
    )


def delete_schedule(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias).filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("config", "0001_tokens"), ("django_q", "0018_task_success_index")]
    operations = [migrations.RunPython(create_schedule, delete_schedule)]
