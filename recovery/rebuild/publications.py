"""Publications that were asked for when the database was lost: onto which site, how, by whom, when."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from articles.models import Article
from articles.tree.schema import Destination, Manifest, Moment, UserName
from backups.trees.tree import TreeError
from publishing.api import OptionsIn
from publishing.models import PublishTask, Way
from recovery.rebuild.content import moment
from recovery.rebuild.people import owner_of, site_of

ENDED = (Article.Status.DONE, Article.Status.CANCELLED)


class WishesPart(OptionsIn):
    """Within the bounds of the door by which they came; what a later version knows besides is left out."""

    model_config = ConfigDict(extra="ignore")
    over: str = Field("", max_length=64)


class TaskPart(Destination):
    publisher: str = Field(pattern=rf"\A(?:{'|'.join(Way.values)})\Z")
    options: WishesPart
    asked_by: UserName | None = None
    created_at: Moment
    status: Literal["idle", "pending"]
    was_done: bool = False


PARTS = TypeAdapter(list[TaskPart])


def make_tasks(article: Article, manifest: Manifest) -> None:
    """As they were asked for, of an article that has not ended. What is here already stays. Raises TreeError."""
    said = manifest.source.publish_tasks
    if article.status in ENDED:
        return
    for part, raw in zip(_believed(said), said, strict=True):
        site, at = site_of(part), moment(part.created_at)
        if at is None or article.publish_tasks.filter(created_at=at).exists():
            continue
        if article.publish_tasks.open().filter(site=site).exists():
            continue
        known = part.options.model_dump(mode="json", exclude_unset=True)
        PublishTask.objects.create(
            article=article,
            site=site,
            publisher=part.publisher,
            options={name: value for name, value in raw["options"].items() if name in known},
            asked_by=owner_of(part.asked_by) if part.asked_by else None,
            created_at=at,
            status=part.status,
            was_done=part.was_done,
        )


def _believed(said: list[dict[str, Any]]) -> list[TaskPart]:
    try:
        return PARTS.validate_python(said)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TreeError(f"The publications in the manifest cannot be used: {where}: {first['msg']}.") from exc
