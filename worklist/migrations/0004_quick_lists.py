"""Indexes of which a list reads its part, however many documents there are."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0024_designs"),
        ("publishing", "0013_designs"),
        ("worklist", "0003_google_drive"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="document",
            name="document_by_state",
        ),
        migrations.RemoveIndex(
            model_name="document",
            name="document_by_folder",
        ),
        migrations.RemoveIndex(
            model_name="document",
            name="document_by_person",
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("let_go_at", None)),
                fields=["state", "since", "id", "title"],
                name="document_by_state",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("let_go_at", None)),
                fields=["folder", "state", "since", "id", "title"],
                name="document_by_folder",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("let_go_at", None)),
                fields=["assignee", "state", "since", "id", "title"],
                name="document_by_person",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("let_go_at__isnull", False)),
                fields=["state", "since", "id", "title"],
                name="document_let_go",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("let_go_at", None)), fields=["id", "since", "title"], name="document_in_order"
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("let_go_at", None), models.Q(("state", "published"), _negated=True)),
                fields=["assignee", "due", "since", "id", "state"],
                name="document_for_person",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(
                    ("let_go_at", None),
                    models.Q(("state", "published"), _negated=True),
                    models.Q(("offered_hash", ""), _negated=True),
                ),
                fields=["id"],
                name="document_offered",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(
                    ("let_go_at", None), models.Q(("state", "published"), _negated=True), ("gone_at__isnull", False)
                ),
                fields=["id"],
                name="document_gone",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(
                    ("let_go_at", None), models.Q(("state", "published"), _negated=True), ("due__isnull", False)
                ),
                fields=["due"],
                name="document_by_day",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["source", "arrived_at", "gone_at"], name="document_by_source"),
        ),
    ]
