"""Backup, verification and drill. The rows are the operator's from then on: Django's admin edits them."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# They may take longer than other tasks do, until all that is to be read was read.
HOURS = "q_options={'timeout': 14400}"
SCHEDULES = {
    "Galley: back up the database": {"func": "backups.tasks.backup_database", "schedule_type": "H"},
    "Galley: verify backups": {"func": "backups.tasks.verify", "schedule_type": "D"},
    "Galley: try a restore": {"func": "backups.tasks.try_restore", "schedule_type": "W"},
}


def create_schedules(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    schedules = apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias)
    for name, fields in SCHEDULES.items():
        schedules.get_or_create(name=name, defaults=fields | {"kwargs": HOURS, "repeats": -1})


def delete_schedules(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias).filter(name__in=SCHEDULES).delete()


class Migration(migrations.Migration):
    dependencies = [("backups", "0003_drills"), ("django_q", "0018_task_success_index")]
    operations = [migrations.RunPython(create_schedules, delete_schedules)]
