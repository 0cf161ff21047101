"""Real articles and scanned pages as the contents of rows: out of one database, into one of the other kind.

Takes the folder from CORPUS_DIR.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoDbBlocker

from articles.handing_in.manuscript_form import KINDS
from articles.models import Article, Event
from backups.database import backup, restore
from backups.repository.repository import Repository
from tests.articles.content.test_corpus import CORPUS, files
from tests.backups import desks
from tests.backups.desks import Copies

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="CORPUS_DIR names no folder with the corpus")
TAKEN = 200  # of the texts, from all folders alike


@pytest.mark.parametrize(("kind", "other"), [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_every_script_comes_back(
    kind: str, other: str, store: Repository, request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker
) -> None:
    """A full backup of half of them, one of changes for the others."""
    copies, others = (request.getfixturevalue(f"{each}_copies") for each in (kind, other))
    assert isinstance(copies, Copies)
    texts = _texts()
    assert len(texts) > TAKEN / 2
    with django_db_blocker.unblock(), copies.desk() as desk:
        ada = User.objects.using(desk).create(username="ada")
        for n in range(2):
            _hand_in(desk, ada, dict(list(texts.items())[n::2]))
            backup.backup(store, desk)
        with others.desk() as empty, restore.planned(store, restore.choose(store), empty) as plan:
            restore.restore(store, plan)
            assert desks.rows(empty) == desks.rows(desk)


@functools.cache
def _texts() -> dict[Path, str]:
    found, paths = {}, [*files("articles", KINDS), *files("ocr", KINDS)]
    for path in paths[:: len(paths) // TAKEN or 1]:
        with suppress(UnicodeDecodeError):  # other encodings are another test's
            found[path] = path.read_bytes().decode().replace("\0", "")  # which PostgreSQL does not take
    return found


def _hand_in(alias: str, owner: User, texts: dict[Path, str]) -> None:
    articles = [
        Article(
            tree_prefix=str(path.relative_to(CORPUS))[-100:], owner=owner, title=path.name[:300], idea="i",
            manuscript=text, components=text.splitlines()[:20],
        )
        for path, text in texts.items()
    ]  # fmt: skip
    Article.objects.using(alias).bulk_create(articles)
    Event.objects.using(alias).bulk_create(
        Event(article=article, kind="line", message=line[:500]) for article in articles for line in article.components
    )
