"""`/api/v1/settings`: a site tried with what is saved of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

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
