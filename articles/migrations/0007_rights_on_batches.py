"""Groups that were made before there were batches get the rights on them; new ones are made with them."""

from typing import Any

from django.db import migrations

RIGHTS = ("add", "view", "change", "delete")
GROUPS = ("Editors", "Chief editors")


def give(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    groups = list(apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS))
    if not groups:
        return
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    batch, _ = types.get_or_create(app_label="articles", model="batch")
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    # Made here: Django makes those of new models only after all migrations.
    rights = [
        permissions.get_or_create(
            content_type=batch, codename=f"{right}_batch", defaults={"name": f"Can {right} batch"}
        )[0]
        for right in RIGHTS
    ]
    for group in groups:
        group.permissions.add(*rights)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0006_batches"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
