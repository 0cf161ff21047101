"""`/api/v1/settings`: a site tried with what is saved of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from articles.models import DeskSettings
from publishing.models import Site
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


def test_what_holds_is_read_and_changed_in_part(chief: User, settings: Settings) -> None:
    program = with_token_of(chief)
    first = program.get(SETTINGS)
    assert (first.status_code, first["ETag"]) == (200, '"1"')
    assert first.json()["cost_limits"]["month"] is None
    assert first.json()["screenshot_retention"] == {
        "days": settings.GALLEY_FILM_DAYS,
        "failed_days": settings.GALLEY_FILM_FAILED_DAYS,
    }

    answer = put(program, '"1"', cost_limits={"month": 50, "day": "4.50"}, screenshot_retention={"days": 3})
    assert (answer.status_code, answer["ETag"]) == (200, '"2"'), answer.content
    again = put(program, '"2"', cost_limits={"day": None})
    limits = again.json()["cost_limits"]
    assert (limits["article"], limits["day"], limits["month"]) == (None, None, "50.00")
    assert again.json()["screenshot_retention"] == {"days": 3, "failed_days": settings.GALLEY_FILM_FAILED_DAYS}
    assert program.get(SETTINGS).json() == again.json()


def test_a_change_says_of_which_version_it_is(chief: User) -> None:
    program = with_token_of(chief)
    assert put(program, None, cost_limits={"day": 5}).status_code == 428
    assert put(program, '"1"', cost_limits={"day": 5}).status_code == 200
    stale = put(program, '"1"', cost_limits={"day": 9})
    assert (stale.status_code, stale["ETag"]) == (412, '"2"')
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
        {"provider_config": {"text": {"key": "sk-secret"}}},
    ],
)
def test_what_cannot_be_set_is_refused(body: dict[str, Any], chief: User) -> None:
    assert put(with_token_of(chief), '"1"', **body).status_code == 422
    assert DeskSettings.now().version == 1


def test_no_secret_comes_out(chief: User, settings: Settings) -> None:
    settings.OPENAI_API_KEY, settings.ANTHROPIC_API_KEY = "sk-very-secret", None
    site = new_site("https://magazine.example.org")
    site.web_secret = "of the login page"
    site.save()
    answer = with_token_of(chief).get(SETTINGS)
    said = answer.json()
    assert said["provider_config"]["text"]["key"] == {"set": True, "changed_at": None}
    assert said["provider_config"]["format"]["key"]["set"] is False
    assert said["cms_config"][0]["password"]["set"]
    for secret in ("sk-very-secret", site.secret, site.web_secret, site.encrypted_secret):
        assert secret not in answer.content.decode()


def test_who_may_not_see_limits_sees_no_settings(editor: User) -> None:
    program = with_token_of(editor)
    assert program.get(SETTINGS).status_code == 403
    assert put(program, '"1"', cost_limits={"day": 5}).status_code == 403
