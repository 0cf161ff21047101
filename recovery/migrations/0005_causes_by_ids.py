"""The causes of stops and mails, by the ids of providers, as the articles have them now."""

from importlib import import_module

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

new_cause = import_module("articles.migrations.0010_facts_as_fields").new_cause


def convert(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    for model in ("Stop", "Mail"):
        rows = apps.get_model("recovery", model)._default_manager.using(editor.connection.alias)
        for cause in list(rows.exclude(cause="").order_by().values_list("cause", flat=True).distinct()):
            rows.filter(cause=cause).update(cause=new_cause(cause))


class Migration(migrations.Migration):
    dependencies = [("recovery", "0004_mail_about_backups"), ("articles", "0010_facts_as_fields")]
    operations = [migrations.RunPython(convert, migrations.RunPython.noop)]
