"""Groups that were made before there were batches may do with them what they may do with articles."""

from typing import Any

from django.db import migrations

# What gives each right. Deleted is only a batch that was never started: whoever makes them may throw them away.
RIGHTS = {
    "add_batch": "add_article",
    "view_batch": "view_article",
    "change_batch": "change_article",
    "delete_batch": "add_article",
}


def give(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    for codename, like in RIGHTS.items():
        found = list(groups.filter(permissions__codename=like, permissions__content_type__app_label="articles"))
        if not found:
            continue
        # Made here: Django makes those of new models only after all migrations.
        batch, _ = types.get_or_create(app_label="articles", model="batch")
        name = f"Can {codename.replace('_', ' ')}"
        right, _ = permissions.get_or_create(content_type=batch, codename=codename, defaults={"name": name})
        for group in found:
            group.permissions.add(right)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0006_batches"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
