"""Fixtures are things: people, articles, storages, services."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from unittest import mock

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.core.management.commands import flush
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from articles import tasks
from articles.content import pictures
from articles.models import Article
from articles.pipeline import transitions, worker
from audit.acting import THE_DESK, acting, off
from backups import redaction
from config.roles import CHIEF_EDITORS, EDITORS
from tests.doubles.server import Doubles, doubles
from tests.environment import FOLDER
from tests.faults.fences import watched_fences
from tests.journeys.installation import migrated

# How long a machine takes is no property of what is tested, and what is tried must not be luck: GALLEY_EXPLORE=1 looks
# for new cases.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    derandomize="GALLEY_EXPLORE" not in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes may hold the time at which they were made, and all processes of a run must give a test one name."""
    return argname if isinstance(val, bytes) else None


MANUSCRIPT = """# Tariffs and AI

Freight rates fell for the third month, and the models that plan the routes had a part in it.

## Ports

The larger ports now **lose 12 % less time** at anchor than a year ago.

> A ship that waits earns nothing.

## Roads

Lorries leave when a slot is free, not when the driver is ready.

## Rails

Trains follow later, as they always did. The rails are the same; the plans are not.
"""


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """It is now and stays now: neither midnight nor the end of a month comes between two looks at the clock."""
    now = timezone.now()
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    return now


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """SQLite in a file, as people have it: threads that share one in memory do not wait for each other, they fail.

    In the middle of a test that plays two processes the queue would close it, with all that the test has written: as
    one in memory it stays open.
    """
    chosen = connections["default"]
    chosen.settings_dict["TEST"]["NAME"] = str(shutil.copyfile(migrated(), Path(FOLDER, "test.sqlite3")))
    with mock.patch.object(chosen, "is_in_memory_db", return_value=True):
        yield


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """It is there before; with FOLDER it goes."""
    return True


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> None:
    django_settings.PASSWORD_HASHERS = ["tests.passwords.OneRound"]


@pytest.fixture(autouse=True, scope="session")
def small_cards() -> dict[str, tuple[int, int]]:
    """Most tests only need a picture to be there. Returns the sizes that cards have in use."""
    real = dict(pictures.SIZES)
    pictures.SIZES |= {"16:9": (480, 270), "21:9": (490, 210)}
    return real


@pytest.fixture(autouse=True, scope="session")
def tables_are_emptied_unnoted() -> Iterator[None]:
    """After a test in transactions of its own: that is nobody's change, and what it has noted goes as well."""
    with mock.patch.object(flush.Command, "handle", off()(flush.Command.handle)):
        yield


@pytest.fixture(autouse=True)
def an_actor_of_its_own() -> Iterator[None]:
    """What one test has made of this process, as a command does, is forgotten by the next."""
    with acting(lambda: THE_DESK):
        yield


@pytest.fixture(autouse=True)
def secrets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has made known as a secret is a word like others in the next."""
    monkeypatch.setattr(redaction, "_known", dict(redaction._known))


@pytest.fixture(autouse=True)
def all_is_fenced() -> Iterator[None]:
    """Whatever a test lets run: it writes to its article's rows only while the article is its own."""
    with watched_fences() as unfenced:
        yield
    assert unfenced == []


@pytest.fixture(autouse=True)
def storage_folder(tmp_path: Path, settings: Settings) -> Path:
    """Backups go to a folder of this test."""
    folder = tmp_path / "backups"
    local = {"BACKEND": "backups.storage.django_folder.LocalStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "backups": local}
    return folder


@pytest.fixture
def editor(db: None) -> User:
    return _user("ada", EDITORS)


@pytest.fixture
def other_editor(db: None) -> User:
    return _user("ben", EDITORS)


@pytest.fixture
def chief(db: None) -> User:
    return _user("chief", CHIEF_EDITORS)


def _user(name: str, group: str) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", "a long password", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


HandIn = Callable[..., Article]


def error_of(article: Article) -> dict[str, str]:
    """Why an article waits or stopped; empty when it does neither."""
    return article.error or {}


@pytest.fixture
def hand_in(editor: User) -> HandIn:
    """Hands in an article: the sample manuscript, unless an idea or other fields are given."""

    def submit(**fields: object) -> Article:
        source = {} if "idea" in fields else {"manuscript": MANUSCRIPT}
        article = Article(**{"owner": editor, **source, **fields})
        transitions.submit(article)
        return article

    return submit


@pytest.fixture
def run(db: None) -> Callable[[Article], Article]:
    """Does what a worker would do with an article, once, and returns it as it is afterwards."""

    def work(article: Article) -> Article:
        worker.run_article(article.pk)
        return Article.objects.select_related("site", "owner").get(pk=article.pk)

    return work


@pytest.fixture
def work_off(transactional_db: None) -> Callable[[], int]:
    """Does what the workers would do with all messages in the queue, and returns how many there were."""

    def work() -> int:
        taken = 0
        while message := OrmQ.objects.order_by("pk").first():
            article_id = message.task["args"][0]
            message.delete()
            tasks.run(article_id)
            taken += 1
        return taken

    return work


@pytest.fixture
def services(settings: Settings) -> Iterator[Doubles]:
    """The three providers as doubles on a socket, with keys in the settings."""
    with doubles() as running:
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = running.openai_url, "sk-test"
        settings.ANTHROPIC_BASE_URL, settings.ANTHROPIC_API_KEY = running.anthropic_url, "sk-ant-test"
        settings.REPLICATE_BASE_URL, settings.REPLICATE_API_TOKEN = running.replicate_url, "r8-test"
        yield running
