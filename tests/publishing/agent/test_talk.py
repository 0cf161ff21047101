"""The agent against Anthropic's double and pages in memory: limits, deaths, and words that are no proof."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles import call_keys
from articles.desk.article_page import article_page
from articles.formats import money
from articles.models import Article, Call, DeskSettings
from articles.pipeline import transitions
from articles.pipeline.calls import Calls
from publishing import publish_tasks
from publishing.agent.talk import Talk
from publishing.models import Site
from publishing.publishers import agent
from tests.desk import as_
from tests.doubles.pilot import Action, Seen, click
from tests.doubles.server import Doubles
from tests.publishing.agent.conftest import Pages, code_of
from tests.publishing.conftest import Drive, Ready
from tests.publishing.dying import dies_after

pytestmark = pytest.mark.django_db


def turns(article: Article) -> list[Call]:
    return list(article.calls.filter(key__startswith="agent:"))


def test_it_publishes_and_the_ledger_says_what_it_cost(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive
) -> None:
    article = run(ready(steered))
    assert article.status == Article.Status.DONE, article.error
    assert (len(pages.site.posts), len(pages.site.media)) == (1, 2)
    task = article.publish_tasks.get()
    paid = turns(article)
    assert [call.key for call in paid] == [
        f"agent:{task.pk}.0:{goal}:{number}" for goal in ("hero", "section-1", "post") for number in (1, 2)
    ]
    assert {call.state for call in paid} == {Call.State.DONE}
    assert task.cost == sum(call.cost or 0 for call in paid) > Decimal(0)
    assert all(call.input_tokens > 6_600 and call.output_tokens for call in paid)
    assert task.film.filter(step="steered").count() >= 3
    page = article_page(article, article.owner)
    assert page.cost.known == task.cost
    assert "the hero on the site, turn 1" in [row.thing for row in page.calls]


def test_its_cost_stands_on_the_page_of_the_publication(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, editor: User
) -> None:
    task = run(ready(steered)).publish_tasks.get()
    said = as_(editor).get(task.get_absolute_url()).content.decode()
    assert f"cost {money(task.cost)}" in said
    assert "Agent in a browser" in said
    assert "The agent at work" in said


def test_what_it_is_shown_holds_no_secret(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive
) -> None:
    run(ready(steered))
    assert pages.site.posts
    assert "s3cret pass word" not in str([request.body for request in pilot.requests("anthropic")])


def test_its_turns_are_counted_before_each_call(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, settings: Settings
) -> None:
    settings.GALLEY_AGENT_TURNS = 3
    article = run(ready(steered))
    assert (article.status, code_of(article.error)) == (Article.Status.FAILED, "agent_turns")
    assert len(turns(article)) == len(pilot.requests("anthropic")) == 3
    assert "GALLEY_AGENT_TURNS" in str(article.error)


def test_so_are_the_seconds_that_it_was_at_work(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, settings: Settings, editor: User
) -> None:
    article = ready(steered)
    task, _ = publish_tasks.submit(article, steered, editor)
    now, worked = timezone.now(), timedelta(seconds=settings.GALLEY_AGENT_SECONDS)
    done = {"state": Call.State.DONE, "answer": {}, "sent_at": now - worked, "done_at": now}
    key = call_keys.agent_turn(call_keys.agent_go(task.pk, 0), "page", 1)
    Call.objects.create(article=article, key=key, provider="agent", idempotency_key="k", **done)
    assert code_of(run(article).error) == "agent_seconds"
    assert not pilot.requests("anthropic")


def test_it_stops_before_a_turn_that_may_cost_too_much(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, settings: Settings
) -> None:
    settings.GALLEY_AGENT_DOLLARS = Decimal("0.070")
    article = run(ready(steered))
    assert code_of(article.error) == "agent_dollars"
    assert Decimal(0) < sum(call.cost or 0 for call in turns(article)) < Decimal("0.070")
    assert not any(call.reserved for call in turns(article))


def test_the_desk_may_set_a_narrower_limit(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive
) -> None:
    DeskSettings.objects.update_or_create(name="desk", defaults={"limit_agent_run": Decimal("0.070")})
    article = run(ready(steered))
    assert code_of(article.error) == "agent_dollars"
    DeskSettings.objects.update(limit_agent_run=0)
    assert "Limits" in agent.missing()


def test_an_unknown_price_may_be_refused(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, settings: Settings
) -> None:
    settings.GALLEY_AGENT_MODEL, settings.GALLEY_UNKNOWN_PRICES = "claude-sonnet-5-9", "refuse"
    assert code_of(run(ready(steered)).error) == "agent_price"
    assert not pilot.requests("anthropic")


def test_a_person_gives_it_the_same_once_more(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, settings: Settings, editor: User
) -> None:
    settings.GALLEY_AGENT_TURNS = 3
    article = run(ready(steered))
    settings.GALLEY_AGENT_TURNS = 4
    transitions.resume(article, editor)
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    task = article.publish_tasks.get()
    assert task.cost == sum(call.cost or 0 for call in turns(article)), "what it cost before counts as well"
    assert (len(pages.site.posts), len(pages.site.media)) == (1, 2)


def test_its_word_is_no_proof(pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive) -> None:
    pilot.steer(lambda _: "All done! The picture is there.")
    article = run(ready(steered))
    assert (article.status, code_of(article.error)) == (Article.Status.FAILED, "agent_contradicted")
    assert len(turns(article)) == 2, "it was told once that the site says otherwise"
    assert pages.site.media == {}


def test_nor_is_its_despair(pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive) -> None:
    """It says that nothing worked, and all of it is there."""

    def gloomy(seen: Seen) -> str | list[Action]:
        what = ("title", "text") if "draft" in seen.goal else ("picture",)
        put = [("put", {"what": each}) for each in what]
        return [*put, click("e1")] if seen.turn == 1 else "I could not do it."

    pilot.steer(gloomy)
    assert run(ready(steered)).status == Article.Status.DONE
    assert (len(pages.site.posts), len(pages.site.media)) == (1, 2)


def test_on_a_page_that_does_not_move_it_stops(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive
) -> None:
    pages.stubborn = True
    pilot.steer(lambda _: [click("e1")])
    article = run(ready(steered))
    assert code_of(article.error) == "agent_stuck"
    assert len(turns(article)) == 3


def test_who_goes_where_it_has_no_business_is_stopped(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive
) -> None:
    pilot.steer(lambda seen: [("navigate", {"url": f"{seen.dashboard}users.php"})])
    article = run(ready(steered))
    assert code_of(article.error) == "agent_strayed"
    assert len(turns(article)) == 3


@pytest.mark.parametrize(("fault", "code"), [("refusal", "agent_refused"), ("max_tokens", "agent_cut_off")])
def test_an_answer_that_asks_for_nothing_ends_it(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, fault: str, code: str
) -> None:
    pilot.fail("anthropic", "messages", fault)
    assert code_of(run(ready(steered)).error) == code
    assert pages.site.media == {}


def test_after_an_action_that_failed_the_others_are_not_done(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive
) -> None:
    told = []

    def clumsy(seen: Seen) -> str | list[Action]:
        told.append(seen.text)
        return [click("e99"), ("nothing", {}), click("e1"), ("javascript_exec", {"text": "1"})]

    pilot.steer(clumsy)
    run(ready(steered))
    assert pages.site.media == {}
    assert "Not executed" in told[1]


def test_a_wrong_key_stops_it_and_says_so(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive
) -> None:
    pilot.fail("anthropic", "messages", "unauthorized")
    article = run(ready(steered))
    assert article.status == Article.Status.FAILED
    assert article.error
    assert article.error["provider"] == "agent"


STEPS = [(Calls, "_intend"), (Calls, "_receive"), (Talk, "_done"), (Calls, "done")]


@pytest.mark.parametrize("moment", range(1, 25))
def test_killed_at_any_step_there_is_one_of_each(
    pages: Pages, steered: Site, pilot: Doubles, ready: Ready, run: Drive, go_on: Drive, moment: int
) -> None:
    article = ready(steered)
    with dies_after(moment, STEPS):
        run(article)
    article = go_on(article)
    assert article.status == Article.Status.DONE, article.error
    assert (len(pages.site.posts), len(pages.site.media)) == (1, 2)
    paid = turns(article)
    assert len(pilot.requests("anthropic")) <= sum(call.sends for call in paid)
    assert [call.key for call in paid if call.sends > 1] == [call.key for call in paid if call.lost_answers]
    assert article.events.filter(kind="repeated").count() == sum(call.lost_answers for call in paid)
    assert {call.state for call in paid} <= {Call.State.DONE, Call.State.CLOSED}, "nobody waits for an answer"
