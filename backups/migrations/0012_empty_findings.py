"""What a look found is kept as codes and values, no longer as sentences; the next look, within the hour, finds it anew."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def empty(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """In both directions: a version can read only what it keeps itself."""
    apps.get_model("backups", "Look").objects.using(editor.connection.alias).update(findings=[])


class Migration(migrations.Migration):
    dependencies = [("backups", "0011_first_backups_awaited")]
    operations = [migrations.RunPython(empty, empty)]
