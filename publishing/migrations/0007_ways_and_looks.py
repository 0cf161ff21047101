from django.db import migrations, models

import publishing.models.site


class Migration(migrations.Migration):
    dependencies = [
        ("publishing", "0006_browser_sessions_and_slots"),
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
        migrations.AlterField(
            model_name="publishtask",
            name="publisher",
            field=models.CharField(
                choices=[
                    ("hybrid", "The best way that works"),
                    ("rest", "REST API"),
                    ("xmlrpc", "XML-RPC"),
                    ("playwright", "Browser"),
                    ("preview", "A page at the desk"),
                ],
                max_length=20,
                verbose_name="way",
            ),
        ),
        migrations.AlterField(
            model_name="publishtask",
            name="way",
            field=models.CharField(
                blank=True,
                choices=[
                    ("hybrid", "The best way that works"),
                    ("rest", "REST API"),
                    ("xmlrpc", "XML-RPC"),
                    ("playwright", "Browser"),
                    ("preview", "A page at the desk"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="site",
            name="publisher",
            field=models.CharField(
                choices=[
                    ("hybrid", "The best way that works"),
                    ("rest", "REST API"),
                    ("xmlrpc", "XML-RPC"),
                    ("playwright", "Browser"),
                ],
                default="hybrid",
                help_text="Where nobody says otherwise. The best way is tried first, another one where it is closed.",
                max_length=20,
                verbose_name="way",
            ),
        ),
        migrations.AlterField(
            model_name="site",
            name="ways",
            field=models.CharField(
                default="rest, xmlrpc, playwright",
                help_text="Which is tried first where the best one is wanted, and which when that is closed, by commas.",
                max_length=100,
                validators=[publishing.models.site.is_order],
                verbose_name="order of the ways",
            ),
        ),
    ]
