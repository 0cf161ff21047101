"""Publish an article from the shell."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from articles.errors import NotPossible
from articles.failures import Failure
from articles.models import Article
from backups.clocks import DESK
from publishing import publish_tasks
from publishing.models import PublishTask, Site, Way
from publishing.options import Options

POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Publish an article: a finished one at once, any other one when it comes so far. Exit codes: 0 asked for (with "
        "--wait: it is there); 1 it cannot be done, or with --wait: it has stopped; 2 wrong options."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("article", type=int, metavar="ARTICLE", help="its number")
        parser.add_argument("--site", metavar="NAME", help="left out: the site that it is for already")
        parser.add_argument("--by", choices=Way.values, default="", help="left out: as the site says")
        when = parser.add_mutually_exclusive_group()
        when.add_argument("--now", action="store_true", help="for readers, at once")
        when.add_argument("--draft", action="store_true", help="as a draft; left out: as its site wants its posts")
        when.add_argument("--at", metavar="TIME", help="for readers, at a time like 2026-12-24T18:00")
        parser.add_argument("--tags", help="separated by commas; left out: those of the site")
        parser.add_argument("--categories", help="beside those of the site, separated by commas")
        parser.add_argument("--author", help="name or login of a user of the site; left out: the one that signs in")
        parser.add_argument(
            "--accept-cost", action="store_true", help="where its backup is gone, pictures may be paid for again"
        )
        parser.add_argument("--wait", action="store_true", help="until it is there, or has stopped")
        parser.add_argument("--json", action="store_true", help="a line of JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        article = Article.objects.filter(pk=options["article"]).select_related("site").first()
        if article is None:
            raise CommandError(f"There is no article {options['article']}.")
        site = self._site(article, options)
        try:
            task, _is_new = publish_tasks.submit(
                article,
                site,
                None,
                publisher=options["by"],
                options=(site.wishes if site else Options()).but(_said(options)),
                may_cost=options["accept_cost"],
            )
        except NotPossible as exc:
            raise CommandError(str(exc)) from exc
        if options["wait"]:
            task = _followed(task)
        self._show(task, options["json"])
        if options["wait"] and task.status == PublishTask.Status.FAILED:
            raise SystemExit(1)

    def _site(self, article: Article, options: dict[str, Any]) -> Site | None:
        if options["by"] == Way.PREVIEW:
            return None
        if options["site"] is None:
            if article.site is None and options["by"]:
                raise CommandError("This article is for no site. Say which: --site NAME.")
            return article.site
        site = Site.objects.filter(name=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site “{options['site']}”. See: manage.py site list")
        return site

    def _show(self, task: PublishTask, as_json: bool) -> None:
        failure = Failure.read(task.failure) if task.failure else None
        if as_json:
            facts = {"task": task.pk, "article": task.article_id, "site": task.site and task.site.name}
            facts |= {"status": task.status, "progress": task.progress, "by": task.way, "link": task.link}
            self.stdout.write(orjson.dumps(facts | {"error": task.failure and task.failure["code"]}).decode())
            return
        self.stdout.write(f"{task}: {task.get_status_display().lower()}. {task.link}".rstrip())
        if failure:
            self.stdout.write(f"{failure.sentence}. Next: {failure.next}.")


def _said(options: dict[str, Any]) -> dict[str, Any]:
    """What was said, and nothing of what was not."""
    at = parse_datetime(options["at"]) if options["at"] else None
    if options["at"] and at is None:
        raise CommandError(f"“{options['at']}” is no time. Write it like 2026-12-24T18:00.")
    if at is not None and timezone.is_naive(at):
        at = timezone.make_aware(at, DESK.zone())
    when = {"publish_immediately": options["now"]} if options["now"] or options["draft"] else {}
    terms = {name: _names(options[name]) for name in ("tags", "categories") if options[name] is not None}
    author = {"author": options["author"]} if options["author"] else {}
    return {**when, **({"publish_at": at} if at else {}), **terms, **author}


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _followed(task: PublishTask) -> PublishTask:
    """The task as it is once it has ended."""
    while task.is_open:
        time.sleep(POLL_SECONDS)
        task = PublishTask.objects.select_related("article", "site").get(pk=task.pk)
    return task
