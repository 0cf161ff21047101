"""Secrets are blacked out in whatever way they are written."""

from __future__ import annotations

import base64
import json

import orjson
import pytest

from backups import redaction


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {})


@pytest.mark.parametrize(
    "text",
    [
        "the key sk-proj-4fW9 is wrong",
        json.dumps({"said": "sk-proj-4fW9"}),
        "sk-proj-4fW9sk-proj-4fW9",
        base64.b64encode(b"sk-proj-4fW9").decode(),
        base64.b64encode(b"galley:sk-proj-4fW9").decode(),
    ],
)
def test_what_is_known_is_blacked_out(text: str) -> None:
    assert redaction.black_out(text) == text, "nobody has made it known"

    redaction.know("sk-proj-4fW9", user="galley")

    assert "sk-proj-4fW9" not in redaction.black_out(text)
    assert redaction.BLACK in redaction.black_out(text)


def test_a_password_with_signs_is_known_in_json_and_in_addresses() -> None:
    redaction.know('pa/ss "wörd" 1')
    for written in (
        "https://u:pa%2Fss%20%22w%C3%B6rd%22%201@h",
        "pa%2Fss+%22w%C3%B6rd%22+1",
        r'{"p": "pa\/ss \"w\u00f6rd\" 1"}',
        orjson.dumps({"p": 'pa/ss "wörd" 1'}).decode(),
        "pa/ss &quot;wörd&quot; 1",
        "<name>pa/ss &amp;quot;wörd&amp;quot; 1</name>",
        'pa/ss"wörd"1',
        repr(['pa/ss "wörd" 1']),
    ):
        assert "rd" not in redaction.black_out(written), written


def test_a_longer_secret_goes_before_its_part() -> None:
    redaction.know("password1", "password1-and-more")
    assert redaction.black_out("password1-and-more") == redaction.BLACK


def test_a_short_word_is_no_secret_unless_somebody_says_so() -> None:
    """Nobody would read an answer without the word galley again."""
    redaction.know("galley", "")
    assert redaction.black_out("galley proofs") == "galley proofs"
    assert redaction.black_out("galley proofs", also=["galley", ""]) == "… proofs"


def test_blanks_alone_black_out_nothing_else() -> None:
    redaction.know(" " * 10)
    assert redaction.black_out("two words", also=["  "]) == "two words"


def test_a_password_with_signs_is_known_in_xml_and_in_xml_within_it() -> None:
    redaction.know("pa<ss> & 'wörd'")
    for written in (
        "<value>pa&lt;ss&gt; &amp; 'wörd'</value>",
        "<value>pa&lt;ss&gt; &amp; &#039;wörd&#039;</value>",
        "&lt;value&gt;pa&amp;lt;ss&amp;gt; &amp;amp; 'wörd'&lt;/value&gt;",
    ):
        assert "rd" not in redaction.black_out(written), written
