"""What a failure is called, and what its reader is told to do, by what the reader may do."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from articles.failures import UNKNOWN, Failure
from articles.models import Section
from articles.stages.sections import why_missing

pytestmark = pytest.mark.django_db
LOGIN: dict[str, Any] = {"kind": "Refused", "code": "login", "provider": "wordpress:3", "mend": "check the password"}
KEY = LOGIN | {"code": "401", "provider": "text", "mend": "check the API key"}


@pytest.mark.parametrize(
    ("error", "headline"),
    [
        (LOGIN, "WordPress refused the login"),
        (KEY, "The text service refused the key"),
        (KEY | {"code": "no_credit"}, "The text service has no credit left for us"),
        ({"code": "sections", "thing": "Claude declined one section"}, "Claude declined one section"),
        ({"code": "sections", "thing": "the whole article"}, "Sections are missing"),
        ({"kind": "Rejected", "provider": "layout", "thing": "the page"}, "Claude declined the page"),
    ],
)  # fmt: skip
def test_each_reason_has_a_headline(error: dict[str, Any], headline: str) -> None:
    assert Failure.read({**UNKNOWN, **error}).headline == headline


def test_whoever_cannot_mend_it_reads_whom_to_ask(editor: User, chief: User, admin_user: User) -> None:
    login, key = Failure.read({**UNKNOWN, **LOGIN}), Failure.read({**UNKNOWN, **KEY})

    assert login.next_for(editor) == "ask a chief editor to check the password, then press Recover"
    assert login.next_for(chief) == "check the password, then press Recover"
    assert key.next_for(chief) == "ask the operator to check the API key, then press Recover"
    assert key.next_for(admin_user) == "check the API key, then press Recover"


def test_what_everybody_can_do_is_asked_of_nobody(editor: User) -> None:
    declined = Failure.read({**UNKNOWN, "kind": "Rejected", "provider": "pictures", "mend": "change the prompt"})
    set_up = Failure.read({**UNKNOWN, **KEY, "code": "not_configured", "mend": "ask the operator to set a key"})

    assert declined.next_for(editor) == "change the prompt, then press Recover"
    assert set_up.next_for(editor) == "ask the operator to set a key, then press Recover"


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([("text", "Rejected")], "The text service declined one section"),
        ([("text", "Rejected")] * 3, "The text service declined 3 sections"),
        ([("text", "Garbled")], "The text service gave an unusable answer for one section"),
        ([("text", "Rejected"), ("pictures", "Rejected")], "2 sections could not be made"),
        ([("", "")], "One section could not be made"),
    ],
)
def test_what_is_missing_says_by_whom(errors: list[tuple[str, str]], said: str) -> None:
    sections = [Section(error={"provider": provider, "kind": kind}) for provider, kind in errors]

    assert why_missing(sections) == said
