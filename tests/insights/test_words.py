"""What PostgreSQL expects of a word in a title: by that it chooses where to begin, at the articles or at the newest."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connections

from articles.models import Article
from tests.backups.desks import Copies

NUMBER = 600


@pytest.mark.parametrize(("word", "frequent"), [("trains", True), ("harbour", False)])
def test_it_knows_which_words_are_frequent(postgres_copies: Copies, word: str, frequent: bool) -> None:
    with postgres_copies.desk() as desk:
        owner = User.objects.using(desk).create(username="ada")
        Article.objects.using(desk).bulk_create(
            Article(owner=owner, idea="i", title=f"Night trains {n}", tree_prefix=f"p{n}") for n in range(NUMBER)
        )
        with connections[desk].cursor() as cursor:
            cursor.execute("ANALYZE articles_article")
        plan = Article.objects.using(desk).filter(title__icontains=word).explain()

    found = re.search(r"articles_article .* rows=(\d+)", plan)
    assert found, plan
    assert (int(found[1]) > NUMBER / 2) is frequent
