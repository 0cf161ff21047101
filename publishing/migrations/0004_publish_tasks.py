from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import publishing.models.site


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0019_published_again"),
        ("publishing", "0003_addresses_of_calls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="closed_ways",
            field=models.JSONField(default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="site",
            name="publisher",
            field=models.CharField(
                choices=[("hybrid", "The best way that works"), ("rest", "REST API"), ("xmlrpc", "XML-RPC")],
                default="hybrid",
                help_text="Where nobody says otherwise. The best way is tried first, another one where it is closed.",
                max_length=20,
                verbose_name="way",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="ways",
            field=models.CharField(
                default="rest, xmlrpc",
                help_text="Which is tried first where the best one is wanted, and which when that is closed, by commas.",
                max_length=100,
                validators=[publishing.models.site.is_order],
                verbose_name="order of the ways",
            ),
        ),
        migrations.CreateModel(
            name="PublishTask",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "publisher",
                    models.CharField(
                        choices=[
                            ("hybrid", "The best way that works"),
                            ("rest", "REST API"),
                            ("xmlrpc", "XML-RPC"),
                            ("preview", "A page at the desk"),
                        ],
                        max_length=20,
                        verbose_name="way",
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("hybrid", "The best way that works"),
                            ("rest", "REST API"),
                            ("xmlrpc", "XML-RPC"),
                            ("preview", "A page at the desk"),
                        ],
                        max_length=20,
                    ),
                ),
                ("turns", models.JSONField(default=list)),
                ("options", models.JSONField(default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("idle", "Waits for its article"),
                            ("pending", "Waits for its turn"),
                            ("initializing", "Beginning"),
                            ("logging_in", "Signing in"),
                            ("uploading_images", "Uploading pictures"),
                            ("creating_post", "Writing the post"),
                            ("configuring_seo", "Search engines"),
                            ("publishing", "Publishing"),
                            ("completed", "Completed"),
                            ("failed", "Stopped"),
                        ],
                        default="idle",
                        max_length=20,
                    ),
                ),
                ("current_step", models.CharField(blank=True, max_length=60)),
                ("completed_steps", models.PositiveSmallIntegerField(default=0)),
                ("total_steps", models.PositiveSmallIntegerField(default=0)),
                (
                    "progress",
                    models.PositiveSmallIntegerField(
                        default=0, validators=[django.core.validators.MaxValueValidator(100)]
                    ),
                ),
                ("retry_count", models.PositiveSmallIntegerField(default=0)),
                ("error", models.JSONField(null=True)),
                ("cancelled", models.BooleanField(default=False)),
                ("kept", models.JSONField(default=list)),
                ("cost", models.DecimalField(decimal_places=6, default=Decimal("0"), max_digits=12)),
                ("post_id", models.PositiveBigIntegerField(null=True)),
                ("link", models.CharField(blank=True, max_length=500)),
                ("was_done", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="asked for")),
                ("started_at", models.DateTimeField(null=True)),
                ("completed_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "article",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="publish_tasks", to="articles.article"
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tasks",
                        to="publishing.site",
                    ),
                ),
            ],
            options={
                "verbose_name": "publication",
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="SubmitKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=100)),
                ("asked", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "task",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="publishing.publishtask"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="publishtask",
            index=models.Index(fields=["-created_at", "-id"], name="task_newest"),
        ),
        migrations.AddIndex(
            model_name="publishtask",
            index=models.Index(fields=["status", "-created_at"], name="task_by_status"),
        ),
        migrations.AddIndex(
            model_name="publishtask",
            index=models.Index(fields=["article", "-id"], name="task_of_article"),
        ),
        migrations.AddConstraint(
            model_name="publishtask",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["completed", "failed"]), _negated=True),
                fields=("article", "site"),
                name="one_open_task_per_site",
            ),
        ),
        migrations.AddConstraint(
            model_name="publishtask",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("site__isnull", True), models.Q(("status__in", ["completed", "failed"]), _negated=True)
                ),
                fields=("article",),
                name="one_open_preview_task",
            ),
        ),
        migrations.AddConstraint(
            model_name="publishtask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "failed"), _negated=True),
                    ("error__isnull", False),
                    ("cancelled", True),
                    _connector="OR",
                ),
                name="task_failed_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="submitkey",
            constraint=models.UniqueConstraint(fields=("user", "key"), name="one_submit_per_key"),
        ),
    ]
