"""The page of the limits: for chief editors, of one version at a time; and what the start page says of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles.models import DeskSettings
from articles.pipeline.money import limits
from config.housekeeping import remove_what_ended
from tests.articles.batches.grid import batch_of
from tests.desk import START, as_, text

pytestmark = pytest.mark.django_db
LIST = "/admin/articles/desksettings/"


def page() -> str:
    return f"{LIST}{DeskSettings.row().pk}/change/"


def test_chiefs_change_the_limits_and_editors_see_none(chief: User, editor: User) -> None:
    client = as_(chief)
    assert client.get(LIST).headers["Location"] == page()
    answer = client.post(page(), {"limit_month": "50", "limit_day": "4.5", "film_days": "3", "shown": "1"}, follow=True)
    assert "Saved. It holds for the next call." in text(answer)
    row = DeskSettings.now()
    assert (row.limit_month, row.limit_day, row.limit_article, row.keeps_film) == (50, Decimal("4.5"), None, 3)
    for path in (LIST, page()):
        assert as_(editor).get(path).status_code == 403
    assert client.post(page(), {"limit_month": "-1", "shown": "2"}).status_code == 200
    assert DeskSettings.now().limit_month == 50


def test_what_somebody_else_has_changed_is_not_written_over(chief: User) -> None:
    assert limits.change(DeskSettings.row().version, {"limit_day": Decimal(5)})
    answer = as_(chief).post(page(), {"limit_day": "9", "shown": "1"})
    assert "Somebody else has changed the limits meanwhile" in text(answer)
    assert DeskSettings.now().limit_day == 5


def test_the_start_page_says_what_is_spent_of_a_limit(chief: User, editor: User) -> None:
    limits.count(timezone.localdate(), Decimal("12.40"), Decimal(0))
    assert limits.change(DeskSettings.row().version, {"limit_month": Decimal(50)})
    for user in (chief, editor):
        batch_of(user, 1, 1)
    assert "$12.40 this month of $50" in text(as_(chief).get(START))
    assert "this month of" not in text(as_(editor).get(START))


def test_how_long_pictures_are_kept_is_of_the_row_where_it_says_so(settings: Settings) -> None:
    settings.GALLEY_FILM_DAYS = 14
    assert DeskSettings.now().keeps_film == 14
    assert limits.change(DeskSettings.row().version, {"film_days": 0})
    assert DeskSettings.now().keeps_film == 0
    remove_what_ended(timezone.now())
