"""When a restore came into its state; uploads that nobody could count; manifests that nobody could read."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("backups", "0007_watch_schedule")]
    operations = [
        migrations.AddField(
            model_name="restore",
            name="moved_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="verification",
            name="unusable",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AlterField(
            model_name="look",
            name="unfinished",
            field=models.PositiveBigIntegerField(null=True),
        ),
    ]
