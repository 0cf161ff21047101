"""Groups that were made before the limits of the desk: who may change sites may change these."""

from typing import Any

from django.db import migrations


def give(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    found = list(groups.filter(permissions__content_type__app_label="publishing", permissions__codename="change_site"))
    if not found:
        return
    # Made here: Django makes those of new models only after all migrations.
    limits, _ = types.get_or_create(app_label="articles", model="desksettings")
    for right in ("view", "change"):
        permission, _ = permissions.get_or_create(
            content_type=limits, codename=f"{right}_desksettings", defaults={"name": f"Can {right} limits"}
        )
        for group in found:
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0021_limits_of_the_desk"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
