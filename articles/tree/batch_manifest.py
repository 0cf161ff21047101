"""What the manifest of a batch says: all that a person has set, and how it stands. Its articles have their own."""

from __future__ import annotations

from typing import Any

from articles.models import Batch
from articles.tree.manifest import SCHEMA, destination, dollars, iso


def build(batch: Batch) -> dict[str, Any]:
    """The manifest, read afresh from the row (one query). Raises Batch.DoesNotExist."""
    batch = Batch.objects.select_related("owner", "site").get(pk=batch.pk)
    return {
        "schema": SCHEMA,
        "batch": {
            "uid": batch.uid,
            "name": batch.name,
            "owner": batch.owner.get_username(),
            "created_at": iso(batch.created_at),
            "brief": batch.brief,
            "styles": batch.styles,
            "sections": batch.sections,
            "images_per_style": batch.images_per_style,
            "images_per_section": batch.images_per_section,
            "style": batch.style,
            "formatter": batch.formatter,
            "design": batch.design,
            **destination(batch),
            "budget": None if batch.budget is None else str(batch.budget),
            "state": batch.state,
            "reason": batch.reason,
            "spent": dollars(batch.spent),
            "reserved": dollars(batch.reserved),
            "open_costs": batch.open_costs,
            "started_at": iso(batch.started_at),
            "ended_at": iso(batch.ended_at),
        },
    }
