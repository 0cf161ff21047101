"""Which failure changes the way, and that nothing is made twice when it does."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from articles.models import Article
from articles.pipeline import transitions
from articles.providers.errors import Busy, ProviderError, Refused, Rejected, Unreachable
from publishing.models import Site
from publishing.publishers.fates import TRIES, Fate, fate_of
from tests.publishing.conftest import Drive, Ready
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db


CELLS = [
    (Refused, "login", Fate.DOUBTFUL, Fate.STAYS),
    (Refused, "rights", Fate.STAYS, Fate.STAYS),
    (Rejected, "rest_upload_sideload_error", Fate.STAYS, Fate.STAYS),
    (Rejected, "413", Fate.STAYS, Fate.STAYS),
    (Rejected, "empty_content", Fate.STAYS, Fate.STAYS),
    (Rejected, "edited", Fate.STAYS, Fate.STAYS),
    (Refused, "locked_out", Fate.STAYS, Fate.STAYS),
    (Refused, "robot_check", Fate.STAYS, Fate.STAYS),
    (Refused, "web_password", Fate.STAYS, Fate.STAYS),
    (Refused, "undecipherable", Fate.STAYS, Fate.STAYS),
    (Unreachable, "wp_die", Fate.STAYS, Fate.STAYS),
    (Unreachable, "settling", Fate.STAYS, Fate.STAYS),
    (Busy, "429", Fate.STAYS, Fate.STAYS),
    (Rejected, "rest_no_route", Fate.CLOSED, Fate.STAYS),
    (Rejected, "rest_disabled", Fate.CLOSED, Fate.STAYS),
    (Rejected, "404", Fate.CLOSED, Fate.CLOSED),
    (Rejected, "redirected", Fate.CLOSED, Fate.STAYS),
    (Refused, "403", Fate.CLOSED, Fate.CLOSED),
    (Refused, "firewall", Fate.CLOSED, Fate.CLOSED),
    (Refused, "xmlrpc_off", Fate.STAYS, Fate.CLOSED),
]


@pytest.mark.parametrize(("kind", "code", "by_rest", "by_xmlrpc"), CELLS, ids=lambda value: str(value))
def test_the_table_cell_by_cell(kind: type[ProviderError], code: str, by_rest: Fate, by_xmlrpc: Fate) -> None:
    exc = kind("wordpress:1", "so it is", code=code)
    assert (fate_of("rest", exc, 0), fate_of("xmlrpc", exc, 0)) == (by_rest, by_xmlrpc)
    assert fate_of("rest", exc, 99) == by_rest, "these do not wear a way out"


@pytest.mark.parametrize("code", ["500", "504", "nothing", "no_json", "timeout"])
def test_a_way_that_fails_without_a_word_is_tried_again_first(code: str) -> None:
    exc = Unreachable("wordpress:1", "so it is", code=code)
    assert [fate_of("rest", exc, tries) for tries in range(TRIES + 1)] == [Fate.STAYS] * TRIES + [Fate.WORN]


def one_of_each(memory: MemorySite) -> bool:
    return len(memory.posts) == 1 and len(memory.media) == 2


def test_where_rest_is_closed_the_next_way_is_taken_by_all(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive
) -> None:
    memory.fails["rest", "check"] = Rejected(magazine.provider, "no route", code="rest_no_route")
    article = run(ready(magazine))
    assert article.status == Article.Status.DONE, article.error
    assert one_of_each(memory)
    task = article.publish_tasks.get()
    assert task.way == "xmlrpc"
    [turn] = task.turns
    assert (turn["from"], turn["to"], turn["code"], turn["reason"]) == ("rest", "xmlrpc", "rest_no_route", "no route")
    magazine.refresh_from_db()
    assert magazine.closed_ways["rest"]["code"] == "rest_no_route"
    run(ready(magazine, title="Another one"))
    assert memory.made("check") == ["rest", "xmlrpc", "xmlrpc"], "the second article does not ask a closed way"


def test_a_wrong_password_is_tried_once_more_and_nowhere_else(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive
) -> None:
    for way in ("rest", "xmlrpc"):
        memory.fails[way, "check"] = Refused(magazine.provider, "wrong", code="login")
    article = run(ready(magazine))
    assert article.status == Article.Status.FAILED
    assert memory.made("check") == ["rest", "xmlrpc"]
    magazine.refresh_from_db()
    assert magazine.closed_ways == {}, "the password is wrong, and no way is closed"


def test_a_login_that_arrives_by_another_way_closes_the_first(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive
) -> None:
    memory.fails["rest", "check"] = Refused(magazine.provider, "not seen", code="login")
    article = run(ready(magazine))
    assert article.status == Article.Status.DONE
    magazine.refresh_from_db()
    assert magazine.closed_ways["rest"]["code"] == "login"


@pytest.mark.parametrize("method", ["upload", "create_draft"])
def test_what_was_made_before_its_answer_was_lost_is_found_by_the_next_way(
    memory: MemorySite, magazine: Site, ready: Ready, go_on: Drive, method: str
) -> None:
    """REST answers 500 after the insert, and to everything that follows."""
    lost = Unreachable(magazine.provider, "an error of its own", code="500")
    memory.loses["rest", method] = lost
    article = ready(magazine)
    Article.objects.filter(pk=article.pk).update(retries=0)
    memory_fails_after(memory, method, Unreachable(magazine.provider, "an error of its own", code="500", lost=False))
    article = go_on(article)
    assert article.status == Article.Status.DONE, article.error
    assert article.publish_tasks.get().way == "xmlrpc"
    assert one_of_each(memory)


def memory_fails_after(memory: MemorySite, method: str, failure: ProviderError) -> None:
    """Everything by REST fails from then on that this method was called."""
    calls = memory.asked

    class Watching(list[tuple[str, str]]):
        def append(self, call: tuple[str, str]) -> None:
            super().append(call)
            if call == ("rest", method):
                later = ("check", "media_there", "find_media", "find_post")
                memory.fails |= {("rest", name): failure for name in later}

    memory.asked = Watching(calls)


def test_what_one_way_was_refused_is_asked_anew_by_the_next(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive
) -> None:
    memory.fails["rest", "upload"] = Refused(magazine.provider, "a firewall", code="403")
    article = run(ready(magazine))
    assert article.status == Article.Status.DONE, article.error
    assert one_of_each(memory)


def test_after_recover_the_best_way_is_tried_first_again(
    memory: MemorySite, magazine: Site, ready: Ready, run: Drive, editor: User
) -> None:
    for way in ("rest", "xmlrpc"):
        memory.fails[way, "check"] = Refused(magazine.provider, "wrong", code="login")
    article = run(ready(magazine))
    memory.fails.clear()
    transitions.resume(article, editor)
    article = run(article)
    assert article.publish_tasks.get().way == "rest"


def test_a_site_says_the_order(memory: MemorySite, magazine: Site, ready: Ready, run: Drive) -> None:
    magazine.ways = "xmlrpc, rest"
    magazine.save()
    assert run(ready(magazine)).publish_tasks.get().way == "xmlrpc"
