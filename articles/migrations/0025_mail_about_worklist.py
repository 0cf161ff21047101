"""Whether somebody wants mail about the worklist."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0024_designs"),
    ]

    operations = [
        migrations.AddField(
            model_name="preferences",
            name="worklist_mail",
            field=models.BooleanField(
                default=True,
                help_text="What is handed to you there, and what comes back to you: gathered for a quarter of an hour.",
                verbose_name="mail about the worklist",
            ),
        ),
    ]
