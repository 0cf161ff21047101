"""Hand in an article from the shell: what the form in the desk does."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from articles.content.reading import encodings
from articles.content.reading.decoding import Unclear
from articles.failures import report
from articles.handing_in.submit_form import SubmitForm
from articles.management.follow_article import follow_article
from articles.models import Article, Design


class Command(BaseCommand):
    help = "Hand in an idea or a manuscript. Exits 0 when it is handed in; with --wait, only when the article is done."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", required=True, metavar="NAME", help="the user whose article it is")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--idea", metavar="TEXT", help="what the article should be about")
        source.add_argument(
            "--manuscript", metavar="FILE", type=Path, help="a finished text: .docx, .txt, .md or .html"
        )
        parser.add_argument(
            "--encoding", default="", metavar="NAME", help="in which that file is: utf-8, mac-roman, cp850 …"
        )
        parser.add_argument("--long", action="store_true", help="write an idea section by section, after an outline")
        parser.add_argument("--style", default="", help="the writing style, for an idea")
        parser.add_argument(
            "--site", default="", metavar="NAME", help="the WordPress it goes to; without: a preview page"
        )
        parser.add_argument(
            "--formatter", default="auto", choices=Article.Formatter.values, help="who lays the page out"
        )
        parser.add_argument(
            "--design", default="", choices=Design.values, help="how the page is drawn; without: as the site wants it"
        )
        parser.add_argument("--byline", metavar="TEXT", help="printed above the text: By Ada Byron, 12 March")
        parser.add_argument(
            "--at",
            default="",
            metavar="TIME",
            help="begin then, in the desk's time: 2026-11-24T09:00",
        )
        parser.add_argument("--wait", action="store_true", help="show its progress until it is done or stops")
        parser.add_argument("--json", action="store_true", help="print the outcome as one line of JSON")

    def handle(self, *_: Any, wait: bool, json: bool, **options: Any) -> None:
        article = self._submitted(**options)
        if wait:
            article = follow_article(article)
        self._tell(article, json)
        if wait and article.status != Article.Status.DONE:
            raise CommandError(
                str(report(article)) if article.error else f"The article was {article.get_status_display().lower()}."
            )

    def _submitted(self, *, owner: str, idea: str | None, manuscript: Path | None, **options: Any) -> Article:
        user = User.objects.filter(username=owner).first()
        if user is None:
            raise CommandError(f'There is no user "{owner}".')
        sites = Article._meta.get_field("site").related_model._default_manager
        if options["site"] and not sites.filter(name=options["site"]).exists():
            raise CommandError(f'There is no site "{options["site"]}". See them: manage.py site list')
        data = {name: options[name] for name in ("style", "formatter", "design", "site")}
        data |= {} if options["byline"] is None else {"byline": options["byline"]}
        data |= {"idea": idea or "", "is_long": options["long"], "scheduled_at": options["at"]}
        form = SubmitForm(data, user=user, site_by_name=True)
        if manuscript is not None:
            form.take_manuscript(*_read(manuscript), _encoding(options["encoding"]))
        if not form.is_valid() and form.unclear:
            raise CommandError(_question(form.unclear))
        if not form.is_valid():
            raise CommandError(" ".join(str(error) for errors in form.errors.values() for error in errors))
        return form.submit()

    def _tell(self, article: Article, as_json: bool) -> None:
        if as_json:
            facts = {
                "id": article.pk,
                "title": str(article),
                "status": article.status,
                "backup": article.tree_prefix,
            }
            self.stdout.write(orjson.dumps(facts | {"link": article.address, "error": article.error}).decode())
        elif article.status == Article.Status.DONE:
            self.stdout.write(f"Done: “{article}”, {article.address}, backup {article.tree_prefix}")
        elif article.is_moving:
            self.stdout.write(f"Handed in: “{article}”, number {article.pk}, backup {article.tree_prefix}")


def _read(file: Path) -> tuple[str, bytes]:
    try:
        return file.name, file.read_bytes()
    except OSError as exc:
        raise CommandError(f"{file} cannot be read: {exc.strerror}.") from exc


def _encoding(name: str) -> str:
    found = encodings.known(name)
    if name and not found:
        raise CommandError(f'There is no encoding "{name}".')
    return found


def _question(unclear: Unclear) -> str:
    readings = "\n".join(f"  --encoding {each.encoding}: {' / '.join(each.first_lines)}" for each in unclear.readings)
    return f"The file does not say in which encoding it is. Say which of these reads right, or another:\n{readings}"
