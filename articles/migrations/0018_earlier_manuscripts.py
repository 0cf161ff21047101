"""An article may get another manuscript; the one before stays with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0017_keys_without_unseen_signs"),
    ]

    operations = [
        migrations.AddField("article", "earlier_manuscripts", models.JSONField(default=list, editable=False)),
    ]
