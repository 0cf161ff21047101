"""Publications that were asked for and have not ended, in the manifest of their article: lost with the database, they
come back by it (`recovery.rebuild.publications`).
"""

from __future__ import annotations

from typing import Any

from articles.models import Article, Stage, StageRecord
from articles.tree.manifest import destination_of, iso
from publishing.models import PublishTask


def told(*, article: Article, **_: Any) -> dict[str, Any]:
    """For what stands in `source` (two queries). (Receiver of `manifest.wanted`.)"""
    tasks = list(article.publish_tasks.open().select_related("site", "asked_by").order_by("pk"))
    if tasks and article.records.filter(stage=Stage.UPLOAD, state=StageRecord.State.DONE).exists():
        tasks = [task for task in tasks if task.site_id != article.site_id]  # that one is about to be noted as done
    return {"publish_tasks": [_told(task) for task in tasks]}


def _told(task: PublishTask) -> dict[str, Any]:
    """What somebody has said. How far it came is none of it: it begins anew with what is on the site."""
    waits = task.status == PublishTask.Status.IDLE
    return {
        **destination_of(task.site),
        "publisher": task.publisher,
        "options": task.options,
        "asked_by": task.asked_by.get_username() if task.asked_by else None,
        "created_at": iso(task.created_at),
        "status": PublishTask.Status.IDLE.value if waits else PublishTask.Status.PENDING.value,
        "was_done": task.was_done,
    }
