from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publishing", "0010_trial_of_a_site"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="standing",
            field=models.JSONField(default=dict, editable=False),
        ),
    ]
