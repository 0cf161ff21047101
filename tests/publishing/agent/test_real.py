"""The agent at a real WordPress in a real browser, steered by a script that sees its real pages."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from articles.models import Article
from publishing import publish_tasks
from publishing.browser.chromium import missing
from publishing.models import Site
from tests.doubles.server import Doubles
from tests.publishing.agent import pilots
from tests.publishing.conftest import Drive, Ready
from tests.publishing.test_ways import OPTIONS, published, shown
from tests.services.wordpress import WordPress

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("browser")]


@pytest.fixture
def site(site: Site, wordpress: WordPress) -> Site:
    if reason := missing():
        pytest.skip(reason)
    site.web_secret = wordpress.desk.password
    site.time_limit = 30
    site.save()
    return site


def test_steered_it_is_the_same_post_as_by_rest(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User, services: Doubles
) -> None:
    services.steer(pilots.able)
    article = published(ready(site), site, editor, "computer_use", run)
    steered = shown(wordpress, article)
    task = article.publish_tasks.get()
    assert task.way == "computer_use"
    assert task.cost > Decimal(0)
    assert "steered" in {shot.step for shot in task.film.all()}
    number = len(wordpress.posts()), len(wordpress.media())

    publish_tasks.submit(article, site, editor, publisher="rest", options=OPTIONS)
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    assert (len(wordpress.posts()), len(wordpress.media())) == number == (1, 2), "nothing is made twice"
    assert shown(wordpress, article) == steered
