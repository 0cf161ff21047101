from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publishing", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="rebuilt_from",
            field=models.CharField(blank=True, editable=False, max_length=300),
        ),
    ]
