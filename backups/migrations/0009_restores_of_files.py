"""Restores of files, which lie on one machine, and undos of both tiers."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("backups", "0008_watched"),
    ]

    operations = [
        migrations.AddField(
            model_name="restore",
            name="began",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="restore",
            name="failures",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="restore",
            name="folder",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="restore",
            name="home",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="restore",
            name="journal",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="restore",
            name="machine",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="restore",
            name="source",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="restore",
            name="tier",
            field=models.CharField(
                choices=[("files", "Files"), ("database", "Database")], default="database", max_length=20
            ),
        ),
        migrations.AddField(
            model_name="restore",
            name="undoes",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="undos",
                to="backups.restore",
            ),
        ),
        migrations.AlterField(
            model_name="restore",
            name="state",
            field=models.CharField(
                choices=[
                    ("comparing", "Comparing"),
                    ("shown", "Nothing has changed yet"),
                    ("confirmed", "Begins in a moment"),
                    ("restoring", "Restoring"),
                    ("done", "Restored"),
                    ("partly", "Restored in part"),
                    ("failed", "Not restored"),
                ],
                default="comparing",
                max_length=20,
            ),
        ),
    ]
