"""What is on its way to sites, and what became of it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from articles.failures import Failure
from publishing.models import PublishTask


class Command(BaseCommand):
    help = "List publish tasks, the newest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--status", choices=PublishTask.Status.values)
        parser.add_argument("--limit", type=int, default=20, metavar="N", help="how many at most (20)")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each")

    def handle(self, *_: Any, status: str | None, limit: int, json: bool, **__: Any) -> None:
        tasks = PublishTask.objects.select_related("article", "site").defer("article__html", "article__manuscript")
        if status:
            tasks = tasks.filter(status=status)
        for task in tasks[: max(limit, 0)]:
            failure = Failure.read(task.failure) if task.failure else None
            if json:
                facts = {"task": task.pk, "article": task.article_id, "site": task.site and task.site.name}
                facts |= {"status": task.status, "progress": task.progress, "by": task.way, "link": task.link}
                self.stdout.write(orjson.dumps(facts | {"error": task.failure and task.failure["code"]}).decode())
            else:
                said = f"{task.pk}  {task}: {task.get_status_display().lower()}, {task.progress} %"
                self.stdout.write(f"{said}. {failure.sentence}." if failure else f"{said}.")
