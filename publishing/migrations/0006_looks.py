from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publishing", "0005_rights_on_publishing"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="hero",
            field=models.CharField(
                choices=[("featured", "On top, by the theme"), ("text", "In the text"), ("both", "Both")],
                default="featured",
                help_text="Where readers see it. Most themes show the featured image by themselves: then once is enough.",
                max_length=10,
                verbose_name="hero image",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="typography",
            field=models.CharField(
                choices=[("theme", "of the site's theme"), ("magazine", "of the magazine")],
                default="theme",
                help_text="Letters and sizes of the posts.",
                max_length=10,
            ),
        ),
    ]
