"""What stopped the articles that have stopped already."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def note_causes(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    articles = apps.get_model("articles", "Article").objects.using(editor.connection.alias)
    for article in articles.filter(status="failed", cause="").only("error", "site_id").iterator():
        error = article.error or {}
        site = article.site_id if error.get("stage") == "upload" else None
        article.cause = (
            f"{error.get('provider', '')[:100]}|{error.get('stage', '')}|{error.get('code', '')}|{site or ''}"
        )
        article.save(update_fields=["cause"])


class Migration(migrations.Migration):
    dependencies = [("articles", "0003_causes_schedule_and_mail")]
    operations = [migrations.RunPython(note_causes, migrations.RunPython.noop)]
