"""Groups that were made before publish tasks: who may change articles may publish them."""

from typing import Any

from django.db import migrations


def give(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    found = list(groups.filter(permissions__content_type__app_label="articles", permissions__codename="change_article"))
    if not found:
        return
    # Made here: Django makes those of new models only after all migrations.
    task, _ = types.get_or_create(app_label="publishing", model="publishtask")
    for right in ("add", "view", "change"):
        permission, _ = permissions.get_or_create(
            content_type=task, codename=f"{right}_publishtask", defaults={"name": f"Can {right} publish task"}
        )
        for group in found:
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("publishing", "0004_publish_tasks"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
