"""The storage knows what is handed in before the first run: what it does not know yet is due."""

import uuid

import django.utils.timezone
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

import articles.models.choices


def mark(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Every batch, and each article that is not finished: their manifests say less than they do now, or are not there."""
    using = editor.connection.alias
    batches, articles = (apps.get_model("articles", name).objects.using(using) for name in ("Batch", "Article"))
    for batch in batches.only("pk").iterator():
        batches.filter(pk=batch.pk).update(uid=uuid.uuid4().hex, manifest_due=timezone.now())
    articles.exclude(status="done").update(manifest_due=timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0014_starts_in_slices"),
    ]

    operations = [
        migrations.AddField("article", "manifest_due", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("batch", "manifest_due", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("batch", "uid", models.CharField(editable=False, max_length=32, null=True)),
        migrations.RunPython(mark, migrations.RunPython.noop),
        migrations.AlterField(
            "article",
            "manifest_due",
            models.DateTimeField(default=django.utils.timezone.now, editable=False, null=True),
        ),
        migrations.AlterField(
            "batch",
            "manifest_due",
            models.DateTimeField(default=django.utils.timezone.now, editable=False, null=True),
        ),
        migrations.AlterField(
            "batch",
            "uid",
            models.CharField(default=articles.models.choices.new_uid, editable=False, max_length=32, unique=True),
        ),
        migrations.AddIndex(
            "article",
            models.Index(condition=models.Q(manifest_due__isnull=False), fields=["manifest_due"], name="article_due"),
        ),
    ]
