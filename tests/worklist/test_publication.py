"""A document goes out: once, with its options, and what becomes of the article is told to it."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from articles.errors import NotPossible
from articles.models import Article, Stage, StageRecord
from articles.pipeline import transitions
from articles.providers.errors import Refused
from publishing import publish_tasks
from publishing.models import Site
from publishing.options import Options
from tests.conftest import MANUSCRIPT, error_of
from tests.publishing.conftest import Drive
from tests.publishing.memory_site import MemorySite
from tests.worklist.conftest import InState, arrive, lead
from worklist import intake, moves, publication
from worklist.changing import Quicker
from worklist.models import Document, State

pytestmark = pytest.mark.django_db
LATER = MANUSCRIPT.replace("lose 12 %", "lose 14 %")


def out(document: Document, by: User, site: Site | None = None, **more: object) -> Document:
    document.refresh_from_db()
    return publication.publish(document.pk, by, site, seen_text=document.text_hash, **more)[0]  # type: ignore[arg-type]


def article_of(document: Document) -> Article:
    document.refresh_from_db()
    assert document.article
    return document.article


def test_the_article_is_locked_before_its_document(document_in: InState, editor: User) -> None:
    """As by the worker that finishes it: two that lock both in another order would wait for each other."""
    document = document_in(State.READY)
    out(document, editor)
    with CaptureQueriesContext(connection) as asked, suppress(NotPossible):
        out(document, editor)
    tables = [re.search('FROM "(articles_article|worklist_document)"', query["sql"]) for query in asked]
    read_by_hand, *others = filter(None, tables)
    assert read_by_hand[1] == "worklist_document", "by this test"
    assert others[0][1] == "articles_article"


def test_what_was_sent_back_goes_out_by_no_button(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, chief: User, run: Drive
) -> None:
    """Its article stopped, it was sent back; then somebody recovers the article."""
    document = document_in(State.READY)
    out(document, editor, magazine)
    memory.fails = {("rest", "upload"): Refused(magazine.provider, "no")}
    article = run(article_of(document))
    assert article.status == Article.Status.FAILED
    document.refresh_from_db()
    lead(document, chief, State.TO_REVISE)
    memory.fails = {}

    transitions.resume(article, editor)
    article = run(article)

    assert (article.status, error_of(article)["code"]) == (Article.Status.FAILED, "not_approved")
    assert not memory.posts
    # What it advises, to its end.
    document.refresh_from_db()
    lead(document, chief, State.TO_REREVIEW, State.READY)
    out(document, editor, magazine)
    assert run(article_of(document)).status == Article.Status.DONE
    assert len(memory.posts) == 1


def test_another_manuscript_than_the_approved_one_goes_out_by_no_button(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, run: Drive
) -> None:
    document = document_in(State.READY)
    out(document, editor, magazine)
    Article.objects.update(manuscript=LATER)
    article = run(article_of(document))
    assert (article.status, error_of(article)["code"]) == (Article.Status.FAILED, "not_approved")
    out(document, editor, magazine)
    assert run(article_of(document)).status == Article.Status.DONE
    [post] = memory.posts.values()
    assert "12 %" in str(post)


def test_the_whole_way_and_up_to_date(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, chief: User, run: Drive
) -> None:
    document = document_in(State.READY)
    moves.rename(document.pk, editor, "Rates fall")
    document = out(document, editor, magazine, options=Options(tags=("Ships",), publish_immediately=True))
    assert (document.state, document.is_on_its_way) == (State.READY, True)
    run(article_of(document))
    document.refresh_from_db()
    assert (document.state, document.has_changed_since_it_went_out) == (State.PUBLISHED, False)
    assert document.task
    assert (document.task.status, document.task.asked.tags) == ("completed", ("Ships",))
    article = article_of(document)
    assert (article.owner, article.title, article.manuscript) == (editor, "Rates fall", MANUSCRIPT)
    [post] = memory.posts.values()
    assert "12 %" in str(post)
    pictures = list(article.images.values_list("role", "sha256"))

    arrive(LATER)
    document.refresh_from_db()
    assert (document.state, document.has_changed_since_it_went_out) == (State.PUBLISHED, True)
    document = intake.take(document.pk, editor, seen=document.offered_hash)
    assert document.state == State.TO_REREVIEW
    lead(document, chief, State.READY)
    run(article_of(out(document, editor, magazine)))

    document.refresh_from_db()
    [again] = memory.posts.values()
    assert document.state == State.PUBLISHED
    assert "14 %" in str(again)
    assert "12 %" not in str(again)
    article = article_of(document)
    assert (article.title, article.earlier_manuscripts[0]["manuscript"]) == ("Rates fall", MANUSCRIPT)
    assert list(article.images.values_list("role", "sha256")) == pictures, "nothing is made or paid for anew"
    assert Article.objects.count() == 1


def test_a_later_text_that_is_cancelled_leaves_no_half_made_article(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, chief: User, run: Drive
) -> None:
    """Finished it was, of the earlier text: it rests, and goes on with the later one."""
    document = document_in(State.READY)
    run(article_of(out(document, editor, magazine)))
    arrive(LATER)
    document.refresh_from_db()
    lead(intake.take(document.pk, editor, seen=document.offered_hash), chief, State.READY)
    document = out(document, editor, magazine)
    assert document.task
    publish_tasks.cancel(document.task, editor)
    document.refresh_from_db()
    assert (article_of(document).status, document.has_stopped) == (Article.Status.CANCELLED, True)
    assert transitions.resume(article_of(document), editor)
    run(article_of(document))
    document.refresh_from_db()
    assert (document.state, document.has_stopped) == (State.PUBLISHED, False)
    assert "14 %" in str(memory.posts)


def test_one_document_never_makes_two_articles(document_in: InState, editor: User) -> None:
    document = document_in(State.READY)
    tasks = {publication.publish(document.pk, editor, None, seen_text=document.text_hash)[0].task for _ in range(3)}
    assert len(tasks) == Article.objects.count() == 1
    assert document.entries.filter(kind="sent").count() == 1


@pytest.mark.parametrize("dies_in", ["article", "task", "end"])
def test_whoever_dies_within_it_has_done_nothing(
    document_in: InState, editor: User, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    class Died(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Died

    document = document_in(State.READY)
    place = {"article": (transitions, "submit"), "task": (publish_tasks, "submit"), "end": (publication, "note")}
    with monkeypatch.context() as patch:
        patch.setattr(*place[dies_in], die)
        with pytest.raises(Died), transaction.atomic():
            out(document, editor)
    assert not Article.objects.exists()
    assert out(document, editor).article


@pytest.mark.parametrize("state", [state for state in State if state != State.READY])
def test_only_what_was_approved_goes_out(document_in: InState, chief: User, state: State) -> None:
    with pytest.raises(NotPossible, match="ready to publish"):
        out(document_in(state), chief)
    assert not Article.objects.exists()


def test_another_text_than_was_seen_does_not_go_out(document_in: InState, chief: User) -> None:
    document = document_in(State.READY)
    with pytest.raises(Quicker):
        publication.publish(document.pk, chief, None, seen_text="another")


@pytest.mark.parametrize("right", publication.RIGHTS)
def test_publishing_needs_every_right_of_it(document_in: InState, editor: User, right: str) -> None:
    document = document_in(State.READY)
    editor.groups.clear()
    names = [name.partition(".")[2] for name in publication.RIGHTS if name != right]
    editor.user_permissions.set(Permission.objects.filter(codename__in=names))
    with pytest.raises(PermissionDenied):
        out(document, User.objects.get(pk=editor.pk))


def test_what_stops_comes_back_with_the_reason(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, chief: User, run: Drive
) -> None:
    document = document_in(State.READY)
    for way in ("rest", "xmlrpc"):
        memory.fails[way, "create_post"] = Refused(magazine.provider, "it may not be done", code="rights")
        memory.fails[way, "check"] = memory.fails[way, "create_post"]
    article = run(article_of(out(document, editor, magazine)))
    document.refresh_from_db()
    assert article.status == Article.Status.FAILED
    assert (document.state, document.has_stopped) == (State.READY, True)
    assert document.entries.filter(kind="stopped", error__code=article.error and article.error["code"]).exists()

    memory.fails.clear()
    run(article_of(out(document, chief, magazine)))
    document.refresh_from_db()
    assert (document.state, Article.objects.count(), len(memory.posts)) == (State.PUBLISHED, 1, 1)


def test_a_later_text_after_a_stop(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, chief: User, run: Drive
) -> None:
    """Sent back, revised and approved: the same article goes out with the new text."""
    document = document_in(State.READY)
    memory.fails["rest", "check"] = memory.fails["xmlrpc", "check"] = Refused(magazine.provider, "no", code="rights")
    run(article_of(out(document, editor, magazine)))
    document.refresh_from_db()
    lead(document, chief, State.TO_REVISE)
    arrive(LATER)
    document.refresh_from_db()
    lead(document, chief, State.TO_REREVIEW, State.READY)
    memory.fails.clear()
    run(article_of(out(document, editor, magazine)))
    document.refresh_from_db()
    [post] = memory.posts.values()
    assert (document.state, Article.objects.count()) == (State.PUBLISHED, 1)
    assert "14 %" in str(post)


def test_cancelled_comes_back_too(document_in: InState, editor: User) -> None:
    document = out(document_in(State.READY), editor)
    assert document.task
    publish_tasks.cancel(document.task, editor)
    document.refresh_from_db()
    assert (document.state, document.has_stopped) == (State.READY, True)
    assert document.entries.last().kind == "stopped"  # type: ignore[union-attr]


def test_on_its_way_it_is_not_moved(document_in: InState, chief: User) -> None:
    document = out(document_in(State.READY), chief)
    with pytest.raises(NotPossible, match="on its way"):
        lead(document, chief, State.TO_REVISE)
    with pytest.raises(NotPossible, match="on its way"):
        moves.let_go(document.pk, chief)
    arrive(LATER)
    document.refresh_from_db()
    assert document.approved_at, "what goes out is what was approved"
    with pytest.raises(NotPossible, match="on its way"):
        intake.take(document.pk, chief, seen=document.offered_hash)


def test_the_article_of_somebody_else_stays_theirs(
    memory: MemorySite, magazine: Site, document_in: InState, editor: User, other_editor: User, chief: User, run: Drive
) -> None:
    document = document_in(State.READY)
    run(article_of(out(document, editor, magazine)))
    document.refresh_from_db()
    lead(document, chief, State.TO_REREVIEW, State.READY)
    with pytest.raises(NotPossible, match="Its article is ada's"):
        out(document, other_editor, magazine)


def test_a_stage_before_the_last_that_stops_tells_it_too(document_in: InState, editor: User) -> None:
    article = article_of(out(document_in(State.READY), editor))
    claimed = transitions.claim(article.pk)
    assert claimed
    record = article.records.get(stage=Stage.ARTICLE)
    assert record.state == StageRecord.State.PENDING
    transitions.cancel(article, editor)
    assert Document.objects.get().entries.filter(kind="stopped").count() == 1
