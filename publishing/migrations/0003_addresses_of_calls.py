"""What was sent to a site before was sent to the address that it has now, as far as anybody knows."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def note_addresses(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    using = editor.connection.alias
    calls = apps.get_model("articles", "Call").objects.using(using).filter(address="")
    for site in apps.get_model("publishing", "Site").objects.using(using):
        calls.filter(provider=f"wordpress:{site.pk}").update(address=site.url.rstrip("/"))


class Migration(migrations.Migration):
    dependencies = [("publishing", "0002_site_rebuilt_from"), ("articles", "0012_addresses_of_calls")]

    operations = [migrations.RunPython(note_addresses, migrations.RunPython.noop)]
