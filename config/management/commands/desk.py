"""The whole desk on this machine: web server and worker together, for trying Galley out and for developing it."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from articles.content.reading import decoding
from articles.models import Article
from articles.pipeline import transitions
from articles.providers import sdk
from config.roles import CHIEF_EDITORS, EDITORS
from config.supervision.supervisor import Supervisor
from config.supervision.worker import workers
from worklist import samples

SAMPLES = Path(settings.BASE_DIR) / "articles" / "samples"
PEOPLE = {"editor": EDITORS, "chief": CHIEF_EDITORS}


class Command(BaseCommand):
    help = "Migrate, make a sample editor and sample articles, and serve the desk with its worker. Needs GALLEY_DEBUG."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="on 127.0.0.1 (default: 8000)")

    def handle(self, *_: Any, port: int, **__: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("This command is for development only. Set GALLEY_DEBUG=true, or read docs/operator.md.")
        if not 0 < port < 65536:
            raise CommandError("A port is a number from 1 to 65535.")
        if not is_free(port):
            another = "GALLEY_DEBUG=true .venv/bin/python manage.py desk --port 8123"
            raise CommandError(f"Port {port} of 127.0.0.1 is taken. Stop what runs there, or say: {another}")
        call_command("migrate", verbosity=0)
        password = sample_people()
        sample_articles()
        samples.hand_in(*(User.objects.get(username=name) for name in PEOPLE))
        self.stdout.write(f"\nThe desk is at http://127.0.0.1:{port}/ for you alone. Log in as {' or '.join(PEOPLE)}, ")
        self.stdout.write(
            f"with the password {password} (unless you changed it).\n"
            "Ctrl-C ends it when the calls in hand have their answers; a second one at once. "
            f"What is saved stays in {settings.VAR_DIR}.\n\n"
        )
        self.stdout.flush()
        sdk.load()
        Supervisor([("web server", partial(serve, port)), *workers()]).run()


def serve(port: int) -> NoReturn:
    """Become the web server."""
    server = (sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--no-proxy-headers")
    os.execv(sys.executable, [*server, "--log-level", "warning", "--timeout-graceful-shutdown", "3"])  # noqa: S606


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def sample_people() -> str:
    """An editor and a chief editor, made once; their password, made for this folder, again on every start."""
    file = settings.VAR_DIR / "sample_password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    password = file.read_text()
    for name, group in PEOPLE.items():
        user, created = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        if created:
            user.groups.add(Group.objects.get(name=group))
            user.set_password(password)
            user.save(update_fields=["password"])
    return password


def sample_articles() -> None:
    """Two manuscripts for the first look. Deleted ones do not come back."""
    editor = User.objects.get(username="editor")
    if Article.objects.filter(owner=editor).exists():
        return
    for file in sorted(SAMPLES.glob("*.md")):
        text = decoding.decode(file.read_bytes())
        transitions.submit(Article(owner=editor, manuscript=text, manuscript_name=file.name))
