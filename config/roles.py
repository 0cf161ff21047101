"""The two groups of people at the desk. Made once after the first migration; from then on they are the operator's."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

EDITORS, CHIEF_EDITORS = "Editors", "Chief editors"
# Deleted is only what was never started.
BATCHES = ("add_batch", "view_batch", "change_batch", "delete_batch")
# Tasks are kept as a record.
PUBLISHING = ("add_publishtask", "view_publishtask", "change_publishtask")
WORKLIST = ("add_document", "view_document", "change_document")
DRIVES = ("add_driveaccount", "view_driveaccount", "change_driveaccount", "delete_driveaccount")
RIGHTS = {
    EDITORS: {
        "articles": [
            "add_article",
            "view_article",
            "change_article",
            *BATCHES,
            "view_preferences",
            "change_preferences",
        ],
        "publishing": ["view_site", *PUBLISHING],
        "worklist": [*WORKLIST, "view_driveaccount"],
    },
    CHIEF_EDITORS: {
        "articles": [
            *("add_article", "view_article", "change_article", "delete_article", "touch_every_article"),
            *BATCHES,
            *("view_preferences", "change_preferences"),
            *("view_desksettings", "change_desksettings"),
        ],
        "publishing": ["add_site", "view_site", "change_site", "delete_site", *PUBLISHING],
        "worklist": [*WORKLIST, "approve_document", *DRIVES],
        "webhooks": ["add_webhook", "view_webhook", "change_webhook", "delete_webhook", "view_delivery"],
        "backups": ["view_generation", "change_generation"],
        "audit": ["view_change"],
    },
}


def create_groups(using: str, **_: Any) -> None:
    """Make the groups that do not exist yet, with their permissions."""
    for name, rights in RIGHTS.items():
        group, created = Group.objects.using(using).get_or_create(name=name)
        if not created:
            continue
        for app_label, codenames in rights.items():
            create_permissions(apps.get_app_config(app_label), verbosity=0, using=using)
            found = Permission.objects.using(using).filter(content_type__app_label=app_label, codename__in=codenames)
            group.permissions.add(*found)
