"""The agent as a way: what it needs, when it is passed over, when it is turned to."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from articles.models import Article
from articles.providers.agent import toolset_of
from articles.providers.errors import Garbled, Refused, Rejected, Unreachable
from articles.providers.prices import PUBLISHED
from publishing import publish_tasks
from publishing.browser import chromium
from publishing.models import Site
from publishing.publishers import agent, browser, hybrid
from publishing.publishers.fates import TRIES, Fate, fate_of
from tests.publishing.conftest import Drive, Ready
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db


@pytest.fixture
def equipped(monkeypatch: pytest.MonkeyPatch, settings: Settings, magazine: Site) -> Site:
    """A site for which there is all that an agent needs."""
    monkeypatch.setattr(browser, "missing", lambda: "")
    settings.ANTHROPIC_API_KEY = "sk-ant-test"
    magazine.web_secret = "a password of the login page"
    magazine.save()
    return magazine


LACKS = [
    ("ANTHROPIC_API_KEY", "", "ANTHROPIC_API_KEY"),
    ("GALLEY_AGENT_DOLLARS", 0, "GALLEY_AGENT_DOLLARS"),
    ("GALLEY_AGENT_MODEL", "claude-haiku-5-5", "GALLEY_AGENT_MODEL"),
]


@pytest.mark.parametrize(("setting", "value", "helps"), LACKS)
def test_what_it_lacks_is_named_with_the_one_thing_that_helps(
    equipped: Site, settings: Settings, ready: Ready, run: Drive, editor: User, setting: str, value: object, helps: str
) -> None:
    assert agent.may_be_used(equipped)
    setattr(settings, setting, value)
    assert not agent.may_be_used(equipped)
    article = ready(equipped)
    publish_tasks.submit(article, equipped, editor, publisher="computer_use")
    article = run(article)
    assert article.status == Article.Status.FAILED
    assert article.error
    assert article.error["code"] == "no_agent"
    assert helps in article.error["mend"]


def test_without_playwright_it_says_what_the_browser_says(
    equipped: Site,
    ready: Ready,
    run: Drive,
    editor: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacking = "the Python package playwright is missing: pip install -r requirements-browser.txt"
    for module in (browser, chromium):
        monkeypatch.setattr(module, "missing", lambda: lacking)
    assert not agent.may_be_used(equipped)
    article = ready(equipped)
    publish_tasks.submit(article, equipped, editor, publisher="computer_use")
    article = run(article)
    assert article.error
    assert article.error["code"] == "no_browser"
    assert "requirements-browser.txt" in article.error["mend"]


@pytest.fixture
def all_ways(monkeypatch: pytest.MonkeyPatch) -> MemorySite:
    site = MemorySite()
    monkeypatch.setattr(hybrid, "WAYS", site.ways("rest", "xmlrpc", "playwright", "computer_use"))
    return site


def test_where_all_else_fails_it_is_turned_to(all_ways: MemorySite, equipped: Site, ready: Ready, run: Drive) -> None:
    for way in ("rest", "xmlrpc"):
        all_ways.fails[way, "check"] = Refused(equipped.provider, "a firewall", code="firewall")
    all_ways.fails["playwright", "check"] = Garbled(equipped.provider, "a strange page", code="unknown_screen")
    article = run(ready(equipped))
    assert article.status == Article.Status.DONE, article.error
    assert article.publish_tasks.get().way == "computer_use"
    assert (len(all_ways.posts), len(all_ways.media)) == (1, 2)


def test_without_a_key_it_is_passed_over(
    all_ways: MemorySite, equipped: Site, settings: Settings, ready: Ready, run: Drive
) -> None:
    settings.ANTHROPIC_API_KEY = ""
    for way in ("rest", "xmlrpc"):
        all_ways.fails[way, "check"] = Refused(equipped.provider, "a firewall", code="firewall")
    all_ways.fails["playwright", "check"] = Garbled(equipped.provider, "a strange page", code="unknown_screen")
    article = run(ready(equipped))
    assert article.status == Article.Status.FAILED
    assert all_ways.made("check") == ["rest", "xmlrpc", "playwright"]


STAYS = ["login", "rights", "413", "empty_content", "locked", "maintenance", "429", "second_factor", "edited"]


@pytest.mark.parametrize("code", STAYS)
def test_what_is_so_by_each_way_is_tried_by_no_other(code: str) -> None:
    exc = Refused("wordpress:1", "so it is", code=code)
    assert {fate_of(way, exc, 0) for way in ("playwright", "computer_use")} == {Fate.STAYS}


CELLS = [
    ("playwright", Garbled, "unknown_screen", Fate.WORN),
    ("playwright", Refused, "no_browser", Fate.WORN),
    ("playwright", Refused, "no_web_secret", Fate.WORN),
    ("computer_use", Refused, "no_browser", Fate.WORN),
    ("computer_use", Refused, "no_web_secret", Fate.WORN),
    ("computer_use", Refused, "no_agent", Fate.WORN),
    *((way, Refused, code, Fate.CLOSED) for way in ("playwright", "computer_use") for code in ("403", "firewall")),
    *((way, Rejected, "no_dashboard", Fate.CLOSED) for way in ("playwright", "computer_use")),
    ("computer_use", Garbled, "unknown_screen", Fate.STAYS),
    *(
        ("computer_use", Rejected, f"agent_{why}", Fate.STAYS)
        for why in ("turns", "seconds", "dollars", "price", "refused", "cut_off", "contradicted", "stuck", "strayed")
    ),
]


@pytest.mark.parametrize(("way", "kind", "code", "fate"), CELLS)
def test_its_cells_of_the_table(way: str, kind: type[Refused], code: str, fate: Fate) -> None:
    assert fate_of(way, kind("wordpress:1", "so it is", code=code), 99) == fate


def test_what_is_missing_on_a_page_wears_the_browser_out_and_then_it_is_turned_to() -> None:
    exc = Unreachable("wordpress:1", "so it is", code="timeout")
    assert [fate_of("playwright", exc, tries) for tries in (0, TRIES)] == [Fate.STAYS, Fate.WORN]


@pytest.mark.parametrize(
    ("model", "knows"),
    [
        ("claude-sonnet-5-5", True),
        ("claude-opus-4-8", True),
        ("claude-opus-5-5-20260901", True),
        ("claude-fable-5", True),
        ("claude-mythos-6", True),
        ("claude-haiku-5-5", False),
        ("claude-sonnet-4", False),
        ("claude-sonnet-4-20250514", False),
        ("gpt-5", False),
    ],
)
def test_models_that_steer_a_browser(model: str, knows: bool) -> None:
    assert bool(toolset_of(model)) == knows


def test_the_model_that_is_used_by_default_has_a_price(settings: Settings) -> None:
    assert PUBLISHED.knows(settings.GALLEY_AGENT_MODEL)
