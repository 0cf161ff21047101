"""Groups that were made before the page of the backups: who may touch every article may see it and act on it."""

from typing import Any

from django.db import migrations


def give(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    found = list(groups.filter(permissions__codename="touch_every_article"))
    if not found:
        return
    # Made here: Django makes those of new models only after all migrations.
    generation, _ = types.get_or_create(app_label="backups", model="generation")
    for codename in ("view_generation", "change_generation"):
        name = f"Can {codename.partition('_')[0]} backup"
        right, _ = permissions.get_or_create(content_type=generation, codename=codename, defaults={"name": name})
        for group in found:
            group.permissions.add(right)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0007_rights_on_batches"),
        ("backups", "0005_the_desk"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
