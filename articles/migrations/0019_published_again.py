from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0018_earlier_manuscripts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="attempt",
            name="why",
            field=models.CharField(
                choices=[
                    ("submitted", "Handed in"),
                    ("recovered", "Recovered"),
                    ("retried", "Tried again by itself"),
                    ("interrupted", "Went on after an interruption"),
                    ("published", "Published again"),
                ],
                max_length=12,
            ),
        ),
    ]
