import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publishing", "0005_rights_on_publishing"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="encrypted_web_secret",
            field=models.TextField(blank=True, default="", editable=False),
        ),
        migrations.CreateModel(
            name="BrowserSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("login", models.CharField(max_length=64)),
                ("encrypted_state", models.TextField(editable=False)),
                ("kept_at", models.DateTimeField(auto_now=True)),
                (
                    "site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="browser_session",
                        to="publishing.site",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BrowserSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(max_length=200)),
                ("number", models.PositiveSmallIntegerField()),
                ("holder", models.CharField(blank=True, max_length=300)),
                ("until", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("host", "number"), name="one_slot_of_a_number")],
            },
        ),
    ]
