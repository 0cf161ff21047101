"""In which time zone somebody reads."""

from django.db import migrations, models

import articles.models.preferences


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0027_own_pictures"),
    ]

    operations = [
        migrations.AddField(
            model_name="preferences",
            name="time_zone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="By its clock you type and read times, here and in mails. Days of limits and sums are the desk's.",
                max_length=64,
                validators=[articles.models.preferences.is_zone],
            ),
        ),
        migrations.AlterField(
            model_name="article",
            name="scheduled_at",
            field=models.DateTimeField(
                blank=True, help_text="When work on it begins. Empty: at once.", null=True, verbose_name="begin"
            ),
        ),
    ]
