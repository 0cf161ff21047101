from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("articles", "0015_manifests_due")]

    operations = [migrations.RemoveField("batch", "written")]
