"""The sites that articles go to, from the shell. Secrets come on standard input and are never printed."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from articles.formats import count
from articles.models import Design
from publishing import secrets
from publishing.models import BrowserSession, Site
from publishing.trial.findings import Finding
from publishing.trial.trial import try_site
from publishing.trial.wording import MARKS, title, trouble, words


class Command(BaseCommand):
    help = "Add, list and test the WordPress sites that articles go to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="add a site; its password is read from standard input")
        add.add_argument("name")
        add.add_argument("--url", required=True)
        add.add_argument("--user", required=True)
        add.add_argument("--kind", choices=Site.Kind.values, default=Site.Kind.APP_PASSWORD)
        add.add_argument("--categories", default="", help="for every draft, separated by commas")
        add.add_argument("--design", choices=Design.values, default="", help="of articles that are to have no other")
        verbs.add_parser("list", help="list the sites").add_argument("--json", action="store_true")
        test = verbs.add_parser("test", help="see what publishing will meet at a site; nothing is changed there")
        test.add_argument("name")
        test.add_argument("--json", action="store_true", help="a line of JSON for each finding")
        verbs.add_parser("password", help="give a site another password, from standard input").add_argument("name")
        web = verbs.add_parser(
            "web-password", help="the password of a site's login page, from standard input; none: forget"
        )
        web.add_argument("name")
        verbs.add_parser("black-out", help="take the secrets of the desk out of what services and sites have said")
        verbs.add_parser("reencrypt", help="encrypt all secrets of the desk with the newest key")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        verbs: dict[str, Callable[..., None]] = {
            "add": self._add,
            "list": self._list,
            "test": self._test,
            "password": self._password,
            "web-password": self._web_password,
            "black-out": self._black_out,
            "reencrypt": self._reencrypt,
        }
        verbs[verb](**options)

    def _add(self, *, name: str, url: str, user: str, kind: str, categories: str, design: str, **_: Any) -> None:
        site = Site(name=name, url=url, user=user, kind=kind, categories=categories, design=design)
        site.secret = _secret()
        try:
            site.full_clean()
        except ValidationError as exc:
            raise CommandError(
                " ".join(f"{field}: {' '.join(dict.fromkeys(said))}" for field, said in exc.message_dict.items())
            ) from exc
        site.save()
        if site.in_clear:
            self.stderr.write(site.in_clear)
        self.stdout.write(f'Added site "{site}". Try it: manage.py site test "{site}"')

    def _list(self, *, json: bool, **_: Any) -> None:
        for site in Site.objects.all():
            facts = {"name": site.name, "url": site.url, "user": site.user, "kind": site.kind}
            self.stdout.write(orjson.dumps(facts).decode() if json else "  ".join(facts.values()))
        if not json and not Site.objects.exists():
            self.stdout.write("There are no sites yet. Add one: manage.py site add NAME --url URL --user USER")

    def _test(self, *, name: str, json: bool, **_: Any) -> None:
        trial = try_site(_named(name), by_browser=True)
        trial.keep()
        for finding in trial.findings:
            if json:
                self.stdout.write(orjson.dumps({**finding.saved(), **words(trial.site, finding)._asdict()}).decode())
            else:
                self._say(trial.site, finding)
        if not trial.works:
            raise CommandError(f'Site "{trial.site}" does not work: {trouble(trial)}')
        if not json:
            site = trial.site
            self.stdout.write(f'User "{site.user}" can write drafts and upload pictures at {site.url}.')

    def _say(self, site: Site, finding: Finding) -> None:
        said = words(site, finding)
        self.stdout.write(f"{MARKS[finding.state]} {title(finding) + ':':16} {said.sentence}")
        if said.advice:
            self.stdout.write(f"{'':18} {said.advice}")

    def _password(self, *, name: str, **_: Any) -> None:
        site = _named(name)
        site.secret, site.closed_ways = _secret(), {}  # what was closed to the old one may be open
        site.save(update_fields=["encrypted_secret", "closed_ways"])
        self.stdout.write(f'Site "{site}" has a new password.')

    def _web_password(self, *, name: str, **_: Any) -> None:
        site = _named(name)
        site.web_secret = _typed()
        site.save(update_fields=["encrypted_web_secret"])
        known = "has a new password for its login page" if site.encrypted_web_secret else "has none for its login page"
        self.stdout.write(f'Site "{site}" {known}.')

    def _black_out(self, **_: Any) -> None:
        done = secrets.black_out_rows()
        self.stdout.write(f"Blacked out secrets in {count(done, 'row')}." if done else "No row holds a secret.")

    def _reencrypt(self, **_: Any) -> None:
        done, unreadable = secrets.reencrypt_all()
        self.stdout.write(f"Encrypted {count(done, 'secret')} with the newest key.")
        lost = [row for row in unreadable if not isinstance(row, BrowserSession)]  # which is made anew by itself
        if lost:
            raise CommandError(
                "With the present keys nobody can read the secret of "
                f"{', '.join(f'{row._meta.verbose_name} “{row}”' for row in lost)}. Enter it again in the desk; "
                "of a site also by manage.py site password NAME"
            )


def _named(name: str) -> Site:
    site = Site.objects.filter(name=name).first()
    if site is None:
        raise CommandError(f'There is no site "{name}".')
    return site


def _secret() -> str:
    secret = _typed()
    if not secret:
        raise CommandError("Give the password on standard input.")
    return secret


def _typed() -> str:
    """One line from standard input; at a terminal it is not shown."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
