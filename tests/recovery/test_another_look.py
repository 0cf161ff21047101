"""Another look for an article that is done: paid for once where it is paid, and the page before it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles import call_keys
from articles.models import Article, Stage
from articles.pipeline import transitions
from articles.tree.due import write_due
from backups.trees.tree import Tree
from publishing import publish_tasks
from publishing.models import Site
from publishing.options import Options
from recovery.changes.look import change
from recovery.changes.opening import NotChanged, look_of, version
from recovery.rebuild.article import rebuild
from tests.conftest import HandIn
from tests.desk import as_, page_of, stop, text
from tests.doubles.server import Doubles
from tests.publishing.conftest import magazine as magazine_site
from tests.publishing.conftest import memory as memory
from tests.publishing.dying import dies_after
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db
site = magazine_site

Work = Callable[[Article], Article]
Status = Article.Status
WRITES = [(Tree, "add"), (Tree, "commit")]
BEFORE = "04_formatted_before_1.html"


@pytest.fixture
def done(hand_in: HandIn, run: Work) -> Article:
    article = run(hand_in(formatter="template"))
    assert article.status == Status.DONE
    return article


def given(article: Article, **fields: Any) -> dict[str, Any]:
    return look_of(article) | {"seen": version(article)} | fields


def changed(article: Article, by: User, **fields: str) -> None:
    article = Article.objects.get(pk=article.pk)
    change(article, look_of(article) | fields, by, seen=version(article))


def laid_out(article: Article, name: str = "04_formatted.html") -> str:
    return article.tree.read(article.tree.files()[name]).decode()


def test_the_template_lays_it_out_anew_for_nothing_and_the_page_before_stays(
    done: Article, editor: User, run: Work
) -> None:
    before = laid_out(done)
    assert text(as_(editor).get(page_of(done))).count("Change how it looks") == 1
    asked = text(as_(editor).get(page_of(done, "look")))
    assert "The template · no paid call" in asked

    posted = given(done, design="essay", brand_primary="#123456", byline="By Ada")
    said = as_(editor).post(page_of(done, "look"), posted, follow=True)

    assert "The page is laid out" in text(said)
    article = run(done)
    assert (article.status, article.design) == (Status.DONE, "essay")
    assert laid_out(article) != before
    assert "#123456" in laid_out(article)
    assert "By Ada" in laid_out(article)
    assert laid_out(article, BEFORE) == before, "it stays, and the manifest names it"
    assert article.tree.verify() == []
    assert article.tree.manifest()["pipeline_stages"]["step4_formatting"]["brand_colors"]["primary"] == "#123456"
    assert article.events.get(kind="changed").message == "ada changed how it looks: design, byline, main colour"
    assert article.attempts.get(why="changed").from_stage == Stage.FORMAT


def test_claude_is_asked_once_and_the_price_is_said_before(
    hand_in: HandIn, run: Work, editor: User, services: Doubles
) -> None:
    article = run(hand_in(idea="night trains"))
    made = {name: len(services.requests(name)) for name in ("openai", "replicate", "anthropic")}
    assert re.search(r"Claude only · 1 paid call, (about|cost)", text(as_(editor).get(page_of(article, "look"))))

    as_(editor).post(page_of(article, "look"), given(article, design="modern"))
    article = run(article)

    assert article.status == Status.DONE, article.error
    assert len(services.requests("anthropic")) == made["anthropic"] + 1
    assert {name: len(services.requests(name)) for name in ("openai", "replicate")}.items() <= made.items()
    assert article.calls.filter(key=call_keys.FORMAT, answer__isnull=False).count() == 2


def test_a_title_alone_keeps_the_layout_of_claude_and_costs_nothing(
    hand_in: HandIn, run: Work, editor: User, services: Doubles
) -> None:
    article = run(hand_in(idea="night trains"))
    page, layouts = laid_out(article), len(services.requests("anthropic"))

    as_(editor).post(page_of(article, "look"), given(article, title="Trains at night"))
    article = run(article)

    assert (article.status, article.title) == (Status.DONE, "Trains at night")
    assert len(services.requests("anthropic")) == layouts
    assert laid_out(article) == page
    assert article.tree.manifest()["article"]["title"] == "Trains at night"


def test_a_title_alone_does_not_ask_claude_for_a_page_that_the_template_laid_out(
    hand_in: HandIn, run: Work, editor: User, services: Doubles
) -> None:
    article = run(hand_in(idea="night trains", formatter="template"))
    Article.objects.update(formatter="auto")  # as where Claude was away that day

    changed(article, editor, title="Trains at night")
    article = run(article)

    assert (article.status, article.record(Stage.FORMAT).maker) == (Status.DONE, "template")
    assert services.requests("anthropic") == []


@pytest.mark.parametrize(
    ("fields", "moments", "paid"),
    [
        ({"formatter": "template", "design": "modern"}, (2, 3), 0),
        ({"design": "modern"}, (2, 3, 2), 1),
        ({"title": "Trains"}, (2, 3), 0),
    ],
)
def test_killed_at_any_write_it_comes_to_the_same_and_nothing_is_bought_twice(
    fields: dict[str, str],
    moments: tuple[int, ...],
    paid: int,
    hand_in: HandIn,
    run: Work,
    editor: User,
    services: Doubles,
) -> None:
    article = run(hand_in(idea="night trains"))
    layouts = len(services.requests("anthropic"))
    changed(article, editor, **fields)
    for moment in moments:  # of each go: files and manifests
        with dies_after(moment, WRITES):
            run(article)
    article = run(article)

    assert article.status == Status.DONE, article.error
    assert len(services.requests("anthropic")) == layouts + paid
    assert look_of(article).items() >= fields.items()
    assert [entry["of"] for entry in article.earlier_files] == ["04_formatted.html"]
    assert article.tree.verify() == []


def test_the_post_stays_until_it_is_brought_up_to_date(
    hand_in: HandIn, run: Work, editor: User, site: Site, memory: MemorySite, admin_user: User
) -> None:
    article = run(hand_in(formatter="template", site=site))
    post = dict(memory.posts[1])
    changed(article, editor, title="Quiet works", design="modern")
    article = run(article)

    assert (article.status, dict(memory.posts[1])) == (Status.DONE, post), "nothing was sent"
    shown = text(as_(admin_user).get(page_of(article)))
    assert "The page is newer than the post on Magazine. Bring the post up to date" in shown

    publish_tasks.submit(article, site, editor, options=Options())
    article = run(article)

    assert article.status == Status.DONE, article.error
    assert "Quiet works" in str(memory.posts[1])
    assert "Bring the post up to date" not in text(as_(admin_user).get(page_of(article)))


def test_it_is_rebuilt_from_its_tree_as_it_looks_and_with_the_page_before(
    done: Article, editor: User, run: Work
) -> None:
    changed(done, editor, design="essay", title="Quiet works", brand_accent="#00aa00")
    article = run(done)
    write_due()
    look, entries, prefix = look_of(article), article.earlier_files, article.tree_prefix
    article.attempts.all().delete()
    article.delete()

    again = Article.objects.get(pk=rebuild(prefix).article.pk)

    assert (again.status, look_of(again), again.earlier_files) == (Status.DONE, look, entries)
    assert again.tree.read(again.tree.files()[BEFORE])


def test_lost_before_it_is_laid_out_a_rebuilt_article_goes_on_with_the_look(
    done: Article, editor: User, run: Work
) -> None:
    changed(done, editor, design="essay")
    write_due()
    prefix, before = done.tree_prefix, laid_out(done)
    Article.objects.get().delete()

    again = rebuild(prefix).article
    assert again.status == Status.FAILED
    assert transitions.resume(again, editor)
    again = run(again)

    assert (again.status, again.design) == (Status.DONE, "essay")
    assert laid_out(again) != before


def test_one_that_has_stopped_at_its_site_goes_on_with_the_look(
    hand_in: HandIn, run: Work, editor: User, site: Site, memory: MemorySite
) -> None:
    article = stop(run(hand_in(formatter="template", site=site)))
    assert text(as_(editor).get(page_of(article))).count("Change how it looks") == 1

    as_(editor).post(page_of(article, "look"), given(article, design="modern"))
    said = Article.objects.get().events.latest("pk").message
    article = run(article)

    assert said == "ada changed how it looks: design, and the article goes on"
    assert (article.status, article.design) == (Status.DONE, "modern"), article.error


def test_what_was_seen_has_changed_and_what_was_chosen_is_shown_again(done: Article, editor: User, run: Work) -> None:
    posted = given(done, title="Mine", design="essay")
    changed(done, editor, design="modern")
    article = run(done)

    answer = as_(editor).post(page_of(done, "look"), posted)

    assert "has changed since you looked at it, and nothing was done" in text(answer)
    assert b'value="Mine"' in answer.content, "nothing that was typed is lost"
    assert b'value="essay" checked' in re.sub(rb" (?:required|id=\S+)", b"", answer.content)
    assert Article.objects.get().status == Status.DONE
    as_(editor).post(page_of(done, "look"), posted | {"seen": version(article)})
    assert (Article.objects.get().title, Article.objects.get().design) == ("Mine", "essay")


def test_a_second_press_does_nothing(done: Article, editor: User) -> None:
    posted = given(done, design="essay")
    as_(editor).post(page_of(done, "look"), posted)

    said = text(as_(editor).post(page_of(done, "look"), posted, follow=True))

    assert "cannot get another look now" in said
    assert done.events.filter(kind="changed").count() == 1


def test_of_two_at_once_the_second_is_refused(done: Article, editor: User) -> None:
    first, second = Article.objects.get(pk=done.pk), Article.objects.get(pk=done.pk)
    change(first, look_of(first) | {"title": "One"}, editor, seen=version(first))

    with pytest.raises(NotChanged):
        change(second, look_of(second) | {"title": "Two"}, editor, seen=version(second))

    assert Article.objects.get().title == "One"


def test_what_is_saved_on_its_own_page_meanwhile_stays(
    hand_in: HandIn, run: Work, editor: User, site: Site, memory: MemorySite
) -> None:
    stale = Article.objects.get(pk=stop(run(hand_in(formatter="template", site=site))).pk)
    Article.objects.update(title="Saved there")

    with pytest.raises(NotChanged, match="has changed since you looked at it"):
        change(stale, look_of(stale) | {"title": "Mine"}, editor, seen=version(stale))

    found = Article.objects.get()
    assert (found.title, found.status, found.earlier_files) == ("Saved there", Status.FAILED, [])
    assert not found.events.filter(message__contains="changed how it looks").exists()


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({}, "It looks so already."),
        ({"title": " "}, "Title: This field is required."),
        ({"design": "baroque"}, "Select a valid choice."),
        ({"brand_primary": "red"}, "Write a colour like #1a4d8f."),
        ({"formatter": "claude"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    done: Article, editor: User, posted: dict[str, str], said: str, settings: Settings
) -> None:
    settings.ANTHROPIC_API_KEY = ""

    assert said in text(as_(editor).post(page_of(done, "look"), given(done, **posted)))

    assert Article.objects.get().status == Status.DONE


def test_claude_that_cannot_be_asked_lays_nothing_out(
    hand_in: HandIn, run: Work, editor: User, settings: Settings, services: Doubles
) -> None:
    article = run(hand_in(idea="night trains", formatter="claude"))
    settings.ANTHROPIC_API_KEY = ""

    said = text(as_(editor).post(page_of(article, "look"), given(article, design="modern")))

    assert "Claude cannot lay this page out: choose the template." in said
    assert Article.objects.get().status == Status.DONE


def test_only_whoever_may_change_it_and_by_post(done: Article, editor: User, other_editor: User) -> None:
    posted = given(done, design="essay")
    assert as_(other_editor).post(page_of(done, "look"), posted).status_code == 404
    assert as_(other_editor).get(page_of(done, "look")).status_code == 404
    assert as_(editor).get(page_of(done, "look"), posted).status_code == 200
    editor.groups.clear()
    assert as_(editor).post(page_of(done, "look"), posted).status_code in (302, 403, 404)
    assert (Article.objects.get().design, Article.objects.get().status) == ("classic", Status.DONE)


def test_one_whose_backup_is_gone_and_one_that_moves_are_left_alone(done: Article, editor: User) -> None:
    for changes, said in (
        ({"tree_expired_at": timezone.now()}, "was removed"),
        ({"status": Status.QUEUED, "tree_expired_at": None}, "cannot get another look now"),
    ):
        Article.objects.update(queued_at=timezone.now(), **changes)
        assert "Change how it looks" not in text(as_(editor).get(page_of(done)))
        assert said in text(as_(editor).get(page_of(done, "look"), follow=True))
