"""Files of a tree that are not there any more: what is made again, and who is told before."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from articles.batches.plan import plan_batch
from articles.batches.start import start_batch
from articles.models import Article, Batch
from backups.trees.removal import remove
from tests.batches import page_of, started
from tests.desk import as_, text
from tests.doubles.server import Doubles

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def expired(editor: User, services: Doubles, work_off: Callable[[], int]) -> Batch:
    """A batch of two articles that was done long ago, with a picture each: their trees are gone. Its list is longer."""
    services.configure(image_width=480, image_bytes=4000)
    batch = started(editor, styles=2, sections=2)
    work_off()
    for article in batch.articles.all():
        assert article.status == Article.Status.DONE
        remove(article.tree.storage, article.tree_prefix)
    Article.objects.update(tree_expired_at=timezone.now())
    Batch.objects.update(sections=f"{batch.sections}\nAttic")
    batch.refresh_from_db()
    return batch


def test_further_sections_after_the_tree_is_gone_make_it_whole_again(
    expired: Batch, editor: User, services: Doubles, work_off: Callable[[], int]
) -> None:
    services.reset()
    start_batch(expired, editor)
    work_off()

    for article in expired.articles.all():
        assert (article.status, article.tree_expired_at) == (Article.Status.DONE, None)
        assert article.tree.verify() == []
        assert {"01_opening.html", "01_section_1.html", "03_hero.jpg"} <= article.tree.files().keys()
        assert article.events.filter(kind="verified").exists()
    asked = [request.operation for request in services.requests() if request.operation in ("create", "responses")]
    assert sorted(asked) == ["create"] * 2 + ["responses"] * 2, "a picture and a section each, and no text again"


def test_the_plan_counts_the_pictures_that_are_made_again(expired: Batch, editor: User) -> None:
    planned = plan_batch(expired)

    assert (planned.published, len(planned.there.expired), planned.new_sections, planned.images) == (2, 2, 2, 2)
    assert planned.calls == 2 + 2
    said = "The backup of 2 articles was removed, a week after the end: their pictures are made again"
    assert said in text(as_(editor).get(page_of(expired, "plan")))
    out = StringIO()
    call_command("batch", "start", "Rooms", "--owner", "ada", "--dry-run", stdout=out)
    assert "The backup of 2 articles was removed a week after the end" in out.getvalue()


def test_a_tree_that_is_there_costs_no_picture(expired: Batch) -> None:
    Article.objects.update(tree_expired_at=None)

    assert (plan_batch(expired).there.expired, plan_batch(expired).images) == ([], 0)
