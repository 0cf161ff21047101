from decimal import Decimal

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Case, Count, DecimalField, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

DOLLARS = DecimalField(max_digits=12, decimal_places=6)
PAID = ("text", "layout", "pictures")  # services that charge for a call
# The dearest there are: of a token that is read, of one that is written, of a call that does not say, of a picture.
READ, WRITTEN, CALL, PICTURE = Decimal("0.000010"), Decimal("0.000050"), Decimal("1.65"), Decimal("0.03")


def reserve(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Calls that are there already and do not say what they cost counted as nothing: they get the most it may be."""
    calls = apps.get_model("articles", "Call").objects.using(editor.connection.alias)
    silent = Q(input_tokens=0, output_tokens=0)
    calls.filter(silent, provider__in=PAID, cost=0).update(cost=None)
    unknown = Q(cost=None, answer__isnull=False) | Q(lost_answers__gt=0) | Q(state="intent", sends__gt=0)
    of_tokens = F("input_tokens") * Value(READ) + F("output_tokens") * Value(WRITTEN)
    most = Case(
        When(provider="pictures", then=Value(PICTURE)),
        When(silent, then=Value(CALL)),
        default=of_tokens,
        output_field=DOLLARS,
    )
    calls.filter(unknown, provider__in=PAID).update(reserved=most)


def add_up(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Each batch gets what the calls of its articles say; what it noted of articles that were deleted stays."""
    using = editor.connection.alias
    batches, articles, calls = (
        apps.get_model("articles", n).objects.using(using) for n in ("Batch", "Article", "Call")
    )
    sums = calls.filter(article__batch__isnull=False).order_by().values_list("article__batch")
    noted = dict(articles.filter(batch__isnull=False).order_by().values_list("batch").annotate(Sum("spent")))
    for batch, spent, reserved, number in sums.annotate(Sum("cost"), Sum("reserved"), Count("reserved")).iterator():
        batches.filter(pk=batch).update(
            spent=F("spent") + (spent or Decimal(0)) - noted[batch],
            reserved=reserved or Decimal(0),
            open_costs=number,
        )
    of_article = calls.filter(article=OuterRef("pk")).order_by().values("article").annotate(sum=Sum("cost"))
    spent_by = Coalesce(Subquery(of_article.values("sum"), output_field=DOLLARS), Decimal(0), output_field=DOLLARS)
    articles.filter(batch__isnull=False).update(spent=spent_by)


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0012_addresses_of_calls"),
    ]

    operations = [
        migrations.AddField(
            model_name="call",
            name="reserved",
            field=models.DecimalField(decimal_places=6, max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name="batch",
            name="reserved",
            field=models.DecimalField(decimal_places=6, default=0, editable=False, max_digits=12),
        ),
        migrations.AddField(
            model_name="batch",
            name="open_costs",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(reserve, migrations.RunPython.noop),
        migrations.RunPython(add_up, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(condition=Q(state="intent"), fields=["article"], name="call_without_answer"),
        ),
    ]
