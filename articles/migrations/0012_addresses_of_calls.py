from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("articles", "0011_sums_of_batches")]

    operations = [migrations.AddField("call", "address", models.CharField(blank=True, max_length=300))]
