"""What stopped each attempt; of those before, what is stopped still is known."""

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, OuterRef, Subquery

SLICE = 500  # ids in a query


def note_causes(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    alias = editor.connection.alias
    articles = apps.get_model("articles", "Article").objects.using(alias)
    attempts = apps.get_model("articles", "Attempt").objects.using(alias).order_by()
    last = attempts.filter(outcome="stopped", article__status="failed", number=F("article__attempt"))
    cause = articles.filter(pk=OuterRef("article")).values("cause")[:1]
    ids = list(last.values_list("pk", flat=True))
    for start in range(0, len(ids), SLICE):
        attempts.filter(pk__in=ids[start : start + SLICE]).update(cause=Subquery(cause))


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0029_kept_pictures"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="cause",
            field=models.CharField(max_length=300, null=True),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("cause__isnull", False)), fields=["cause", "ended_at"], name="attempt_by_cause"
            ),
        ),
        migrations.RunPython(note_causes, migrations.RunPython.noop, elidable=True),
    ]
