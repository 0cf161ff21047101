"""Damage is kept with how it was found, and backups follow each other by more than their times.

What was found until now stays said, as read: the next looks at the same objects settle it.
"""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def place(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """At their times; the next look at the storage compares them."""
    rows = apps.get_model("backups", "Generation").objects.using(editor.connection.alias)
    rows.update(placed=models.F("made"))
    for row in rows.exclude(damage=[]):
        row.evidence = {says.partition(" ")[0]: {"look": "read", "says": says} for says in row.damage}
        row.save(update_fields=["evidence"])


class Migration(migrations.Migration):
    dependencies = [("backups", "0012_empty_findings")]
    operations = [
        migrations.AddField("generation", "evidence", models.JSONField(blank=True, default=dict)),
        migrations.AddField("generation", "placed", models.DateTimeField(null=True)),
        migrations.RunPython(place, migrations.RunPython.noop),
        migrations.AlterField("generation", "placed", models.DateTimeField()),
        migrations.AlterModelOptions("generation", {"ordering": ["-placed", "-name"], "verbose_name": "backup"}),
        migrations.RemoveIndex("generation", "backups_gen_tier_bbb7d3_idx"),
        migrations.AddIndex("generation", models.Index(fields=["tier", "-placed"], name="backups_gen_tier_3d7669_idx")),
    ]
