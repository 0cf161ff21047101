"""What is remembered of the recovery kit and of damaged trees; and old backups go by themselves, where no one has kept them so far."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAME = "Galley: remove old backups"


def create_schedule(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Switched off where there are backups already: whoever has them decides."""
    alias = editor.connection.alias
    has_some = apps.get_model("backups", "Generation").objects.using(alias).exists()
    defaults = {"func": "backups.tasks.remove_old", "schedule_type": "D", "repeats": 0 if has_some else -1}
    apps.get_model("django_q", "Schedule").objects.using(alias).get_or_create(name=NAME, defaults=defaults)


def delete_schedule(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias).filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("backups", "0013_evidence_and_places"), ("django_q", "0018_task_success_index")]
    operations = [
        migrations.CreateModel(
            name="Kit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("printed_at", models.DateTimeField()),
                ("marks", models.JSONField(default=dict)),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="DamagedTree",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prefix", models.CharField(max_length=200, unique=True)),
                ("at", models.DateTimeField()),
                ("says", models.JSONField(default=list)),
            ],
            options={"ordering": ["-at", "prefix"]},
        ),
        migrations.AlterField(model_name="verification", name="tier", field=models.CharField(max_length=20)),
        migrations.RunPython(create_schedule, delete_schedule),
    ]
