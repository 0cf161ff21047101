"""How often words stand in titles, for PostgreSQL to know: it took any word for one that hardly any article has, and read
all publications of the many that have it before it could say which are the newest.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAME = "words_of_titles"


def count(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(f"CREATE STATISTICS {NAME} ON (UPPER(title)) FROM articles_article")  # as `icontains` asks
        editor.execute("ANALYZE articles_article")


def forget(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(f"DROP STATISTICS IF EXISTS {NAME}")


class Migration(migrations.Migration):
    dependencies = [("articles", "0028_time_zones"), ("insights", "0003_size_of_pictures")]

    operations = [migrations.RunPython(count, forget)]
