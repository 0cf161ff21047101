"""Google Drive: its records, a look every minute, and rights for groups that were made before."""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

NAME = "Galley: Google Drive"
MAY = {  # who had this right gets those
    "change_document": ("view_driveaccount",),
    "approve_document": ("add_driveaccount", "change_driveaccount", "delete_driveaccount"),
}


def create_schedule(apps: Any, schema_editor: Any) -> None:
    schedules = apps.get_model("django_q", "Schedule").objects.using(schema_editor.connection.alias)
    schedules.get_or_create(
        name=NAME,
        defaults={"func": "worklist.tasks.follow_drives", "schedule_type": "I", "minutes": 1, "repeats": -1},
    )


def delete_schedule(apps: Any, schema_editor: Any) -> None:
    apps.get_model("django_q", "Schedule").objects.using(schema_editor.connection.alias).filter(name=NAME).delete()


def give(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    for right, given in MAY.items():
        found = list(groups.filter(permissions__content_type__app_label="worklist", permissions__codename=right))
        if not found:
            continue
        # Made here: Django makes those of new models only after all migrations.
        account, _ = types.get_or_create(app_label="worklist", model="driveaccount")
        for codename in given:
            name = f"Can {codename.partition('_')[0]} drive account"
            permission, _ = permissions.get_or_create(content_type=account, codename=codename, defaults={"name": name})
            for group in found:
                group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("worklist", "0002_rights_on_documents"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_q", "0018_task_success_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DriveAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=254, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("person", "A person's account"), ("service", "A service account")], max_length=10
                    ),
                ),
                ("encrypted_login", models.TextField(editable=False)),
                (
                    "connected_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="connected since"),
                ),
                ("used_at", models.DateTimeField(null=True, verbose_name="last good use")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="to be connected again since")),
                ("error", models.CharField(blank=True, max_length=500)),
                ("wait_until", models.DateTimeField(null=True)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "Google Drive",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="DriveFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_id", models.CharField(max_length=200)),
                ("parent_id", models.CharField(blank=True, max_length=200)),
                ("target_id", models.CharField(blank=True, max_length=200)),
                ("name", models.CharField(max_length=300)),
                ("place", models.CharField(blank=True, max_length=200)),
                ("kind", models.CharField(max_length=100)),
                ("writer", models.CharField(blank=True, max_length=200)),
                ("is_folder", models.BooleanField(default=False)),
                ("version", models.BigIntegerField(default=0)),
                ("read_version", models.BigIntegerField(default=0)),
                ("link", models.CharField(blank=True, max_length=500)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("again_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("missing_at", models.DateTimeField(null=True)),
                ("is_gone", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="DriveFolder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("folder_id", models.CharField(max_length=200)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("drive_id", models.CharField(blank=True, max_length=200)),
                ("page_token", models.CharField(blank=True, max_length=200)),
                ("looked_at", models.DateTimeField(null=True, verbose_name="last looked at")),
                ("error", models.CharField(blank=True, max_length=500)),
                ("busy_until", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["name", "pk"],
            },
        ),
        migrations.AddField(
            model_name="note",
            name="source_id",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name="note",
            name="writer",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="reply",
            name="source_id",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name="reply",
            name="writer",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name="document",
            name="source",
            field=models.CharField(
                choices=[
                    ("upload", "Uploaded"),
                    ("folder", "A folder of this machine"),
                    ("api", "A program"),
                    ("drive", "Google Drive"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="version",
            index=models.Index(fields=["sha256"], name="version_by_text"),
        ),
        migrations.AddConstraint(
            model_name="note",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source_id", ""), _negated=True),
                fields=("document", "source_id"),
                name="one_note_of_a_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="reply",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source_id", ""), _negated=True),
                fields=("note", "source_id"),
                name="one_reply_of_a_source",
            ),
        ),
        migrations.AddField(
            model_name="driveaccount",
            name="connected_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="drivefile",
            name="document",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="drive_files",
                to="worklist.document",
            ),
        ),
        migrations.AddField(
            model_name="drivefolder",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="folders", to="worklist.driveaccount"
            ),
        ),
        migrations.AddField(
            model_name="drivefile",
            name="folder",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="files", to="worklist.drivefolder"
            ),
        ),
        migrations.AddConstraint(
            model_name="drivefolder",
            constraint=models.UniqueConstraint(fields=("account", "folder_id"), name="one_folder_of_an_account"),
        ),
        migrations.AddIndex(
            model_name="drivefile",
            index=models.Index(
                condition=models.Q(
                    ("is_folder", False),
                    ("missing_at", None),
                    models.Q(("read_version", models.F("version")), _negated=True),
                ),
                fields=["folder"],
                name="drive_file_to_be_read",
            ),
        ),
        migrations.AddIndex(
            model_name="drivefile",
            index=models.Index(
                condition=models.Q(("target_id", ""), _negated=True),
                fields=["folder", "target_id"],
                name="drive_file_by_target",
            ),
        ),
        migrations.AddConstraint(
            model_name="drivefile",
            constraint=models.UniqueConstraint(fields=("folder", "file_id"), name="one_file_of_a_folder"),
        ),
        migrations.RunPython(create_schedule, delete_schedule),
        migrations.RunPython(give, migrations.RunPython.noop),
    ]
