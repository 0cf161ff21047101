from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publishing", "0009_execution_log"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="trial",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
    ]
