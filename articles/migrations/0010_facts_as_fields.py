"""Providers by ids that nobody edits, failures as fields: what was written in words before goes on under them."""

from collections.abc import Callable
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

IDS = {
    "The text service": "text",
    "The picture service": "pictures",
    "Claude": "layout",
    "The backup storage": "storage",
    "The database": "database",
    "Galley": "galley",
}
ROWS = 500  # in one statement
# What an action ended in, the longest first, and what a person does then.
ENDINGS = [
    (", then press Recover: only what is missing is made", "what_is_missing"),
    (" and press Recover, or hand in a manuscript", "recover_or_manuscript"),
    ("; press Recover to try once more", "once_more"),
    (", then hand it in again", "hand_in"),
    (", then press Recover", "recover"),
    ("press Recover to have it made again", "remake"),
    ("press Recover to ask again", "ask_again"),
    ("press Recover", "recover"),
]


def provider_id(name: str, site_id: int | None) -> str:
    if name == "WordPress" or name.startswith("WordPress "):
        return f"wordpress:{site_id}" if site_id else "wordpress"
    return IDS.get(name, name)


def as_fields(error: dict[str, Any], site_id: int | None) -> dict[str, Any]:
    """An error as it is kept now."""
    if "then" in error:
        return error
    reason, action = str(error.get("reason", "")), str(error.get("action", ""))
    mend, then = action, "nothing"
    for ending, meaning in ENDINGS:
        if action.endswith(ending):
            mend, then = action.removesuffix(ending), meaning
            break
    return {
        "kind": error.get("kind", ""),
        "provider": provider_id(str(error.get("provider", "")), site_id),
        "reason": f"{{it}}{reason[2:]}" if reason.startswith("it ") else reason,
        "mend": mend,
        "then": then,
        "code": error.get("code", ""),
        "detail": error.get("detail", ""),
        "thing": error.get("thing", ""),
        "stage": error.get("stage", ""),
    }


def new_cause(cause: str) -> str:
    """`WordPress|upload|login|3` is `wordpress:3|upload|login|3` now."""
    name, bar, rest = cause.partition("|")
    site = rest.rpartition("|")[2]
    return f"{provider_id(name, int(site) if site.isdigit() else None)}{bar}{rest}"


def convert(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    using = editor.connection.alias

    def rows(app: str, model: str) -> Any:
        return apps.get_model(app, model)._default_manager.using(using)

    calls, paces = rows("articles", "Call"), rows("articles", "Pace")
    sites = list(rows("publishing", "Site").values_list("pk", "name"))
    for name, id_ in [*IDS.items(), *((f"WordPress {name}", f"wordpress:{pk}") for pk, name in sites)]:
        calls.filter(provider=name).update(provider=id_)
        paces.filter(provider=name).update(provider=id_)
    for pk, _ in sites:  # their names have changed since
        renamed = calls.filter(provider__startswith="WordPress ", article__site=pk)
        renamed.update(provider=f"wordpress:{pk}")

    with_error = {"error__isnull": False}
    _convert(rows("articles", "Article").filter(**with_error), ["error", "cause"], lambda row: row.site_id)
    _convert(calls.filter(**with_error).select_related("article"), ["error"], lambda row: row.article.site_id)
    sections = rows("articles", "Section").filter(**with_error).select_related("article")
    _convert(sections, ["error"], lambda row: row.article.site_id)
    for batch in rows("articles", "Batch").exclude(cause="").only("cause"):
        batch.cause = new_cause(batch.cause)
        batch.save(update_fields=["cause"])
    for pace in paces.filter(reason__startswith="it "):
        pace.reason = f"{{it}}{pace.reason[2:]}"
        pace.save(update_fields=["reason"])


def _convert(found: Any, fields: list[str], site_of: Callable[[Any], int | None]) -> None:
    """Row by row, some at a time, by their keys: rows that are read anew are not met twice."""
    last = 0
    while some := list(found.filter(pk__gt=last).order_by("pk")[:ROWS]):
        for row in some:
            row.error = as_fields(row.error, site_of(row))
            if "cause" in fields and row.cause:
                row.cause = new_cause(row.cause)
        found.model._default_manager.using(found.db).bulk_update(some, fields)
        last = some[-1].pk


class Migration(migrations.Migration):
    dependencies = [("articles", "0009_mail_about_backups"), ("publishing", "0001_initial")]
    operations = [
        migrations.AddField("event", "provider", models.CharField(blank=True, max_length=100)),
        migrations.RunPython(convert, migrations.RunPython.noop),
    ]
