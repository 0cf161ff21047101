from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0008_rights_on_backups"),
    ]

    operations = [
        migrations.AlterField(
            model_name="preferences",
            name="stop_mail",
            field=models.CharField(
                choices=[("at_once", "at once"), ("daily", "once a day"), ("never", "never")],
                default="at_once",
                help_text="Articles that stop for one reason come in one mail. Chief editors hear of the backups so, too.",
                max_length=10,
                verbose_name="mail when an article stops",
            ),
        ),
    ]
