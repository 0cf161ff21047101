"""Rights on what a backup's version of the desk did not have.

Migrations have given them to the groups of a fresh desk. A backup of before knows nothing of them, and would take them
away: nobody could do what is new, until somebody missed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


@dataclass(frozen=True)
class NewRights:
    """By group, as a fresh desk has them."""

    of: Mapping[str, list[Permission]]

    def give(self) -> list[str]:
        """Give them to the groups of these names. Returns a sentence for each group."""
        said = []
        for name, rights in self.of.items():
            named = ", ".join(sorted(f"{each.content_type.app_label}.{each.codename}" for each in rights))
            group = Group.objects.filter(name=name).first()
            if group is None:
                said.append(f"Rights that are new since this backup, as there is no group {name}: {named}.")
            else:
                group.permissions.add(*rights)
                said.append(f"{name} has rights that are new since this backup, as on a new desk: {named}.")
        return said


def new_rights(migrations: Mapping[str, str]) -> NewRights:
    """Those that this desk has now, and that the version with these last migrations, by app, did not know."""
    known = _rights(_state(migrations))
    of: dict[str, list[Permission]] = {}
    for group in Group.objects.order_by("name"):
        rights = group.permissions.select_related("content_type")
        new = [each for each in rights if (each.content_type.app_label, each.codename) not in known]
        if new:
            of[group.name] = new
    return NewRights(of)


def _state(migrations: Mapping[str, str]) -> ProjectState:
    """The models of then. What is later than ours has all of ours."""
    loader = MigrationLoader(None)
    nodes = [node for node in migrations.items() if node in loader.graph.nodes]
    later = migrations.keys() - {app for app, _ in nodes}
    return loader.project_state(nodes + [node for node in loader.graph.leaf_nodes() if node[0] in later])


def _rights(state: ProjectState) -> set[tuple[str, str]]:
    """App and code name of each."""
    found = set()
    for (app, model), each in state.models.items():
        ours = each.options.get("default_permissions", ("add", "change", "delete", "view"))
        found |= {(app, f"{action}_{model}") for action in ours}
        found |= {(app, codename) for codename, _ in each.options.get("permissions", ())}
    return found
