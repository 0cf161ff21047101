"""The pages that an article had before: beside the present one, and back for nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from articles.models import Article
from articles.tree.due import write_due
from backups.trees.tree import Tree
from recovery.changes import look, opening
from recovery.rebuild.article import rebuild
from tests.conftest import HandIn
from tests.desk import as_, page_of, text
from tests.doubles.server import Doubles
from tests.publishing.dying import dies_after
from tests.recovery.test_another_look import BEFORE, changed, laid_out

pytestmark = pytest.mark.django_db

Work = Callable[[Article], Article]
Status = Article.Status
WRITES = [(Tree, "add"), (Tree, "commit")]


@pytest.fixture
def again(hand_in: HandIn, run: Work, editor: User, services: Doubles) -> Article:
    """Laid out by Claude, then by the template with another title and design."""
    article = run(hand_in(idea="night trains"))
    changed(article, editor, formatter="template", design="modern", title="Late trains")
    article = run(article)
    assert (article.status, article.title) == (Status.DONE, "Late trains"), article.error
    return article


def taken(article: Article, file: str = BEFORE) -> dict[str, str]:
    return {"page": file, "seen": opening.version(article)}


def test_both_pages_are_shown_with_when_and_why(again: Article, editor: User) -> None:
    assert "1 earlier page" in text(as_(editor).get(page_of(again)))

    answer = as_(editor).get(page_of(again, "versions"))

    assert "It got another look. Classic, by " in text(answer)
    assert "Take this page back" in text(answer)
    address = f"/preview/{again.uid}/pages/{BEFORE}"
    assert address in answer.content.decode()
    shown = as_(editor).get(address)
    assert shown.status_code == 200
    assert "sandbox" in shown["Content-Security-Policy"]
    assert b"/preview/picture/" in shown.content, "with its pictures"


def test_it_comes_back_as_it_was_for_nothing(again: Article, editor: User, run: Work, services: Doubles) -> None:
    page, present, asked = laid_out(again, BEFORE), laid_out(again), len(services.requests())
    title = again.earlier_files[0]["title"]
    assert title not in ("", again.title)

    said = as_(editor).post(page_of(again, "versions"), taken(again), follow=True)
    article = run(again)

    assert "The earlier page is on its way back." in text(said)
    assert (article.status, len(services.requests())) == (Status.DONE, asked)
    assert (article.title, article.design, article.formatter) == (title, "classic", "auto")
    assert laid_out(article) == page
    assert laid_out(article, "04_formatted_before_2.html") == present, "the one that went stays as well"
    assert article.tree.manifest()["pipeline_stages"]["step4_formatting"]["formatter"] == "claude_ai"
    assert article.events.get(message="ada took an earlier page back")
    as_(editor).post(page_of(again, "versions"), taken(article, "04_formatted_before_2.html"))
    article = run(article)
    assert (laid_out(article), article.design) == (present, "modern"), "and back once more"


def test_killed_at_any_write_it_comes_back_all_the_same(
    again: Article, editor: User, run: Work, services: Doubles
) -> None:
    page, asked = laid_out(again, BEFORE), len(services.requests())
    as_(editor).post(page_of(again, "versions"), taken(again))
    for moment in (1, 2, 3):
        with dies_after(moment, WRITES):
            run(again)
    article = run(again)

    assert (article.status, len(services.requests())) == (Status.DONE, asked)
    assert laid_out(article) == page
    assert article.tree.verify() == []


def test_lost_before_it_is_back_a_rebuilt_article_brings_it(again: Article, editor: User, run: Work) -> None:
    page = laid_out(again, BEFORE)
    as_(editor).post(page_of(again, "versions"), taken(again))
    write_due()
    prefix = again.tree_prefix
    Article.objects.get().delete()

    found = rebuild(prefix).article
    as_(editor).post("/admin/articles/article/recover/", {"ids": found.pk, "confirmed": "yes", "planned": "||"})
    article = run(found)

    assert (article.status, article.design, laid_out(article)) == (Status.DONE, "classic", page)


def test_one_of_another_text_is_shown_and_stays_where_it_is(again: Article, editor: User) -> None:
    Article.objects.update(html="<p>Another text</p>")

    assert "does not come back" in text(as_(editor).get(page_of(again, "versions")))
    said = as_(editor).post(page_of(again, "versions"), taken(Article.objects.get()), follow=True)

    assert "This page is of another text" in text(said)
    assert Article.objects.get().status == Status.DONE


@pytest.mark.parametrize("what", ["older", "no such", "damaged"])
def test_what_cannot_come_back_is_said_and_changes_nothing(what: str, again: Article, editor: User, run: Work) -> None:
    posted = taken(again, "03_hero.jpg" if what == "no such" else BEFORE)
    if what == "older":
        changed(again, editor, design="essay")
        run(again)
    if what == "damaged":
        again.tree.storage.delete(again.tree.path(BEFORE))
    design = Article.objects.get().design

    said = text(as_(editor).post(page_of(again, "versions"), posted, follow=True))

    told = {"older": "has changed since you looked", "no such": "There is no such earlier page", "damaged": "missing"}
    assert told[what] in said
    assert (Article.objects.get().status, Article.objects.get().design) == (Status.DONE, design)


def test_one_whose_layout_failed_gets_its_page_back(again: Article, editor: User, run: Work, services: Doubles) -> None:
    services.fail("anthropic", "messages", "unauthorized", times=None)
    article = Article.objects.get()
    wanted = opening.look_of(article) | {"formatter": "claude"}
    look.change(article, wanted, editor, seen=opening.version(article))
    article = run(article)
    assert article.status == Status.FAILED

    as_(editor).post(page_of(article, "versions"), taken(article, "04_formatted_before_2.html"))
    article = run(article)

    assert (article.status, article.design, article.formatter) == (Status.DONE, "modern", "template"), article.error


def test_only_whoever_may_change_it(again: Article, editor: User, other_editor: User) -> None:
    assert as_(other_editor).get(page_of(again, "versions")).status_code == 404
    assert as_(other_editor).post(page_of(again, "versions"), taken(again)).status_code == 404
    assert as_(other_editor).get(f"/preview/{again.uid}/pages/{BEFORE}").status_code == 404
    assert as_(editor).get(f"/preview/{again.uid}/pages/03_hero.jpg").status_code == 404
    assert Article.objects.get().status == Status.DONE
