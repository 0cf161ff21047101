"""What a failure is called, and what its reader is told to do, by what the reader may do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from articles.failure_names import BY_KIND, SHORT
from articles.failures import HEADLINES, UNKNOWN, VERBS, Failure
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
        ({"kind": "Busy", "provider": "text", "thing": "the article"}, "The text service was too busy for the article"),
        # What nobody declined is not said to be.
        ({"kind": "Rejected", "code": "damaged", "thing": "a file"}, "A saved file is damaged or gone"),
        ({"kind": "Rejected", "provider": "wordpress:3", "code": "edited"}, "The post was changed on the site"),
        ({"kind": "Rejected", "provider": "wordpress:3", "code": "agent_stuck"}, "The agent did not finish"),
        ({"kind": "NotYet", "code": "limit_day"}, "No money is left for today"),
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


# Every sentence, as somebody reads it who has not built it

SAYS = {"Unreachable", "Busy", "NotYet", "Refused", "Rejected", "Garbled", "Mistake", "Meaning", "Screen", "_kind"}
OURS_ALONE = re.compile(
    r"\b(task|worker|exception|null|uuid|stack trace|prediction|payload|response|timeout|parse|invalid)\b"
)
ROOMS = ("articles", "publishing", "recovery", "worklist")


def _phrases(call: ast.Call) -> Iterator[str]:
    """The words of a reason and of what is to be mended, with a blank for what is filled in."""
    said = [*call.args[1:], *(word.value for word in call.keywords if word.arg in ("mend", "reason"))]
    for part in said:
        pieces = part.values if isinstance(part, ast.JoinedStr) else [part]
        words = [piece.value for piece in pieces if isinstance(piece, ast.Constant) and isinstance(piece.value, str)]
        if " " in (text := "_".join(words)) and not re.search(r"[|\\]", text):  # no pattern of answers
            yield text


def _sentences() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (path for room in ROOMS for path in sorted((settings.BASE_DIR / room).rglob("*.py"))):
        for call in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(call, "func", None), "id", "")
            if isinstance(call, ast.Call) and name in SAYS:
                found |= dict.fromkeys(_phrases(call), f"{path.name}:{call.lineno}")
    return found


def test_no_sentence_of_a_failure_speaks_of_what_only_its_builders_know() -> None:
    found = _sentences()
    words = [*found, *HEADLINES.values(), *SHORT.values(), *BY_KIND.values(), *VERBS.values()]

    assert len(found) > 100
    assert [text for text in words if OURS_ALONE.search(text)] == []
