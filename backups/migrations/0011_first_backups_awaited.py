"""Since when a schedule backs up what. The database's is noted here: where no queue runs at all, nobody else would."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone


def await_first(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("backups", "Awaited").objects.using(editor.connection.alias)
    rows.create(tier="database", source="desk", since=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("backups", "0010_rows_touched_by_restores")]
    operations = [
        migrations.CreateModel(
            name="Awaited",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "tier",
                    models.CharField(choices=[("files", "Files"), ("database", "Database")], max_length=20),
                ),
                ("source", models.TextField()),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.RunPython(await_first, migrations.RunPython.noop),
    ]
