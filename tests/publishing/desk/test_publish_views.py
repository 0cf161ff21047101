"""Publish in the desk: what is there and what will be there is shown before anything begins, and then it is done."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from articles.models import Article, Cost
from articles.providers.errors import Unreachable
from publishing import publish_tasks
from publishing.desk import outlook
from publishing.models import PublishTask, Site
from publishing.options import Options
from publishing.publishers import agent
from tests.desk import as_
from tests.publishing.conftest import Drive, Ready
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db
ASK = reverse("admin:articles_article_publish")


@pytest.fixture(autouse=True)
def looked_at(memory: MemorySite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that asks looks at the same site."""
    monkeypatch.setattr(outlook, "client_for", lambda site: memory.channel("rest")(site, None))


@pytest.fixture
def done(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> Article:
    return run(ready(magazine))


def choice(page: str, **changes: Any) -> dict[str, Any]:
    """The form of a page as a browser would send it, with what a person changes."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields.pop("csrfmiddlewaretoken", None)
    chosen = {"site": "", "when": "draft", "publisher": "", "tags": "", "categories": "", "comments": ""}
    site = re.search(r'<option value="(\d+)" selected', page)
    return {**chosen, **fields, **({"site": site[1]} if site else {}), **changes}


def ask(user: User, article: Article) -> str:
    answer = as_(user).get(ASK, {"ids": article.pk})
    assert answer.status_code == 200
    return answer.content.decode()


def press(user: User, page: str, **changes: Any) -> Any:
    return as_(user).post(ASK, choice(page, confirmed="yes", **changes), follow=True)


def test_it_says_what_is_there_and_what_will_be(memory: MemorySite, done: Article, editor: User) -> None:
    page = ask(editor, done)
    assert "draft 1, unchanged since it was sent" in page
    assert "bring draft 1 up to date" in page
    assert not done.publish_tasks.filter(was_done=True).exists(), "asking does nothing"


def test_a_choice_is_done_only_after_it_was_shown(memory: MemorySite, done: Article, editor: User, run: Drive) -> None:
    page = ask(editor, done)
    shown = press(editor, page, when="now", tags="Energy, Homes, Energy")
    said = shown.content.decode()
    assert "Nothing has begun yet" in said
    assert "then publish it" in said
    assert done.publish_tasks.count() == 1

    answer = press(editor, said, when="now", tags="Energy, Homes, Energy")
    task = done.publish_tasks.first()
    assert task
    assert answer.redirect_chain[-1][0] == task.get_absolute_url()
    assert task.asked.tags == ("Energy", "Homes")
    assert task.asked_by == editor
    run(done)
    assert memory.posts[1]["status"] == "publish"


def test_what_people_have_changed_there_is_said_and_written_over_only_when_ticked(
    memory: MemorySite, done: Article, editor: User
) -> None:
    memory.posts[1]["content"] += "<p>Hers.</p>"
    page = ask(editor, done)
    assert "which people have changed since" in page
    assert "Write over what was changed there" in page
    press(editor, page)
    task = done.publish_tasks.first()
    assert task
    assert task.asked.over == ""
    publish_tasks.cancel(task, editor)

    page = ask(editor, done)
    shown = press(editor, page, write_over="on").content.decode()
    press(editor, shown, write_over="on")
    task = done.publish_tasks.first()
    assert task
    assert task.asked.over == choice(page)["over"] != ""


def test_a_site_that_does_not_answer_is_no_reason_not_to_ask(
    memory: MemorySite, magazine: Site, done: Article, editor: User
) -> None:
    memory.fails["rest", "find_post"] = Unreachable(magazine.provider, "the site is down for a while", code="503")
    page = ask(editor, done)
    assert "could not be looked at: the site is down for a while" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"when": "at"}, "Give the time at which readers shall see it."),
        ({"when": "at", "publish_at": "2020-01-01T10:00"}, "This time is over."),
        ({"slug": "No Slug"}, "Use small letters"),
        ({"tags": ",".join(f"t{n}" for n in range(21))}, "20 are the most"),
        ({"tags": "x" * 101}, "longer than 100"),
        ({"site": "999999"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(
    memory: MemorySite, done: Article, editor: User, changes: dict[str, str], said: str
) -> None:
    answer = press(editor, ask(editor, done), **changes)
    assert said in answer.content.decode()
    assert done.publish_tasks.count() == 1


def test_at_a_time_of_the_desk(memory: MemorySite, done: Article, editor: User) -> None:
    at = timezone.localtime().replace(second=0, microsecond=0) + timedelta(days=1)
    wanted = {"when": "at", "publish_at": at.strftime("%Y-%m-%dT%H:%M")}
    press(editor, press(editor, ask(editor, done), **wanted).content.decode(), **wanted)
    task = done.publish_tasks.first()
    assert task
    assert task.asked.publish_at == at


def test_a_selection_goes_out_together(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    articles = [run(ready(magazine, title=f"Number {n}")) for n in range(3)]
    chosen = {"action": "publish_chosen", "_selected_action": [article.pk for article in articles]}
    page = as_(editor).post(reverse("admin:articles_article_changelist"), chosen).content.decode()
    assert "Publish 3 articles" in page
    assert "3 of them are there already" in page
    assert 'name="slug"' not in page
    press(editor, page)
    assert PublishTask.objects.filter(was_done=True).count() == 3


def test_an_unfinished_article_goes_out_when_it_is_done(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = ready(magazine)
    page = ask(editor, article)
    assert "it is not finished yet" in page
    press(editor, press(editor, page, when="now").content.decode(), when="now")
    article = run(article)
    assert article.status == Article.Status.DONE
    assert memory.posts[1]["status"] == "publish"


def test_without_a_site_it_says_who_adds_one(ready: Ready, editor: User, chief: User) -> None:
    article = ready()
    assert "Ask a chief editor" in ask(editor, article)
    assert reverse("admin:publishing_site_add") in ask(chief, article)


# Who


def test_another_persons_article_is_left_out(
    memory: MemorySite, magazine: Site, ready: Ready, other_editor: User
) -> None:
    article = ready(magazine)
    page = ask(other_editor, article)
    assert "There is nothing to publish here." in page
    assert str(article) not in page


def test_who_may_not_publish_is_refused(memory: MemorySite, magazine: Site, ready: Ready, editor: User) -> None:
    article = ready(magazine)
    for group in editor.groups.all():
        group.permissions.remove(Permission.objects.get(codename="add_publishtask"))
    assert as_(editor).get(ASK, {"ids": article.pk}).status_code == 403
    assert as_(editor).delete(ASK).status_code == 405


@pytest.fixture
def agent_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "may_be_used", lambda _: True)


@pytest.mark.usefixtures("agent_there")
def test_what_the_agent_may_spend_is_said_before(memory: MemorySite, done: Article, magazine: Site) -> None:
    chosen = outlook.outlook([done], magazine, Options(), "computer_use")
    assert chosen.cost == Cost(Decimal(2))
    by_the_site = outlook.outlook([done, done], magazine, Options())
    assert by_the_site.cost == Cost(Decimal(0))
    assert "the agent may spend up to $2.00 for an article" in by_the_site.mind
    assert "agent" not in outlook.outlook([done], magazine, Options(), "rest").mind


def test_where_there_is_no_agent_nothing_is_said_of_it(memory: MemorySite, done: Article, magazine: Site) -> None:
    will = outlook.outlook([done], magazine, Options())
    assert (will.cost, will.mind) == (Cost(Decimal(0)), "")
