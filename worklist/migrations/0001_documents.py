import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import articles.models.choices


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("articles", "0022_rights_on_limits"),
        ("publishing", "0011_wishes_of_a_site"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Document",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "uid",
                    models.CharField(
                        default=articles.models.choices.new_uid, editable=False, max_length=32, unique=True
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("upload", "Uploaded"), ("folder", "A folder of this machine"), ("api", "A program")],
                        max_length=10,
                    ),
                ),
                ("source_id", models.CharField(default=articles.models.choices.new_uid, max_length=500)),
                ("folder", models.CharField(blank=True, max_length=200)),
                ("title", models.CharField(max_length=300)),
                ("has_own_title", models.BooleanField(default=False)),
                ("writer", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("to_evaluate", "To evaluate"),
                            ("to_confirm", "To confirm"),
                            ("to_review", "To review"),
                            ("to_revise", "To revise"),
                            ("to_rereview", "To re-review"),
                            ("ready_to_publish", "Ready to publish"),
                            ("published", "Published"),
                        ],
                        default="to_evaluate",
                        max_length=20,
                    ),
                ),
                ("since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="in this state since")),
                ("arrived_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="arrived")),
                ("due", models.DateField(blank=True, null=True)),
                ("text_hash", models.CharField(max_length=64)),
                ("source_hash", models.CharField(max_length=64)),
                ("offered_hash", models.CharField(blank=True, max_length=64)),
                ("approved_hash", models.CharField(blank=True, max_length=64)),
                ("approved_at", models.DateTimeField(null=True)),
                ("sent_hash", models.CharField(blank=True, max_length=64)),
                ("words", models.PositiveIntegerField(default=0)),
                ("gone_at", models.DateTimeField(null=True, verbose_name="gone from its source since")),
                ("let_go_at", models.DateTimeField(null=True, verbose_name="let go")),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "article",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="document",
                        to="articles.article",
                    ),
                ),
                (
                    "assignee",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="assigned_documents",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="publishing.publishtask",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "worklist",
                "ordering": ["since", "pk"],
                "permissions": [("approve_document", "Can confirm and approve documents")],
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "uid",
                    models.CharField(
                        default=articles.models.choices.new_uid, editable=False, max_length=32, unique=True
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("arrived", "arrived"),
                            ("moved", "moved"),
                            ("changed", "text changed"),
                            ("offered", "changed at its source"),
                            ("left", "change left out"),
                            ("unapproved", "approval ended"),
                            ("renamed", "renamed"),
                            ("assigned", "assigned"),
                            ("gone", "gone from its source"),
                            ("back", "back at its source"),
                            ("let_go", "let go"),
                            ("kept", "kept"),
                            ("sent", "sent to a site"),
                            ("stopped", "publication stopped"),
                            ("went_out", "published"),
                        ],
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "before",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("to_evaluate", "To evaluate"),
                            ("to_confirm", "To confirm"),
                            ("to_review", "To review"),
                            ("to_revise", "To revise"),
                            ("to_rereview", "To re-review"),
                            ("ready_to_publish", "Ready to publish"),
                            ("published", "Published"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "after",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("to_evaluate", "To evaluate"),
                            ("to_confirm", "To confirm"),
                            ("to_review", "To review"),
                            ("to_revise", "To revise"),
                            ("to_rereview", "To re-review"),
                            ("ready_to_publish", "Ready to publish"),
                            ("published", "Published"),
                        ],
                        max_length=20,
                    ),
                ),
                ("why", models.CharField(blank=True, max_length=1000)),
                ("text_hash", models.CharField(blank=True, max_length=64)),
                ("error", models.JSONField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="worklist.document"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "entries",
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "uid",
                    models.CharField(
                        default=articles.models.choices.new_uid, editable=False, max_length=32, unique=True
                    ),
                ),
                ("quotation", models.CharField(blank=True, max_length=500)),
                ("said", models.TextField(max_length=4000)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("resolved_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="worklist.document"
                    ),
                ),
                (
                    "resolved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Reply",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "uid",
                    models.CharField(
                        default=articles.models.choices.new_uid, editable=False, max_length=32, unique=True
                    ),
                ),
                ("said", models.TextField(max_length=4000)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "note",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="replies", to="worklist.note"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "replies",
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Version",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("name", models.CharField(blank=True, max_length=255)),
                ("manuscript", models.TextField()),
                ("title", models.CharField(max_length=300)),
                ("words", models.PositiveIntegerField(default=0)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="worklist.document"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("let_go_at", None)), fields=["state", "since", "id"], name="document_by_state"
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(condition=models.Q(("let_go_at", None)), fields=["folder"], name="document_by_folder"),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["assignee", "state"], name="document_by_person"),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.UniqueConstraint(fields=("source", "source_id"), name="one_document_of_a_source"),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=models.Q(("approved_at", None), ("approved_hash", models.F("text_hash")), _connector="OR"),
                name="approved_is_this_text",
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "ready_to_publish"), _negated=True),
                    ("approved_at__isnull", False),
                    _connector="OR",
                ),
                name="ready_is_approved",
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["document", "at"], name="entry_of_document"),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.UniqueConstraint(fields=("document", "sha256"), name="one_version_per_text"),
        ),
    ]
