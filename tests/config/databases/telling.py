"""A process of its own, over a database and its standby: what pages ask whom, whatever happens to the standby.

Says on its output what it saw, as JSON. STANDBY_PID names the standby's process.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.contrib.auth.models import User  # noqa: E402  Django first
from django.db import connections  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402

from articles.models import Article  # noqa: E402
from config.databases.standby import STANDBY, look  # noqa: E402

PATIENCE = 60  # seconds
# Whose clock a page goes by belongs to the session and the rights, of which the first one is asked.
TELLS = re.compile(
    r'SELECT (?:(?! FROM ).)* FROM "(?:articles(?!_preferences")|publishing|insights|worklist)_', re.DOTALL
)
LIST, INSIGHTS = "admin:articles_article_changelist", "admin:insights"


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def get(client: Client, name: str) -> tuple[int, int, list[str]]:
    """The status; how many queries the standby had; what the first one was asked that only tells."""
    with CaptureQueriesContext(connections["default"]) as first, CaptureQueriesContext(connections[STANDBY]) as standby:
        status = client.get(reverse(name)).status_code
    return status, len(standby), [query["sql"] for query in first if TELLS.match(query["sql"])]


def titles(client: Client) -> bool:
    return b"Written meanwhile" in client.get(reverse(LIST)).content


def main() -> dict[str, object]:
    setup_test_environment()
    person = User.objects.create_superuser("chief", password="a long password")
    client = Client()
    client.force_login(person)
    until(look.may_be_read)
    seen: dict[str, object] = {"insights": get(client, INSIGHTS), "list": get(client, LIST)}

    with connections[STANDBY].cursor() as cursor:
        cursor.execute("SELECT pg_wal_replay_pause()")
    Article.objects.create(owner=person, idea="an idea", title="Written meanwhile")
    with override_settings(GALLEY_STANDBY_LAG=2):
        until(lambda: not look.may_be_read() and (look.seconds or 0) > 2)
        seen["behind"] = titles(client)
    with connections[STANDBY].cursor() as cursor:
        cursor.execute("SELECT pg_wal_replay_resume()")
    until(lambda: look.may_be_read() and look.seconds == 0)
    seen["again"] = (titles(client), get(client, LIST)[1] > 0)

    client.post(reverse("admin:articles_article_add"), {})
    seen["after a change"] = get(client, LIST)[1]
    client.cookies.pop("galley_wrote")

    os.kill(int(os.environ["STANDBY_PID"]), signal.SIGQUIT)  # all its connections break off
    until(lambda: not look.may_be_read())
    seen["gone"] = (titles(client), get(client, INSIGHTS)[0], look.seconds)
    return seen


if __name__ == "__main__":
    print(json.dumps(main()))  # noqa: T201  what it is for
