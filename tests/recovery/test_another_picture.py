"""Another picture for a place of an article that is done: once, paid for once, and what stood there is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from articles import call_keys
from articles.models import Article, ImageFile
from articles.pipeline import transitions
from articles.providers.errors import Rejected
from articles.tree import retention
from articles.tree.due import write_due
from backups.trees.tree import Tree
from publishing import publish_tasks
from publishing.models import PublishTask, Site
from publishing.options import Options
from recovery.changes.opening import NotChanged
from recovery.changes.picture import Wish, change, version
from recovery.plan import plan
from recovery.rebuild.article import rebuild
from tests.articles.content.reading.pictured import photograph
from tests.conftest import HandIn
from tests.desk import as_, page_of, text
from tests.doubles.server import Doubles
from tests.publishing.conftest import magazine as magazine_site
from tests.publishing.conftest import memory as memory
from tests.publishing.dying import dies_after
from tests.publishing.memory_site import MemoryChannel, MemorySite

pytestmark = pytest.mark.django_db
site = magazine_site

Work = Callable[[Article], Article]
Status = Article.Status
WRITES = [(Tree, "add"), (Tree, "commit")]
QUAY, BEFORE = photograph("teal"), "03_hero_before_1.jpg"


@pytest.fixture
def done(hand_in: HandIn, run: Work) -> Article:
    article = run(hand_in(formatter="template"))
    assert article.status == Status.DONE
    return article


def hero(article: Article) -> ImageFile:
    return article.images.get(role="hero")


def address(article: Article, role: str = "hero") -> str:
    return page_of(article).replace("change/", f"picture/{role}/")


def given(article: Article, what: str, **fields: Any) -> dict[str, Any]:
    image = hero(article)
    said = {"what": what, "prompt": image.prompt, "alt_text": image.alt_text, "seen": version(article, image)}
    return said | fields


def wished(article: Article, by: User, role: str = "hero", **fields: Any) -> None:
    article = Article.objects.get(pk=article.pk)
    image = article.images.get(role=role)
    change(article, image, Wish(**{"alt_text": "A quay", **fields}), by, seen=version(article, image))


def _tasks(article: Article) -> list[PublishTask]:
    return list(PublishTask.objects.filter(article=article).order_by("pk"))


def layout(page: str) -> str:
    """A page without what its pictures say of themselves."""
    return re.sub(r"<img[^>]*>", "", page)


def laid_out(article: Article) -> str:
    return article.tree.read(article.tree.files()["04_formatted.html"]).decode()


def test_a_file_takes_the_place_and_the_picture_before_stays(done: Article, editor: User, run: Work) -> None:
    before, page = done.tree.read(hero(done).stored), laid_out(done)
    asked = text(as_(editor).get(address(done)))
    assert "A file of yours · no paid call" in asked

    posted = given(done, "file", file=SimpleUploadedFile("quay.png", QUAY), alt_text="A quay at dawn")
    said = as_(editor).post(address(done), posted, follow=True)

    assert "The hero image is on its way." in text(said)
    article = run(done)
    image = hero(article)
    assert (article.status, image.alt_text) == (Status.DONE, "A quay at dawn")
    assert article.tree.read(image.stored) != before
    assert article.tree.read(article.tree.files()[BEFORE]) == before, "it stays, and the manifest names it"
    assert 'alt="A quay at dawn"' in laid_out(article)
    assert BEFORE not in laid_out(article)
    assert layout(laid_out(article)) == layout(page)
    assert article.tree.verify() == []
    assert article.events.get(kind="changed").message == "ada changed the hero image: a file takes its place"


def test_the_picture_before_can_be_taken_again_as_it_was(done: Article, editor: User, run: Work) -> None:
    before = done.tree.read(hero(done).stored)
    as_(editor).post(address(done), given(done, "file", file=SimpleUploadedFile("quay.png", QUAY)))
    article = run(done)

    as_(editor).post(address(done), given(article, f"before:{BEFORE}"))

    article = run(done)
    assert article.tree.read(hero(article).stored) == before
    assert len(article.earlier_files) == 4, "two pictures and two pages"


def test_another_one_of_a_changed_prompt_is_paid_for_once_and_the_page_is_not(
    hand_in: HandIn, run: Work, editor: User, services: Doubles
) -> None:
    article = run(hand_in(idea="night trains"))
    page, layouts = laid_out(article), len(services.requests("anthropic", "messages"))
    made = len(services.requests("replicate", "create"))
    assert re.search(
        r"A picture made of these words · 1 paid call, (about|cost)", text(as_(editor).get(address(article)))
    )

    as_(editor).post(address(article), given(article, "made", prompt="A station at dawn"))
    article = run(article)

    assert article.status == Status.DONE, article.error
    assert len(services.requests("replicate", "create")) == made + 1
    assert services.requests("replicate", "create")[-1].body["input"]["prompt"] == "A station at dawn"
    assert len(services.requests("anthropic", "messages")) == layouts
    assert layout(laid_out(article)) == layout(page)
    assert [entry["of"] for entry in article.earlier_files] == ["03_hero.jpg", "04_formatted.html"]
    assert article.calls.filter(key=call_keys.image("hero"), answer__isnull=False).count() == 2


@pytest.mark.parametrize(("what", "moments"), [("made", (2, 3, 4)), ("words", (2, 3, 2))])
def test_killed_at_any_write_it_comes_to_the_same_and_nothing_is_bought_twice(
    what: str, moments: tuple[int, ...], hand_in: HandIn, run: Work, editor: User, services: Doubles
) -> None:
    article = run(hand_in(idea="night trains"))
    bought = len(services.requests("replicate", "create"))
    layouts = len(services.requests("anthropic", "messages"))
    wished(article, editor, **({"only_words": True} if what == "words" else {"prompt": "A station"}))
    for moment in moments:  # of each go: files and manifests
        with dies_after(moment, WRITES):
            run(article)
    article = run(article)

    assert article.status == Status.DONE, article.error
    assert len(services.requests("replicate", "create")) == bought + (what == "made")
    assert len(services.requests("anthropic", "messages")) == layouts
    assert 'alt="A quay"' in laid_out(article)
    assert article.tree.verify() == []


def test_words_alone_change_the_page_and_no_picture(done: Article, editor: User, run: Work) -> None:
    before = hero(done).sha256

    as_(editor).post(address(done), given(done, "words", alt_text="The quay at night"))

    article = run(done)
    assert hero(article).sha256 == before
    assert 'alt="The quay at night"' in laid_out(article)
    assert b"The quay at night" in article.tree.read(article.tree.files()["02_prompts.txt"])
    assert [entry["of"] for entry in article.earlier_files] == ["04_formatted.html"]


def test_the_post_stays_until_it_is_brought_up_to_date(
    hand_in: HandIn, run: Work, editor: User, site: Site, memory: MemorySite, admin_user: User
) -> None:
    article = run(hand_in(formatter="template", site=site))
    post = dict(memory.posts[1])
    assert "Bring the post up to date" not in text(as_(admin_user).get(page_of(article)))
    wished(article, editor, article.images.exclude(role="hero").earliest("pk").role, only_words=True)
    article = run(article)

    assert (article.status, dict(memory.posts[1])) == (Status.DONE, post), "nothing was sent"
    shown = text(as_(admin_user).get(page_of(article)))
    assert "The page is newer than the post on Magazine. Bring the post up to date" in shown
    long_ago = timezone.now() + timedelta(days=30)
    assert retention.judge(article.tree.manifest(), long_ago, timedelta(days=7)) == "its page is newer than its post"

    publish_tasks.submit(article, site, editor, options=Options())
    article = run(article)

    assert article.status == Status.DONE, article.error
    assert "A quay" in str(memory.posts[1])
    assert "Bring the post up to date" not in text(as_(admin_user).get(page_of(article)))


@pytest.mark.parametrize("by_somebody", [False, True])
def test_words_of_now_go_to_the_media_library_unless_somebody_wrote_others_there(
    by_somebody: bool, hand_in: HandIn, run: Work, editor: User, site: Site, memory: MemorySite
) -> None:
    article = run(hand_in(formatter="template", site=site))
    wished(article, editor, only_words=True)
    article = run(article)
    number = hero(article).wordpress_media_id
    assert number
    if by_somebody:
        memory.media[number]["alt_text"] = "Theirs"
    memory.asked.clear()

    for _ in range(2):
        publish_tasks.submit(article, site, editor, options=Options())
        article = run(article)

    assert article.status == Status.DONE, article.error
    assert memory.media[number]["alt_text"] == ("Theirs" if by_somebody else "A quay")
    assert len(memory.made("update_media")) == (0 if by_somebody else 1)
    assert len(memory.made("upload")) == 0
    told = [[each["state"] for each in task.kept if each["field"] == "alt_text"] for task in _tasks(article)]
    assert told == ([[], ["changed"], ["changed"]] if by_somebody else [[], ["kept"], []])


def test_killed_while_words_go_to_the_media_library_they_are_there_once(
    hand_in: HandIn, run: Work, editor: User, site: Site, memory: MemorySite
) -> None:
    article = run(hand_in(formatter="template", site=site))
    wished(article, editor, only_words=True)
    article = run(article)
    publish_tasks.submit(article, site, editor, options=Options())
    with dies_after(1, [(MemoryChannel, "update_media")]):
        run(article)

    article = run(article)

    assert article.status == Status.DONE, article.error
    assert memory.media[hero(article).wordpress_media_id or 0]["alt_text"] == "A quay"
    assert len(memory.made("update_media")) == 1


def test_it_is_rebuilt_from_its_tree_with_all_that_stood_there(done: Article, editor: User, run: Work) -> None:
    as_(editor).post(address(done), given(done, "file", file=SimpleUploadedFile("quay.png", QUAY)))
    article = run(done)
    write_due()
    kept, sha256, prefix, entries = (
        hero(article).given,
        hero(article).sha256,
        article.tree_prefix,
        article.earlier_files,
    )
    article.attempts.all().delete()
    article.delete()

    again = rebuild(prefix).article

    again = Article.objects.get(pk=again.pk)
    assert (again.status, again.earlier_files, hero(again).given) == (Status.DONE, entries, kept)
    assert hero(again).sha256 == sha256
    assert again.tree.read(again.tree.files()[BEFORE])


def test_lost_before_it_is_made_a_rebuilt_article_still_brings_the_file(done: Article, editor: User, run: Work) -> None:
    as_(editor).post(address(done), given(done, "file", file=SimpleUploadedFile("quay.png", QUAY)))
    write_due()
    prefix = done.tree_prefix
    Article.objects.get().delete()

    again = rebuild(prefix).article
    assert again.status == Status.FAILED
    assert plan(Article.objects.get()).calls == ()
    assert transitions.resume(again, editor)
    again = run(again)

    assert (again.status, bool(hero(again).given)) == (Status.DONE, True)


def test_an_earlier_one_that_is_lost_stops_nothing(done: Article, editor: User, run: Work) -> None:
    wished(done, editor, prompt="Another")
    article = run(done)
    article.tree.storage.delete(article.tree.path(BEFORE))
    Article.objects.update(status=Status.CANCELLED)
    assert transitions.resume(article, editor)

    article = run(article)

    assert article.status == Status.DONE, article.error
    assert [entry["of"] for entry in article.earlier_files] == ["04_formatted.html"]
    assert article.tree.verify() == []


def test_what_else_has_changed_meanwhile_is_laid_out(done: Article, editor: User, run: Work) -> None:
    wished(done, editor, only_words=True)
    Article.objects.update(design="modern")
    design = Article.objects.get().design
    before = laid_out(done)

    article = run(done)

    assert (article.design, article.status) == (design, Status.DONE)
    assert layout(laid_out(article)) != layout(before)


def test_of_two_at_once_the_second_is_refused(done: Article, editor: User) -> None:
    seen = version(done, hero(done))
    wished(done, editor, prompt="One")

    with pytest.raises(NotChanged):
        change(done, hero(done), Wish("", prompt="Two"), editor, seen=seen)

    assert hero(done).prompt == "One"
    assert done.events.filter(kind="changed").count() == 1


def test_a_stopped_one_takes_a_file_for_the_picture_that_was_declined(
    hand_in: HandIn, run: Work, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def declines(*_: Any) -> Any:
        raise Rejected("pictures", "it declined the prompt", code="declined")

    article = hand_in(formatter="template")
    with monkeypatch.context() as patch:
        patch.setattr("articles.stages.images._drawn", declines)
        assert run(article).status == Status.FAILED

    article = Article.objects.get()
    as_(editor).post(address(article), given(article, "file", file=SimpleUploadedFile("quay.png", QUAY)))
    article = run(article)

    assert article.status == Status.DONE, article.error
    assert hero(article).given
    assert article.earlier_files == [], "nothing stood there"


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"what": "file", "file": SimpleUploadedFile("a.png", b"no picture")}, "This file cannot be used"),
        ({"what": "file"}, "Choose a file."),
        ({"what": "made", "prompt": " "}, "Say what the picture shall show."),
        ({"what": "before:../manifest.json"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    done: Article, editor: User, posted: dict[str, Any], said: str
) -> None:
    answer = as_(editor).post(address(done), given(done, **posted))

    assert said in text(answer)
    assert Article.objects.get().status == Status.DONE


def test_only_whoever_may_change_it_and_by_post(
    done: Article, editor: User, other_editor: User, hand_in: HandIn
) -> None:
    assert as_(other_editor).post(address(done), given(done, "words")).status_code == 404
    editor.groups.clear()
    assert as_(editor).post(address(done), given(done, "words")).status_code in (302, 403, 404)
    assert Article.objects.get().status == Status.DONE
    assert Article.objects.get().events.filter(kind="changed").count() == 0


def test_one_whose_backup_is_gone_and_one_that_moves_are_left_alone(done: Article, editor: User) -> None:
    for changes, said in (
        ({"tree_expired_at": timezone.now()}, "was removed"),
        ({"status": Status.QUEUED, "tree_expired_at": None}, "cannot get another picture now"),
    ):
        Article.objects.update(queued_at=timezone.now(), **changes)
        assert said in text(as_(editor).get(address(done), follow=True))


def test_no_price_is_said_where_nothing_is_paid(done: Article, editor: User) -> None:
    assert "A picture made of these words · no paid call" in text(as_(editor).get(address(done)))
    assert Decimal(0) == sum((call.cost or 0 for call in done.calls.all()), Decimal(0))
