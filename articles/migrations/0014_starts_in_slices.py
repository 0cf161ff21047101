"""A start in slices, articles that go on alone, and what an article was cancelled with."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, OuterRef

TOO_LONG = "This has %(show_value)d characters; at most %(limit_value)d characters are possible."


def tell_apart(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """A batch that was cancelled has cancelled those articles after itself; the others somebody had cancelled before."""
    articles = apps.get_model("articles", "Article").objects.using(editor.connection.alias)
    batches = apps.get_model("articles", "Batch").objects.using(editor.connection.alias).filter(state="cancelled")
    for batch, ended_at in batches.filter(ended_at__isnull=False).values_list("pk", "ended_at"):
        cancelled = articles.filter(batch=batch, status="cancelled", ended_at__gte=ended_at)
        cancelled.update(cancelled_with="batch")


def open_attempts(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Articles that waited when their batch was paused lack the attempt that they will become."""
    using = editor.connection.alias
    articles, attempts = (apps.get_model("articles", name).objects.using(using) for name in ("Article", "Attempt"))
    is_open = attempts.filter(article=OuterRef("pk"), number=None, ended_at=None)
    lacking = articles.filter(batch__isnull=False, status="draft").filter(~Exists(is_open))
    attempts.bulk_create(
        (attempts.model(article_id=pk, why="retried") for pk in lacking.values_list("pk", flat=True)), batch_size=500
    )


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("articles", "0013_unknown_costs"),
    ]

    operations = [
        migrations.AddField(
            model_name="article",
            name="alone",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="article",
            name="cancelled_with",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "nothing: somebody cancelled this one"),
                    ("batch", "its batch"),
                    ("list", "its line, which was taken out of the list"),
                ],
                default="",
                editable=False,
                max_length=10,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="batch",
            name="starting",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="batch",
            name="starting_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="brief",
            field=models.TextField(
                help_text="What each section is about. {style}, {section} and {number} stand for the words of its lines, "
                "and so does the name of every further column.",
                validators=[MaxLengthValidator(5000, f"{TOO_LONG} Shorten it.")],
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="sections",
            field=models.TextField(
                help_text="The sections of every article, in their order: a line each, or CSV.",
                validators=[MaxLengthValidator(1_000_000, f"{TOO_LONG} Make several batches of it.")],
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="styles",
            field=models.TextField(
                help_text="One article each: a line each, or CSV with a first line that names the columns.",
                validators=[MaxLengthValidator(1_000_000, f"{TOO_LONG} Make several batches of it.")],
            ),
        ),
        migrations.RunPython(tell_apart, migrations.RunPython.noop),
        migrations.RunPython(open_attempts, migrations.RunPython.noop),
    ]
