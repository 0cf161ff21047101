"""The page *Changes*: for chief editors, newest first, found by its address; and as CSV that computes nothing."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.acting import Actor, Door, acting
from audit.models import Change, ChangeQuerySet
from config import housekeeping
from publishing.models import Site
from tests.desk import HOSTILE, as_, text
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db
PAGE, CSV = "/admin/changes/", "/admin/changes.csv"
ADA = Actor(Door.PERSON, "ada")


def noted(number: int, **fields: Any) -> None:
    """Rows as the triggers write them."""
    first = {"door": "person", "who": "ada", "model": "publishing.Site", "row": "3", "name": "Magazine"}
    what = first | {"deed": "changed", "field": "user", "before": "u", "after": "w", "at": timezone.now()} | fields
    rows = [Change(uid=f"{what['who']}{what['at']:%f%S%j}-{n}"[-32:], **what) for n in range(number)]
    super(ChangeQuerySet, Change.objects.all()).bulk_create(rows)


def forgotten() -> None:
    """What making the people of a test has left."""
    Change.forget(timezone.now() + timedelta(days=1))


def test_it_is_for_chief_editors(editor: User, chief: User) -> None:
    assert {as_(editor).get(page).status_code for page in (PAGE, CSV)} == {403}
    assert PAGE not in as_(editor).get("/admin/").content.decode()
    assert {as_(chief).get(page).status_code for page in (PAGE, CSV)} == {200}
    assert PAGE in as_(chief).get("/admin/").content.decode()
    assert as_(chief).post(PAGE).status_code in (200, 405)
    assert as_(chief).get("/admin/audit/change/").status_code == 404


def test_a_sentence_each_the_newest_first(chief: User) -> None:
    forgotten()
    assert "Nothing has changed yet." in text(as_(chief).get(PAGE))
    with acting(lambda: ADA):
        site = new_site("https://a.example.org")
        Site.objects.filter(pk=site.pk).update(time_limit=90)
        site.secret = "another"
        site.save()
        Group.objects.get(name="Editors").permissions.clear()
    said = text(as_(chief).get(PAGE))
    assert f"ada changed “longest request” of the site “{site}”" in said
    assert "1 → became 90" in said
    assert f"ada changed the secret of the site “{site}”" in said
    assert "What it is stands nowhere." in said
    assert "(permissions) from the group “Editors”" in said
    assert said.index("(permissions) from") < said.index("longest request") < said.index("made the site")


def test_it_is_searched_by_its_address(chief: User) -> None:
    forgotten()
    old = datetime(2026, 1, 5, 12, tzinfo=UTC)
    noted(1, who="ben", name="First")
    noted(1, name="Second", model="auth.User", field="is_superuser", before="0", after="1")
    noted(1, name="Third", at=old, door="command", through="site", deed="deleted", field="")

    def shown(query: str) -> set[str]:
        said = text(as_(chief).get(f"{PAGE}?{query}"))
        return {name for name in ("First", "Second", "Third") if f"“{name}”" in said}

    assert shown("") == {"First", "Second", "Third"}
    assert shown("who=ben") == {"First"}
    assert shown("what=auth.User") == {"Second"}
    assert shown("deed=deleted") == {"Third"}
    assert shown("door=command") == {"Third"}
    assert shown("until=2026-01-05") == {"Third"}
    assert shown("since=2026-01-06") == {"First", "Second"}
    assert shown("q=ECO") == {"Second"}
    for nonsense in ("who=nobody", "since=yesterday", "what=x", "who=ben&deed=deleted"):
        assert shown(nonsense) == set()
        assert "No change like this was noted." in text(as_(chief).get(f"{PAGE}?{nonsense}"))


def test_ten_thousand_cost_no_more_queries_than_ten(chief: User) -> None:
    noted(60)
    client, costs = as_(chief), []
    for more in (0, 10_000):
        noted(more, who="ben")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = client.get(f"{PAGE}?who=ada&p=2")
        assert page.status_code == 200
        costs.append(len(asked))
    assert costs[0] == costs[1] <= 10


def test_a_page_has_fifty_and_an_index(chief: User) -> None:
    forgotten()
    noted(120)
    said = as_(chief).get(f"{PAGE}?who=ada&p=2").content.decode()
    assert said.count("<li>\n    <p>") == 50
    assert "51 to 100 of" in text(as_(chief).get(f"{PAGE}?who=ada&p=2"))
    plan = Change.objects.filter(who="ada")[:50].explain()
    assert "change_by_person" in plan


def test_what_others_have_chosen_is_words_in_the_page_and_in_the_csv(chief: User) -> None:
    forgotten()
    noted(1, name=HOSTILE, before="=HYPERLINK(1)", after=HOSTILE, why="+cmd")
    assert HOSTILE not in as_(chief).get(PAGE).content.decode()
    lines = list(csv.reader(io.StringIO(as_(chief).get(CSV).content.decode())))
    assert lines[0][:3] == ["When", "How", "Who"]
    assert lines[1][6] == HOSTILE
    assert (lines[1][9], lines[1][11]) == ("'=HYPERLINK(1)", "'+cmd")


def test_the_csv_is_what_the_page_shows(chief: User) -> None:
    noted(3, who="ben")
    lines = as_(chief).get(f"{CSV}?who=ben").content.decode().splitlines()
    assert len(lines) == 4


def test_values_are_words(chief: User) -> None:
    forgotten()
    noted(1, model="auth.User", name="ben", field="is_superuser", before="false", after="1")
    noted(1, model="articles.DeskSettings", name="desk", field="limit_day", before="", after="12.500000")
    noted(1, model="config.Token", name="t", field="expires_at", before="2026-11-29 10:00:00+00", after="")
    noted(1, model="gone.Model", name="x", field="what_was", before="1", after="2", door="outside", who="postgres")
    said = text(as_(chief).get(PAGE))
    for words in ("off → became on", "nothing → became 12.5", "29 Nov 2026, 10:00 UTC → became nothing"):
        assert words in said
    assert "Somebody past the desk, as postgres of the database, changed “what was” of the gone.Model “x”" in said


def test_what_is_old_enough_goes(settings: Any) -> None:
    forgotten()
    now = timezone.now()
    noted(3, at=now - timedelta(days=31))
    noted(2, at=now - timedelta(days=29))
    settings.GALLEY_AUDIT_KEEP_DAYS = 0
    housekeeping.remove_what_ended(now)
    assert Change.objects.count() == 5
    settings.GALLEY_AUDIT_KEEP_DAYS = 30
    housekeeping.remove_what_ended(now)
    assert Change.objects.count() == 2
