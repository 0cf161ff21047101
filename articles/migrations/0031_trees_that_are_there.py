"""Retention counts the trees that should be there, by an index of these alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0030_causes_of_attempts"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="article",
            index=models.Index(
                condition=models.Q(tree_expired_at=None), fields=["tree_expired_at"], name="article_with_tree"
            ),
        ),
    ]
