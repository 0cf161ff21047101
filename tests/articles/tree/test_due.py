"""The storage knows what was handed in before any worker does, and what was changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from articles import tasks
from articles.batches import control
from articles.batches.start import start_batch
from articles.models import Article, Batch
from articles.pipeline import transitions, worker
from articles.tree import manifest
from articles.tree.due import due, forget_soon, write_due, write_soon
from backups.storage.django_folder import LocalStorage
from backups.trees.tree import MANIFEST, Tree, TreeError
from tests.batches import drafted, page_of, started
from tests.conftest import MANUSCRIPT, HandIn
from tests.desk import ADD, as_
from tests.desk import page_of as article_page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def with_a_text_service(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"


@contextmanager
def storage_away(times: int = 10_000) -> Iterator[list[str]]:
    """The storage takes nothing, so many times; gives the names that were to be written."""
    asked: list[str] = []
    save = LocalStorage._save

    def refuse(storage: LocalStorage, name: str, content: Any) -> str:
        asked.append(name)
        if len(asked) <= times:
            raise OSError(28, "No space left on device")
        return save(storage, name, content)

    with mock.patch.object(LocalStorage, "_save", refuse):
        yield asked


def _written(row: Article | Batch) -> dict[str, Any]:
    return row.tree.manifest()


def _is_due(row: Article | Batch) -> bool:
    row.refresh_from_db(fields=["manifest_due"])
    return row.manifest_due is not None


# An article


def test_it_is_there_right_after_it_was_handed_in(hand_in: HandIn) -> None:
    article = hand_in(style="dry")

    assert _written(article)["source"]["manuscript"] == MANUSCRIPT
    assert _written(article)["state"]["status"] == "queued"
    assert not _is_due(article)


def test_a_storage_that_is_away_keeps_nobody_from_handing_in(editor: User) -> None:
    with storage_away() as asked:
        answer = as_(editor).post(ADD, {"manuscript": MANUSCRIPT, "formatter": "auto"})

    assert answer.status_code == 302
    article = Article.objects.get()
    assert asked == [f"{article.tree_prefix}/{MANIFEST}"]
    assert _is_due(article)
    assert OrmQ.objects.count() == 1, "and a worker is told of it"

    tasks.sweep()

    assert _written(article)["source"]["uid"] == article.uid
    assert not _is_due(article)


def test_what_is_taken_back_leaves_nothing(hand_in: HandIn, storage_folder: Path) -> None:
    with (
        mock.patch("articles.pipeline.transitions.Event.objects.create", side_effect=IntegrityError),
        pytest.raises(IntegrityError),
    ):
        hand_in()

    assert not storage_folder.exists()


@pytest.mark.parametrize("change", ["cancel", "stop", "resume"])
def test_the_next_round_writes_what_has_changed(change: str, hand_in: HandIn) -> None:
    article = hand_in()
    if change == "stop":
        with mock.patch("articles.stages.article.run", side_effect=ZeroDivisionError):
            worker.run_article(article.pk)
    else:
        transitions.cancel(article, None)
    if change == "resume":
        tasks.sweep()
        transitions.resume(article, None)
    assert _is_due(article)

    write_due()

    article.refresh_from_db()
    assert _written(article)["state"]["status"] == article.status
    assert _written(article)["state"]["error"] == article.error


@pytest.mark.parametrize("how", ["stopped", "cancelled", "scheduled"])
def test_what_an_editor_changes_at_the_desk_is_written(how: str, hand_in: HandIn, editor: User) -> None:
    article = hand_in(scheduled_at=timezone.now() + timedelta(days=1) if how == "scheduled" else None)
    if how == "stopped":
        with mock.patch("articles.stages.article.run", side_effect=ZeroDivisionError):
            worker.run_article(article.pk)
    elif how == "cancelled":
        transitions.cancel(article, None)
    client, page = as_(editor), article_page(article)
    form = client.get(page).context["adminform"].form
    before = {name: form[name].value() or "" for name in form.fields}
    answer = client.post(page, before | {"brand_primary": "#0a0b0c"})

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert _written(article)["pipeline_stages"]["step4_formatting"]["brand_colors"]["primary"] == "#0a0b0c"


def test_an_article_at_work_is_left_to_its_run(hand_in: HandIn) -> None:
    article = hand_in()
    assert transitions.claim(article.pk)
    Article.objects.update(**due())

    assert write_due() == 0


def test_what_a_run_has_written_is_not_written_again(hand_in: HandIn) -> None:
    article = hand_in()
    Article.objects.update(**due())

    worker.run_article(article.pk)

    assert write_due() == 0


def test_what_was_deleted_before_it_began_does_not_come_back(hand_in: HandIn, editor: User, chief: User) -> None:
    article = hand_in()
    transitions.cancel(article, editor)

    as_(chief).post(article_page(article, "delete"), {"post": "yes"})

    assert not Article.objects.exists()
    with pytest.raises(TreeError, match="no manifest"):
        article.tree.manifest()


def test_what_was_begun_and_deleted_stays_in_the_storage(
    hand_in: HandIn, run: Callable[[Article], Article], chief: User
) -> None:
    article = run(hand_in())

    as_(chief).post(article_page(article, "delete"), {"post": "yes"})

    assert not Article.objects.exists()
    assert article.tree.verify() == []


# Others write at the same time


@contextmanager
def meanwhile(deed: Callable[[], object]) -> Iterator[None]:
    """Between what is read and what is written, once."""
    commit = Tree.commit
    done: list[Callable[[], object]] = []

    def late(tree: Tree, *what: Any) -> bytes:
        if not done:
            done.append(deed)
            deed()
        return commit(tree, *what)

    with mock.patch.object(Tree, "commit", late):
        yield


def test_what_is_written_last_is_what_the_rows_say(hand_in: HandIn) -> None:
    article = hand_in()
    Article.objects.update(**due())

    def work() -> None:
        worker.run_article(article.pk)

    with meanwhile(work):
        write_due()

    assert _written(article)["state"]["status"] == "done"
    assert article.tree.verify() == []


def test_a_change_while_it_is_written_stays_due(hand_in: HandIn) -> None:
    article = hand_in()
    Article.objects.update(**due())
    built, calls = manifest.build, []

    def build(row: Article) -> Any:
        calls.append(row.pk)
        made = built(row)
        if len(calls) == 2:  # right after the last look
            Article.objects.update(style="calm", **due())
        return made

    with mock.patch("articles.tree.manifest.build", build):
        write_due()

    assert _is_due(article)
    write_due()
    assert _written(article)["source"]["style"] == "calm"


def test_one_that_cannot_be_written_stops_no_other(hand_in: HandIn) -> None:
    bad, good = hand_in(), hand_in()
    bad.records.all().delete()
    Article.objects.update(**due())

    write_due()

    assert (_is_due(bad), _is_due(good)) == (True, False)


def test_a_storage_that_is_away_is_asked_once_a_round(hand_in: HandIn) -> None:
    for _ in range(3):
        hand_in()
    Article.objects.update(**due())

    with storage_away() as asked:
        assert write_due() == 0

    assert len(asked) == 1


# A batch


@pytest.mark.usefixtures("with_a_text_service")
def test_the_articles_of_a_batch_are_written_by_rounds(editor: User) -> None:
    batch = started(editor, styles=5)
    assert not any((article.tree.storage.exists(article.tree.path(MANIFEST))) for article in batch.articles.all())

    assert write_due(seconds=0) == 0
    assert write_due() == 1 + 5

    assert [_written(article)["state"]["status"] for article in batch.articles.all()]
    assert write_due() == 0, "the cost grows with what has changed"


@pytest.mark.usefixtures("with_a_text_service")
def test_a_longer_list_makes_all_its_articles_due(editor: User) -> None:
    batch = started(editor)
    write_due()
    Batch.objects.update(sections=f"{batch.sections}\nAttic")

    start_batch(batch, editor)
    assert write_due() == 1 + 3

    for article in batch.articles.all():
        step = _written(article)["pipeline_stages"]["step1_article_generation"]
        assert [section["heading"] for section in step["sections"]][-1] == "Attic"


@pytest.mark.usefixtures("with_a_text_service")
def test_what_is_done_with_a_batch_is_written(editor: User) -> None:
    batch = started(editor)
    for deed, state in ((control.pause, "paused"), (control.resume, "running"), (control.cancel, "cancelled")):
        write_due()
        deed(batch, editor)
        write_due()
        assert _written(batch)["batch"]["state"] == state


def test_a_batch_that_is_deleted_before_it_began_does_not_come_back(editor: User, chief: User) -> None:
    batch = drafted(editor)
    write_due()
    assert _written(batch)["batch"]["name"] == "Rooms"

    as_(chief).post(page_of(batch, "delete"), {"post": "yes"})

    with pytest.raises(TreeError, match="no manifest"):
        batch.tree.manifest()


def test_a_storage_that_is_away_keeps_nothing_from_being_deleted(editor: User, storage_folder: Path) -> None:
    batch = drafted(editor)
    write_soon(batch)
    with mock.patch.object(LocalStorage, "delete", side_effect=OSError):
        forget_soon(batch)

    assert (storage_folder / "batches" / batch.uid / MANIFEST).exists()
