"""Groups that were made before the worklist: who may change articles may work with it, and who touches every article
approves.
"""

from typing import Any

from django.db import migrations

NAMES = {
    "add_document": "Can add document",
    "view_document": "Can view document",
    "change_document": "Can change document",
    "approve_document": "Can confirm and approve documents",
}


def give(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    rights = dict.fromkeys(NAMES, "change_article") | {"approve_document": "touch_every_article"}
    for name, right in rights.items():
        found = list(groups.filter(permissions__content_type__app_label="articles", permissions__codename=right))
        if not found:
            continue
        # Made here: Django makes those of new models only after all migrations.
        document, _ = types.get_or_create(app_label="worklist", model="document")
        permission, _ = permissions.get_or_create(content_type=document, codename=name, defaults={"name": NAMES[name]})
        for group in found:
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("worklist", "0001_documents"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
