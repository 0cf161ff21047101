"""Who has changed what. Chief editors may look at it: those who may change sites, where groups were made before."""

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from audit import triggers


def give(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    database = editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    found = list(groups.filter(permissions__content_type__app_label="publishing", permissions__codename="change_site"))
    if not found:
        return
    # Made here: Django makes those of new models only after all migrations.
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    changes, _ = types.get_or_create(app_label="audit", model="change")
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    permission, _ = permissions.get_or_create(
        content_type=changes, codename="view_change", defaults={"name": "Can view change"}
    )
    for group in found:
        group.permissions.add(permission)


def take_down(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    triggers.take_down(editor.connection)


class Migration(migrations.Migration):
    initial = True

    # The last of every app that is watched: whoever goes back behind one of them takes the triggers down first.
    dependencies = [
        ("articles", "0026_saved_filters"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("backups", "0015_second_storage"),
        ("config", "0004_typed_keys"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_q", "0018_task_success_index"),
        ("publishing", "0013_designs"),
        ("webhooks", "0001_webhooks"),
        ("worklist", "0004_quick_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.CharField(max_length=32, unique=True)),
                ("at", models.DateTimeField()),
                (
                    "door",
                    models.CharField(
                        choices=[
                            ("person", "People at the desk"),
                            ("program", "Programs with a token"),
                            ("command", "Commands on the server"),
                            ("desk", "The desk itself"),
                            ("outside", "Not by the desk"),
                        ],
                        max_length=10,
                    ),
                ),
                ("who", models.CharField(max_length=150)),
                ("through", models.CharField(max_length=150)),
                ("why", models.CharField(max_length=1000)),
                ("model", models.CharField(max_length=60)),
                ("row", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=200)),
                (
                    "deed",
                    models.CharField(
                        choices=[
                            ("created", "Made"),
                            ("changed", "Changed"),
                            ("deleted", "Removed"),
                            ("added", "Given"),
                            ("removed", "Taken"),
                        ],
                        max_length=10,
                    ),
                ),
                ("field", models.CharField(max_length=60)),
                ("before", models.TextField()),
                ("after", models.TextField()),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="change_by_time"),
                    models.Index(fields=["who", "-at", "-id"], name="change_by_person"),
                    models.Index(fields=["model", "-at", "-id"], name="change_by_model"),
                    models.Index(fields=["deed", "-at", "-id"], name="change_by_deed"),
                ],
            },
        ),
        migrations.RunPython(give, take_down),
    ]
