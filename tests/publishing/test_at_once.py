"""Two people and two programs ask for the same publication at the same moment: it is one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.installation import Installation
from tests.services import postgres

AT_ONCE = """
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from django.contrib.auth.models import Group, User
from django.db import connection
from publishing.models import PublishTask
from tests.desk import as_
from tests.publishing.conftest import new_site
from tests.publishing.desk.test_publish_views import ASK, choice
from tests.publishing.nearly_done import nearly_done
from tests.publishing.test_api import submit, with_token_of

ada, together = User.objects.get(username="ada"), Barrier(4)
ada.groups.add(Group.objects.get(name="Editors"))
chief = User.objects.create_user("chief")
chief.groups.add(Group.objects.get(name="Chief editors"))
User.objects.update(is_staff=True)
site = new_site("http://127.0.0.1:9", publisher="hybrid")
articles = [nearly_done(ada, site, f"Harbours {number}") for number in range(6)]

def found(make, user):
    client = make(user)
    client.defaults["SERVER_NAME"] = "localhost"
    return client

def person(user):
    client, said = found(as_, user), []
    for article in articles:
        page = client.get(ASK, {"ids": article.pk}).content.decode()
        together.wait(60)
        said.append(client.post(ASK, choice(page, confirmed="yes")).status_code)
    connection.close()
    return said

def program(user):
    client, said = found(with_token_of, user), []
    for article in articles:
        together.wait(60)
        said.append(submit(client, article).status_code)
    connection.close()
    return said

with ThreadPoolExecutor(4) as team:
    asked = [team.submit(ask, user) for ask in (person, program) for user in (ada, chief)]
    said = [each.result() for each in asked]
print("=>" + json.dumps({"people": said[:2], "programs": said[2:], "of": [
    [task.status for task in PublishTask.objects.filter(article=article)] for article in articles
]}))
"""


@pytest.mark.dealt(4)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_four_who_ask_at_once_have_one_task(database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        galley = Installation(tmp_path / "desk")
        galley.folder.mkdir()
        if database == "postgres":
            if reason := postgres.available():
                pytest.skip(reason)
            galley.settings["DATABASE_URL"] = stack.enter_context(postgres.postgres(tmp_path))
        galley.prepare()
        told = json.loads(galley.manage("shell", "--verbosity", "0", "-c", AT_ONCE).stdout.rpartition("=>")[2])
    assert told["of"] == [["idle"]] * 6
    assert told["people"] == [[302] * 6] * 2, "all are led to it"
    assert {status for said in told["programs"] for status in said} <= {200, 202}
