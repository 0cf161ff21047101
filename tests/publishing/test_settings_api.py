"""`/api/v1/settings`: a site tried with what is saved of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from articles.models import DeskSettings
from publishing.models import Site, Way
from publishing.settings_api import sites
from publishing.trial.findings import OPEN, Finding, State, Trial
from tests.publishing.conftest import Impostor, new_site
from tests.publishing.test_api import with_token_of

pytestmark = pytest.mark.django_db
TEST = "/api/v1/settings/test-connection"


def send(who: Client, **body: Any) -> Any:
    return who.post(TEST, json.dumps(body), content_type="application/json")


def test_a_site_is_tried_with_what_is_saved(impostor: Impostor, chief: User) -> None:
    site = new_site(impostor.url)
    answer = send(with_token_of(chief), site_id=str(site.pk))
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["works"], said["open_ways"]) == (True, ["rest"])
    first = said["findings"][0]
    assert (first["about"], first["code"], first["state"]) == ("rest", "open", "good")
    assert first["sentence"] == "User “desk” signs in, and may write drafts and upload pictures."
    assert site.secret not in answer.content.decode()
    site.refresh_from_db()
    assert site.trial["findings"][0] == {"about": "rest", "code": "open", "state": "good", "values": {}}


def test_a_failure_is_an_answer(chief: User) -> None:
    site = new_site("http://127.0.0.1:9")
    said = send(with_token_of(chief), site_id=str(site.pk)).json()
    assert (said["works"], said["open_ways"]) == (False, [])
    assert "cannot be used: nothing answers at its address. Next: see whether site" in said["message"]


@pytest.mark.parametrize("more", [{"url": "http://169.254.169.254"}, {"password": "x"}, {"address": "http://x"}])
def test_nothing_is_taken_of_a_request_that_was_not_saved(
    more: dict[str, str], impostor: Impostor, chief: User
) -> None:
    site = new_site(impostor.url)
    assert send(with_token_of(chief), site_id=str(site.pk), **more).status_code == 422
    assert impostor.requests == []


def test_who_may_not_change_sites_tries_none(impostor: Impostor, editor: User) -> None:
    site = new_site(impostor.url)
    assert send(with_token_of(editor), site_id=str(site.pk)).status_code == 403
    assert impostor.requests == []


def test_a_site_that_is_not_there(chief: User) -> None:
    assert send(with_token_of(chief), site_id="999").status_code == 422
    assert not Site.objects.exists()


# What holds for the desk


SETTINGS = "/api/v1/settings"


def put(who: Client, version: str | None, **body: Any) -> Any:
    headers = {"If-Match": version} if version else {}
    return who.put(SETTINGS, json.dumps(body), content_type="application/json", headers=headers)


def change(who: Client, **body: Any) -> Any:
    """Of the version that holds now."""
    return put(who, who.get(SETTINGS)["ETag"], **body)


def change_site(who: Client, site: Site, **said: Any) -> Any:
    return change(who, cms_config=[{"site_id": str(site.pk), **said}])


def test_what_holds_is_read_and_changed_in_part(chief: User, settings: Settings) -> None:
    program = with_token_of(chief)
    first = program.get(SETTINGS)
    assert first.status_code == 200
    assert first.json()["cost_limits"]["month"] is None
    assert first.json()["screenshot_retention"] == {
        "days": settings.GALLEY_FILM_DAYS,
        "failed_days": settings.GALLEY_FILM_FAILED_DAYS,
    }

    values = {"cost_limits": {"month": 50, "day": "4.50"}, "screenshot_retention": {"days": 3}}
    answer = put(program, first["ETag"], **values)
    assert answer.status_code == 200, answer.content
    assert answer["ETag"] != first["ETag"]
    again = put(program, answer["ETag"], cost_limits={"day": None})
    limits = again.json()["cost_limits"]
    assert (limits["article"], limits["day"], limits["month"]) == (None, None, "50.00")
    assert again.json()["screenshot_retention"] == {"days": 3, "failed_days": settings.GALLEY_FILM_FAILED_DAYS}
    now = program.get(SETTINGS)
    assert (now.json(), now["ETag"]) == (again.json(), again["ETag"])


def test_a_change_says_of_which_version_it_is(chief: User) -> None:
    program = with_token_of(chief)
    known = program.get(SETTINGS)["ETag"]
    assert put(program, None, cost_limits={"day": 5}).status_code == 428
    done = put(program, known, cost_limits={"day": 5})
    assert done.status_code == 200
    stale = put(program, known, cost_limits={"day": 9})
    assert (stale.status_code, stale["ETag"]) == (412, done["ETag"])
    assert stale.json()["present"]["cost_limits"]["day"] == "5.00"
    assert "see what they are now" in stale.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"cost_limits": {"day": -1}},
        {"cost_limits": {"day": "0.001"}},
        {"cost_limits": {"day": 1e9}},
        {"cost_limits": {"day": "NaN"}},
        {"cost_limits": {"week": 1}},
        {"screenshot_retention": {"days": -1}},
        {"screenshot_retention": {"days": 99999}},
        {"provider_config": {"pictures": {"key": "sk-secret"}}},
        {"cms_config": [{"url": "https://magazine.example.org"}]},
        {"cms_config": [{"site_id": "999", "name": "Nowhere"}]},
    ],
)
def test_what_cannot_be_set_is_refused(body: dict[str, Any], chief: User) -> None:
    assert change(with_token_of(chief), **body).status_code == 422
    assert DeskSettings.now().version == 1


def test_who_may_not_see_limits_sees_no_settings(editor: User) -> None:
    program = with_token_of(editor)
    assert program.get(SETTINGS).status_code == 403
    assert put(program, '"1"', cost_limits={"day": 5}).status_code == 403


def test_services_are_set_up_by_the_operator(chief: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY, settings.ANTHROPIC_API_KEY = "sk-very-secret", None
    program = with_token_of(chief)
    text = program.get(SETTINGS).json()["provider_config"]["text"]
    assert text["key"] == {"set": True, "changed_at": None}
    assert (text["key_setting"], text["model_setting"]) == ("OPENAI_API_KEY", "OPENAI_MODEL")
    assert program.get(SETTINGS).json()["provider_config"]["format"]["key"]["set"] is False

    refused = change(program, provider_config={"text": {"key": "sk-other-secret"}, "agent": {"model": "another"}})
    assert refused.status_code == 422
    first, second = refused.json()["errors"]
    assert (first["field"], second["field"]) == ("body.provider_config.text.key", "body.provider_config.agent.model")
    assert "have the operator set OPENAI_API_KEY there" in first["message"]
    assert "have the operator set GALLEY_AGENT_MODEL there" in second["message"]
    for secret in ("sk-very-secret", "sk-other-secret"):
        assert secret not in program.get(SETTINGS).content.decode() + refused.content.decode()


# The sites


@pytest.fixture
def magazine() -> Site:
    site = new_site("https://magazine.example.org", categories="News, Trade", standing={"tags": ["Freight"]})
    site.web_secret = "of the login page"
    site.save()
    return site


def test_a_site_is_changed_in_part(chief: User, magazine: Site) -> None:
    other = new_site("https://weekly.example.org", name="Weekly")
    Site.objects.filter(pk=magazine.pk).update(closed_ways={"xmlrpc": {"code": "firewall", "reason": "no"}})
    program = with_token_of(chief)
    before = {each["site_id"]: each for each in program.get(SETTINGS).json()["cms_config"]}
    assert before[str(magazine.pk)]["closed"] == ["xmlrpc"]

    said = {"order": ["xmlrpc", "rest"], "provider": "hybrid", "tags": ["Harbours"], "publish_immediately": True}
    answer = change_site(program, magazine, **said)
    assert answer.status_code == 200, answer.content
    after = {each["site_id"]: each for each in answer.json()["cms_config"]}
    assert after[str(magazine.pk)] == before[str(magazine.pk)] | said | {"closed": []}
    assert after[str(other.pk)] == before[str(other.pk)]
    magazine.refresh_from_db()
    assert (magazine.secret, magazine.web_secret) == ("s3cret pass word", "of the login page")
    assert LogEntry.objects.get().change_message == "Changed by the API: provider, order, publish immediately, tags."


@pytest.mark.parametrize(
    ("said", "place", "sentence"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "Weekly"}, "name", "Site with this Name already exists."),
        ({"url": "ftp://x"}, "url", "Enter a valid URL."),
        ({"url": "https://magazine.example.org/?a=b"}, "url", "Write only the address of the site"),
        ({"url": "https://elsewhere.example.org"}, "password", "Enter the password again"),
        ({"kind": "jwt"}, "password", "Enter the password again"),
        ({"kind": "cookie"}, "kind", "Select a valid choice."),
        ({"provider": "preview"}, "provider", "Select a valid choice."),
        ({"order": ["pigeon"]}, "order", "“pigeon” is no way."),
        ({"order": []}, "order", "This field is required."),
        ({"time_limit": 251}, "time_limit", "Ensure this value is less than or equal to 250."),
        ({"tags": [f"Tag {number}" for number in range(21)]}, "tags", "20 are the most."),
        ({"tags": ["Rail, road"]}, "tags.0", "string should match pattern"),
        ({"comments": "both"}, "comments", "Select a valid choice."),
        ({"password": ""}, "password", "string should have at least 1 character"),
        ({"secret": "x"}, "secret", "there is no such field. Leave it out."),
        ({"user": None}, "user", "input should be a valid string"),
    ],
)
def test_the_form_of_the_desk_judges_a_site(
    said: dict[str, Any], place: str, sentence: str, chief: User, magazine: Site
) -> None:
    new_site("https://weekly.example.org", name="Weekly")
    program = with_token_of(chief)
    before = program.get(SETTINGS)

    refused = change(program, cms_config=[{"site_id": str(magazine.pk), **said}], cost_limits={"day": 5})
    assert refused.status_code == 422
    problems = {problem["field"]: problem["message"] for problem in refused.json()["errors"]}
    assert sentence in problems[f"body.cms_config.0.{place}"]
    after = program.get(SETTINGS)
    assert (after.json(), after["ETag"]) == (before.json(), before["ETag"]), "all of it holds, or nothing"


def test_a_site_is_named_once(chief: User, magazine: Site) -> None:
    twice = [{"site_id": str(magazine.pk), "user": name} for name in ("ada", "ben")]
    refused = change(with_token_of(chief), cms_config=twice)
    assert refused.status_code == 422
    assert "“cms_config.1.site_id”: This site is named twice." in refused.json()["message"]


def test_a_new_password_is_tried_at_once_and_never_shown(impostor: Impostor, chief: User) -> None:
    site = new_site(impostor.url)
    program = with_token_of(chief)
    assert program.get(SETTINGS).json()["cms_config"][0]["tested"] is None

    answer = change_site(program, site, password="another one", web_password=" typed there ")
    said = answer.json()["cms_config"][0]
    assert (said["tested"]["works"], said["tested"]["open_ways"]) == (True, ["rest"])
    assert "can write drafts and upload pictures there" in said["tested"]["message"]
    assert said["warning"].startswith("The password of “Magazine” travels in clear")
    site.refresh_from_db()
    assert (site.secret, site.web_secret) == ("another one", " typed there ")
    entries = " ".join(LogEntry.objects.values_list("change_message", flat=True))
    everything = answer.content.decode() + program.get(SETTINGS).content.decode() + entries
    for secret in ("another one", "typed there", site.encrypted_secret, site.encrypted_web_secret):
        assert secret not in everything
    assert "Tested: it works." in entries
    assert answer["ETag"] == program.get(SETTINGS)["ETag"]


def test_a_new_password_that_is_refused_is_kept_and_said(impostor: Impostor, chief: User) -> None:
    site = new_site(impostor.url)
    no = json.dumps({"code": "incorrect_password", "message": "no", "data": {"status": 401}}).encode()
    impostor.answers.insert(0, ("", (401, {"Content-Type": "application/json"}, no)))

    said = change_site(with_token_of(chief), site, password="another one").json()["cms_config"][0]
    assert said["tested"]["works"] is False
    assert "check the password of site" in said["tested"]["message"]


def test_without_a_new_password_nothing_is_asked_of_the_site(impostor: Impostor, chief: User) -> None:
    assert change_site(with_token_of(chief), new_site(impostor.url), hero="text").status_code == 200
    assert impostor.requests == []


def test_what_somebody_has_changed_at_the_desk_is_another_version(chief: User, magazine: Site) -> None:
    program = with_token_of(chief)
    known = program.get(SETTINGS)["ETag"]
    magazine.secret = "of somebody else"
    magazine.save()

    stale = put(program, known, cms_config=[{"site_id": str(magazine.pk), "hero": "text"}])
    assert stale.status_code == 412
    assert stale.json()["present"]["cms_config"][0]["hero"] == "featured"
    magazine.refresh_from_db()
    assert magazine.hero == "featured"
    Site.objects.update(closed_ways={"rest": {"code": "firewall", "reason": "no"}})
    assert program.get(SETTINGS)["ETag"] == stale["ETag"], "what Galley finds out is no change of anybody"


SEES, OF_DESK, OF_SITES = "articles.view_desksettings", "articles.change_desksettings", "publishing.change_site"


@pytest.mark.parametrize(
    ("rights", "desk", "sites", "both"),
    [
        ([], 403, 403, 403),
        ([OF_DESK, OF_SITES], 403, 403, 403),
        ([SEES], 403, 403, 403),
        ([SEES, OF_DESK], 200, 403, 403),
        ([SEES, OF_SITES], 403, 200, 403),
        ([SEES, OF_DESK, OF_SITES], 200, 200, 200),
    ],
)
def test_each_part_takes_the_right_of_its_page(
    rights: list[str], desk: int, sites: int, both: int, magazine: Site, chief: User
) -> None:
    person = User.objects.create_user("cleo", password="a long password", is_staff=True)
    for right in rights:
        app, codename = right.split(".")
        person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    program, anybody = with_token_of(person), with_token_of(chief)
    of_desk, of_sites = {"cost_limits": {"day": 5}}, {"cms_config": [{"site_id": str(magazine.pk), "hero": "text"}]}

    for body, expected in ((of_desk, desk), (of_sites, sites), ({**of_desk, **of_sites}, both)):
        assert put(program, anybody.get(SETTINGS)["ETag"], **body).status_code == expected
    if SEES in rights:
        assert bool(program.get(SETTINGS).json()["cms_config"]) is (OF_SITES in rights)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["Weekly", "The Journal", "Ärger & Co", "", "x" * 51]),
    "url": st.sampled_from(["https://magazine.example.org", "https://a.example.org/b", "https://u@a.example.org"]),
    "user": st.sampled_from(["ada", "", "x" * 101]),
    "kind": st.sampled_from(["app-password", "jwt", "oauth"]),
    "password": st.sampled_from(["s3cret one", "s3cret two"]),
    "web_password": st.sampled_from(["s3cret of the page"]),
    "provider": st.sampled_from(["rest", "hybrid", "preview"]),
    "order": st.lists(st.sampled_from(["rest", "xmlrpc", "playwright", "pigeon"]), max_size=3),
    "typography": st.sampled_from(["theme", "magazine", "none"]),
    "design": st.sampled_from(["", "essay", "baroque"]),
    "hero": st.sampled_from(["featured", "text", "both", "no"]),
    "time_limit": st.integers(-1, 300),
    "publish_immediately": st.booleans(),
    "categories": st.lists(st.sampled_from(["News", "Trade"]), max_size=2, unique=True),
    "tags": st.lists(st.sampled_from(["Freight", "Ports", "x" * 101]), max_size=2, unique=True),
    "comments": st.sampled_from(["", "open", "closed", "both"]),
    "seo_optimization": st.booleans(),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_said_holds_and_nothing_else(
    said: dict[str, Any], chief: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "try_site", lambda site: Trial(site, [Finding(Way.REST, OPEN, State.GOOD)]))
    Site.objects.all().delete()
    site = new_site("https://magazine.example.org", typography="magazine", categories="News")
    site.web_secret = "s3cret of old"
    site.save()
    program = with_token_of(chief)
    before = program.get(SETTINGS).json()["cms_config"][0]

    answer = change_site(program, site, **said)
    after = program.get(SETTINGS).json()["cms_config"][0]
    if answer.status_code == 422:
        assert after == before
        assert answer.json()["errors"]
    else:
        assert answer.status_code == 200, answer.content
        open_said = {name: value for name, value in said.items() if "password" not in name}
        forgotten = "web_password" not in said and {"url", "user"} & {n for n in said if said[n] != before.get(n)}
        secrets = {"password": before["password"], "web_password": {"set": not forgotten, "changed_at": None}}
        ours = {"tested": after["tested"], "warning": ""}
        assert after == before | open_said | secrets | ours
        site.refresh_from_db()
        assert site.secret == said.get("password", "s3cret pass word")
    assert "s3cret" not in answer.content.decode()
