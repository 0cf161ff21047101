"""Trees that were removed from the first storage on purpose; differences of restores by article."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("backups", "0015_second_storage")]

    operations = [
        migrations.AddField(
            model_name="treecopy", name="removed_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(model_name="restore", name="groups", field=models.JSONField(default=list, db_default=[])),
    ]
