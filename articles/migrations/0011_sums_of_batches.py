from decimal import Decimal

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Count, DecimalField, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce


def add_up(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """What is there already: each batch gets what its articles have cost, and how many of its sections are written."""
    using = editor.connection.alias
    batch, article, section = (apps.get_model("articles", name) for name in ("Batch", "Article", "Section"))
    dollars = DecimalField(max_digits=12, decimal_places=6)
    spent = article.objects.filter(batch=OuterRef("pk")).order_by().values("batch").annotate(sum=Sum("spent"))
    done = section.objects.filter(batch=OuterRef("pk"), state="done").order_by().values("batch")
    batch.objects.using(using).update(
        spent=Coalesce(Subquery(spent.values("sum"), output_field=dollars), Decimal(0), output_field=dollars),
        written=Coalesce(Subquery(done.annotate(number=Count("pk")).values("number")), 0),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0010_facts_as_fields"),
    ]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="spent",
            field=models.DecimalField(decimal_places=6, default=0, editable=False, max_digits=12),
        ),
        migrations.AddField(
            model_name="batch",
            name="written",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(add_up, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="section",
            index=models.Index(
                condition=Q(batch__isnull=False), fields=["batch", "finished_at"], name="section_by_end"
            ),
        ),
    ]
