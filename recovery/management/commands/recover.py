"""Finish articles that stopped, from the shell: by number, by owner, or from the manifest of a tree alone."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils.timesince import timesince

from articles.failures import Failure, report, saved_phrases
from articles.management.follow_article import follow_article
from articles.models import Article, Batch, Stage
from articles.pipeline import transitions
from articles.providers.errors import ProviderError
from backups.trees.tree import MANIFEST, TreeError
from publishing.models import Site
from recovery.plan import Options, Plan, Total, plan
from recovery.rebuild import strangers
from recovery.rebuild.article import rebuild

NOTHING_TO_DO = 3


class Command(BaseCommand):
    help = (
        "Finish articles that stopped. Exit codes: 0 done what was asked (with --wait: the article is done); "
        "1 it cannot be done, or with --wait: it stopped again; 2 wrong options; 3 there is nothing to recover."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--list-all", action="store_true", help="list every article that stopped")
        which.add_argument("--user-id", type=int, metavar="N", help="the latest stopped article of this user")
        which.add_argument("--article", type=int, metavar="ID", help="this article")
        which.add_argument("--manifest", metavar="PATH-OR-KEY", help="the article of this tree, database or not")
        parser.add_argument("--unsigned", action="store_true", help=strangers.OPTION)
        parser.add_argument("--formatter", choices=Article.Formatter.values, help="who lays the page out this time")
        parser.add_argument("--from-stage", choices=Stage.values, help="do this stage and all after it anew")
        parser.add_argument("--site", metavar="NAME", help="send it to this site")
        parser.add_argument("--dry-run", action="store_true", help="show the plan and its cost, do nothing")
        parser.add_argument("--wait", action="store_true", help="show its progress until it is done or stops")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each article")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["list_all"]:
            return self._list(options["json"])
        article = self._article(options)
        if not article.can_recover:
            self.stderr.write(f"“{article}” is {article.get_status_display().lower()}: there is nothing to recover.")
            sys.exit(NOTHING_TO_DO)
        planned = _planned(article, options)
        self._show(planned, options["json"])
        if options["dry_run"]:
            return None
        if not transitions.resume(article, None, planned.work):
            raise CommandError("Somebody else has just recovered this article.")
        if options["wait"]:
            self._wait(article, options["json"])
        return None

    def _list(self, as_json: bool) -> None:
        stopped = Article.objects.filter(status=Article.Status.FAILED).select_related("owner")
        if not stopped.exists():
            self.stderr.write("No article has stopped.")
            sys.exit(NOTHING_TO_DO)
        for article in stopped.prefetch_related("records", "images").iterator(chunk_size=500):
            told = report(article)
            if as_json:
                facts = {"id": article.pk, "title": str(article), "owner": article.owner.get_username()}
                facts |= {"stage": (article.error or {}).get("stage"), "code": (article.error or {}).get("code")}
                facts |= {"reason": told.reason, "next": told.next, "saved": saved_phrases(article)}
                self.stdout.write(orjson.dumps(facts | {"backup": article.tree_prefix}).decode())
            else:
                age = timesince(article.ended_at) if article.ended_at else "some time"
                self.stdout.write(f"{article.pk}  “{article}” of {article.owner}, {age} ago: {told.headline}")
                self.stdout.write(f"    {told.reason}. Next: {told.next}. Saved: {told.saved}.")

    def _article(self, options: dict[str, Any]) -> Article:
        if options["manifest"]:
            return self._rebuilt(options["manifest"], options["unsigned"])
        if options["article"]:
            found = Article.objects.filter(pk=options["article"]).first()
            missing = f"There is no article {options['article']}."
        else:
            if not User.objects.filter(pk=options["user_id"]).exists():
                raise CommandError(f"There is no user {options['user_id']}.")
            found = Article.objects.filter(owner=options["user_id"], status=Article.Status.FAILED).first()
            missing = ""
        if found is None and missing:
            raise CommandError(missing)
        if found is None:
            self.stderr.write("No article of this user has stopped.")
            sys.exit(NOTHING_TO_DO)
        return found

    def _rebuilt(self, path_or_key: str, unsigned: bool) -> Article:
        try:
            rebuilt = rebuild(prefix_of(path_or_key), unsigned=unsigned)
        except TreeError as exc:
            raise CommandError(str(exc)) from exc
        except ProviderError as exc:
            raise CommandError(f"{Failure.of(exc).sentence}.") from exc
        for sentence in rebuilt.lacking:
            self.stderr.write(f"{sentence} It is made again.")
        if rebuilt.new:
            self.stderr.write(f"Rebuilt “{rebuilt.article}” as article {rebuilt.article.pk}.")
        if not rebuilt.is_ours:
            self.stderr.write(strangers.TAKEN)
        return rebuilt.article

    def _show(self, planned: Plan, as_json: bool) -> None:
        article = planned.article
        if as_json:
            facts = {"id": article.pk, "title": str(article), "reused": planned.reused, "damaged": planned.damaged}
            cost = planned.cost.dollars
            facts |= {"again": planned.work.again, "calls": planned.calls, "unknown_costs": planned.cost.unknown}
            facts |= {"cost": None if cost is None else f"{cost:.4f}"}
            self.stdout.write(orjson.dumps(facts | {"seconds": planned.seconds}).decode())
        else:
            self.stdout.write(f"“{article}”: {Total([planned]).summary}")
            if article.batch and article.batch.state in (Batch.State.PAUSED, Batch.State.CANCELLED):
                state = article.batch.get_state_display().lower()
                self.stdout.write(f"Its batch “{article.batch}” is {state} and stays so: this article alone goes on.")

    def _wait(self, article: Article, as_json: bool) -> None:
        article.refresh_from_db()
        article = follow_article(article)
        if as_json:
            outcome = {"id": article.pk, "status": article.status, "link": article.address, "error": article.error}
            self.stdout.write(orjson.dumps(outcome).decode())
        if article.status != Article.Status.DONE:
            raise CommandError(str(report(article)) if article.error else "The article was cancelled.")
        self.stdout.write(f"Done: “{article}”, {article.address}") if not as_json else None


def _planned(article: Article, options: dict[str, Any]) -> Plan:
    site_id = None
    if options["site"]:
        site = Site.objects.filter(name=options["site"]).first()
        if site is None:
            raise CommandError(f'There is no site "{options["site"]}". Add it: manage.py site add')
        site_id = site.pk
    stage = Stage(options["from_stage"]) if options["from_stage"] else None
    try:
        return plan(article, Options(stage, options["formatter"] or "", site_id))
    except ProviderError as exc:
        raise CommandError(f"{Failure.of(exc).sentence}.") from exc


def prefix_of(path_or_key: str) -> str:
    """The tree's prefix: the last two folders of a path to a tree or to its manifest."""
    parts = Path(path_or_key).parts
    if parts and parts[-1] == MANIFEST:
        parts = parts[:-1]
    return "/".join(parts[-2:])
