"""Signs without width are no part of a name any more: rows that were made with them keep being found by their lines."""

from functools import reduce
from operator import or_

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q

# As `articles.batches.lists` leaves them out from this version on.
UNSEEN = [
    *("\u200b", "\u200e", "\u200f", "\u2060", "\ufeff", "\u00ad", "\u180e"),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
]
# Within what a key tells rows apart.
KEYS = [("Batch", "key", "owner"), ("Article", "batch_key", "batch"), ("Section", "key", "article")]


def strip(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """A row whose twin has the name already keeps the key that it has."""
    for model, field, within in KEYS:
        rows = apps.get_model("articles", model).objects.using(editor.connection.alias)
        has_some = reduce(or_, (Q(**{f"{field}__contains": sign}) for sign in UNSEEN))
        for pk, key, place in list(rows.filter(has_some).values_list("pk", field, f"{within}_id")):
            seen = " ".join(key.translate(dict.fromkeys(map(ord, UNSEEN))).split())
            if seen and not rows.filter(**{field: seen, f"{within}_id": place}).exists():
                rows.filter(pk=pk).update(**{field: seen})


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0016_no_number_written"),
    ]

    operations = [migrations.RunPython(strip, migrations.RunPython.noop)]
