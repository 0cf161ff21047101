"""The people of the desk, from the shell. Passwords come on standard input and are never printed."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from config.roles import CHIEF_EDITORS, EDITORS

ROLES = {"editor": EDITORS, "chief": CHIEF_EDITORS}


class Command(BaseCommand):
    help = "Add and list the people who may log in at the desk."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="add a person; the password is read from standard input")
        add.add_argument("name", help="with which this person logs in")
        add.add_argument("--role", choices=[*ROLES, "superuser"], required=True)
        add.add_argument("--email", default="", help="where mail about stopped articles goes")
        verbs.add_parser("list", help="list the people, with their roles")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        {"add": self._add, "list": self._list}[verb](**options)

    def _add(self, *, name: str, role: str, email: str, **_: Any) -> None:
        everything = role == "superuser"
        person = User(username=name, email=email, is_staff=True, is_superuser=everything)
        try:
            person.clean_fields(exclude=["password"])
            person.validate_unique()
            password = _password()
            validate_password(password, person)
        except ValidationError as exc:
            raise CommandError(" ".join(exc.messages)) from exc
        groups = [] if everything else list(Group.objects.filter(name=ROLES[role]))
        if not groups and not everything:
            raise CommandError(
                f"There is no group “{ROLES[role]}” here any more. Make it in the desk, or choose another role."
            )
        person.set_password(password)
        with transaction.atomic():
            person.save()
            person.groups.set(groups)
        self.stdout.write(f"{name} may log in.")

    def _list(self, **_: Any) -> None:
        for person in User.objects.prefetch_related("groups").order_by("username"):
            said = "superuser" if person.is_superuser else ", ".join(group.name for group in person.groups.all())
            at_the_desk = "" if person.is_active and person.is_staff else ", may not log in at the desk"
            self.stdout.write(f"{person.username}: {said or 'no role'}{at_the_desk}")


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
