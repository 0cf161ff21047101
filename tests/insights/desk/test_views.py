"""The page *Insights*: what it draws stands in its tables, and nobody sees what is of others."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from articles.models import CostRecord, Event
from insights import storage
from insights.desk import charts, tables
from insights.desk.tables import FORMULAS, Table
from insights.rollups import days
from tests.conftest import HandIn
from tests.desk import HOSTILE, as_, text
from tests.insights.api.test_monitoring import task
from tests.insights.test_comparison import calls, publications
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db
PAGE = "/admin/insights/"


def paid(cost: str, day: date | None = None, **fields: Any) -> CostRecord:
    what = {"article": "a", "key": "text", "stage": "article", "provider": "text", "answered": True}
    return CostRecord.objects.create(**what | fields, cost=cost, day=day or timezone.localdate())


def test_the_page_says_what_was_paid_and_how_publications_did(hand_in: HandIn, editor: User, chief: User) -> None:
    paid("0.25", model="gpt-5-mini", owner=editor)
    paid("400", model="dear", owner=chief)
    now = timezone.now()
    task(hand_in(), created_at=now, started_at=now, completed_at=now + timedelta(seconds=9))

    mine, theirs = (text(as_(who).get(PAGE)) for who in (editor, chief))

    assert "$0.25 this month" in mine
    assert "1 of 1 publication completed" in mine
    assert "gpt-5-mini" in mine
    assert "dear" not in mine
    assert "$400.25 this month" in theirs


def test_what_is_empty_is_said_once(editor: User) -> None:
    page = as_(editor).get(PAGE).content.decode()
    assert "Nothing was paid in these days." in page
    assert 'class="chart"' not in page
    assert 'id="table-' not in page


def test_it_is_in_the_navigation_of_those_who_may_see_it(editor: User) -> None:
    assert f'<a href="{PAGE}"' in as_(editor).get("/admin/").content.decode()
    stranger = as_(User.objects.create_user("reader", is_staff=True))
    assert PAGE not in stranger.get("/admin/").content.decode()
    for path in (PAGE, f"{PAGE}day.csv"):
        assert stranger.get(path).status_code == 403


@pytest.mark.parametrize("path", [f"{PAGE}?time_range=x", f"{PAGE}day.csv?time_range=", f"{PAGE}nothing.csv"])
def test_what_is_not_there_is_not_found(editor: User, path: str) -> None:
    assert as_(editor).get(path).status_code == 404


def test_the_chart_is_what_its_table_says(editor: User) -> None:
    today = timezone.localdate()
    for ago, cost in ((0, "1"), (2, "4"), (6, "2")):
        paid(cost, today - timedelta(days=ago), owner=editor)

    page = as_(editor).get(f"{PAGE}?time_range=7d").content.decode()

    drawn = re.findall(r'height="([\d.]+)"><title>([\d-]+): ([^<]+)</title>', page)
    heights = {day: float(height) for height, day, _ in drawn}
    assert heights == {
        f"{today:%Y-%m-%d}": 30,
        f"{today - timedelta(days=2):%Y-%m-%d}": 120,
        f"{today - timedelta(days=6):%Y-%m-%d}": 60,
    }
    for _, day, words in drawn:
        assert re.search(rf">{day}</th>\s*<td>{re.escape(words)}</td>", page)


def test_the_page_needs_no_script_and_no_style_of_its_own(editor: User) -> None:
    paid("1", owner=editor, model=HOSTILE[:100])
    page = as_(editor).get(PAGE).content.decode()
    main = page[page.index('id="content-main"') :]
    assert not re.search(r"<script|<style| style=| on\w+=\"", main.split("</main>")[0].replace("&quot;", ""))
    assert "<img src=x" not in page


@given(values=st.lists(st.decimals("-5", "1e6", places=6), max_size=40))
def test_bars_stand_side_by_side_within_the_drawing(values: list[Decimal]) -> None:
    drawn = charts.bars([(str(n), value, "") for n, value in enumerate(values)])
    assert len(drawn) == len(values)
    for bar, value in zip(drawn, values, strict=True):
        assert 0 <= bar.x < bar.x + bar.width <= charts.WIDTH
        assert bar.y + bar.height == pytest.approx(charts.HEIGHT)
        assert (bar.height > 0) == (value > 0)


@given(words=st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_no_word_of_a_table_is_a_formula(words: list[str]) -> None:
    table = Table("t", "T", ["Name"], [], [[word, Decimal("-1.5")] for word in words])
    [heads, *rows] = csv.reader(io.StringIO(tables.as_csv(table), newline=""))
    assert heads == ["Name"]
    for (name, number), word in zip(rows, words, strict=True):
        assert name in (word, f"'{word}")
        assert not name.lstrip(" ").startswith(FORMULAS)
        assert number == "-1.5", "a number is no formula"


def test_every_table_comes_as_csv(hand_in: HandIn, editor: User) -> None:
    paid("0.25", model="=HYPERLINK(1)", owner=editor)
    article = hand_in()
    task(article, created_at=timezone.now(), way="rest")
    calls(article, 1)
    Event.objects.create(article=article, kind="stopped", stage="upload", provider="wordpress:1", message="m")
    days.roll_up()
    desk = as_(editor)
    names = re.findall(r"/admin/insights/(\w+)\.csv", desk.get(PAGE).content.decode())

    costs = {"day", "month", "provider", "model", "stage", "person", "site", "batch"}
    assert set(names) == costs | {"way", "at", "publishers", "ways", "services", "stopped", "prices"}
    for name in names:
        answer = desk.get(f"{PAGE}{name}.csv?time_range=7d")
        assert answer["Content-Type"].startswith("text/csv")
        assert len(answer.content.decode().splitlines()) >= 2
    [row] = list(csv.DictReader(io.StringIO(desk.get(f"{PAGE}provider.csv").content.decode())))
    assert (Decimal(row["Cost"]), row["Answers"]) == (Decimal("0.25"), "1")


def test_no_row_costs_a_query(hand_in: HandIn, editor: User) -> None:
    desk, counts = as_(editor), []
    desk.get(PAGE)
    for n in range(3):
        paid("1", owner=editor, provider=f"wordpress:{n}")
        article, site = hand_in(), new_site(f"https://m{n}.example.org", name=f"Magazine {n}")
        publications(article, 20, failed=15, site=site)
        Event.objects.create(article=article, kind="stopped", stage="upload", provider=f"wordpress:{n}", message="m")
        days.roll_up()
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(PAGE).status_code == 200
        counts.append(len(queries))
    assert counts[1:] == counts[:1] * 2


def test_what_works_and_what_to_do_stand_on_the_page(hand_in: HandIn, editor: User, chief: User) -> None:
    site = new_site("https://m.example.org", publisher="hybrid", ways="playwright, rest")
    article = hand_in()
    publications(article, 40, failed=14, publisher="hybrid", way="playwright", site=site)
    publications(article, 60, failed=1, publisher="hybrid", way="rest", site=site)
    publications(article, 2, publisher="hybrid", way="xmlrpc", site=site)
    calls(article, 30, failed=12)
    days.roll_up()

    theirs, mine = (text(as_(who).get(PAGE)) for who in (chief, editor))

    for shown in (theirs, mine):
        parts = ["What works, and", "What to do", "What works Summed", "What it costs"]
        assert [shown.index(part) for part in parts] == sorted(shown.index(part) for part in parts)
        assert "Browser failed 14 of 40" in shown
        assert "put REST API before it." in shown
        assert "Too few to say anything of: 1" in shown
        assert "request declined, 12 of 12" in shown
        assert "A picture: the picture service, flux" in shown
    assert "somebody who may change sites does that" in mine
    link = f'<a href="/admin/publishing/site/{site.pk}/change/">Change the order of its ways</a>'
    assert link in as_(chief).get(PAGE).content.decode()


def test_hours_in_which_something_stopped_are_drawn_and_told(
    hand_in: HandIn, editor: User, other_editor: User, stopped_clock: datetime
) -> None:
    mine, theirs = hand_in(), hand_in(owner=other_editor)
    for article, hours in ((mine, 0), (mine, 0), (mine, 5), (theirs, 5), (mine, 49)):
        at = stopped_clock - timedelta(hours=hours)
        Event.objects.create(article=article, kind="stopped", stage="images", provider="pictures", at=at, message="m")

    page = as_(editor).get(PAGE).content.decode()

    figure = page[page.index('id="chart-stopped"') :]
    assert re.findall(r'height="([\d.]+)"><title>[^:]+:00: (\d) stopped<', figure) == [("60.0", "1"), ("120.0", "2")]
    rows = list(csv.DictReader(io.StringIO(as_(editor).get(f"{PAGE}stopped.csv").content.decode())))
    assert [(row["Stage"], row["Where"], row["Stopped"]) for row in rows] == [
        ("Images", "The picture service", "2"),
        ("Images", "The picture service", "1"),
    ]


def test_what_is_stored_is_for_those_who_may_see_backups(editor: User, chief: User) -> None:
    storage.measure(timezone.now())
    assert "What takes up how much" not in text(as_(editor).get(PAGE))
    assert as_(editor).get(f"{PAGE}storage.csv").status_code == 404
    assert "Backups of articles 0" in text(as_(chief).get(PAGE))
    rows = list(csv.DictReader(io.StringIO(as_(chief).get(f"{PAGE}storage.csv").content.decode())))
    assert [row["What"] for row in rows] == [
        "Backups of articles",
        "Pictures that came within texts",
        "Pictures of what browsers showed",
        "The database",
    ]


def test_many_days_are_drawn_as_months(editor: User) -> None:
    today = timezone.localdate()
    for n in range(4):
        paid("1", today - timedelta(days=90 * n), owner=editor)

    page = as_(editor).get(f"{PAGE}?time_range=all").content.decode()

    figure = page[page.index('id="chart-month"') :]
    assert len(re.findall(r"<rect", figure[: figure.index("</svg>")])) == 4
    assert len(as_(editor).get(f"{PAGE}day.csv?time_range=all").content.decode().splitlines()) == 1 + 271
    assert 'id="chart-day"' in as_(editor).get(f"{PAGE}?time_range=90d").content.decode()
