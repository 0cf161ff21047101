from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recovery", "0003_mail_schedule"),
    ]

    operations = [
        migrations.AddField(
            model_name="mail",
            name="told",
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AlterField(
            model_name="mail",
            name="kind",
            field=models.CharField(
                choices=[("at_once", "At once"), ("daily", "Daily"), ("backups", "About the backups")], max_length=10
            ),
        ),
    ]
