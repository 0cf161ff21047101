"""What is known of the second storage, beside what is known of the first; and a schedule that copies there."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

NAME = "Galley: copy to the second storage"
HOURS = "q_options={'timeout': 14400}"
STORAGE = models.CharField(choices=[("first", "First"), ("second", "Second")], default="first", max_length=10)


def create_schedule(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Without a second storage it does nothing."""
    schedules = apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias)
    defaults = {"func": "backups.tasks.copy", "schedule_type": "H", "repeats": -1, "kwargs": HOURS}
    schedules.get_or_create(name=NAME, defaults=defaults)


def delete_schedule(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("django_q", "Schedule").objects.using(editor.connection.alias).filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("backups", "0014_kits_and_trees"), ("django_q", "0018_task_success_index")]
    operations = [
        migrations.CreateModel(
            name="Copy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tier", models.CharField(max_length=20, unique=True)),
                ("at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.TextField(blank=True)),
                ("left", models.JSONField(blank=True, default=list)),
            ],
        ),
        migrations.CreateModel(
            name="TreeCopy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prefix", models.CharField(max_length=200, unique=True)),
                ("since", models.DateTimeField(default=timezone.now)),
                ("copied_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("copied_at", None)), fields=["since"], name="trees_to_copy")
                ]
            },
        ),
        migrations.AddField(model_name="generation", name="storage", field=STORAGE.clone()),
        migrations.AddField(model_name="verification", name="storage", field=STORAGE.clone()),
        migrations.AddField(model_name="drill", name="storage", field=STORAGE.clone()),
        migrations.RemoveConstraint(model_name="generation", name="one_row_per_generation"),
        migrations.AddConstraint(
            model_name="generation",
            constraint=models.UniqueConstraint(fields=("tier", "storage", "name"), name="one_row_per_generation"),
        ),
        migrations.RemoveIndex(model_name="generation", name="backups_gen_tier_3d7669_idx"),
        migrations.AddIndex(
            model_name="generation",
            index=models.Index(fields=["tier", "storage", "-placed"], name="backups_gen_tier_c5a934_idx"),
        ),
        migrations.RunPython(create_schedule, delete_schedule),
    ]
