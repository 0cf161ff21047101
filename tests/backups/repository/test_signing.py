"""What bears our signature is ours; whatever else is said of it is refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from backups.errors import Forged
from backups.repository.signing import SigningKeys
from tests.backups.conftest import KEYS

BODY: dict[str, Any] = {"of": "it"}


def test_a_seal_holds_for_its_body_alone_and_by_any_key_that_is_kept() -> None:
    old, new = "an old key, long enough to be one of ours", "a new key, long enough to be one of ours"
    seal = SigningKeys([old]).seal(BODY)

    SigningKeys([new, old]).check("x", BODY, seal)

    assert SigningKeys([new, old]).seal(BODY) == SigningKeys([new]).seal(BODY)
    for keys, body, sentence in ((SigningKeys([new]), BODY, "not among ours"), (SigningKeys([old]), {}, "is wrong")):
        with pytest.raises(Forged, match=sentence):
            keys.check("x", body, seal)


@pytest.mark.parametrize(
    "seal", [None, {}, {"key": "a"}, {"key": 1, "signature": "a"}, {"key": "a", "signature": None}]
)
def test_what_is_no_seal_is_none(seal: object) -> None:
    with pytest.raises(Forged, match="bears no signature"):
        KEYS.check("x", BODY, seal)


def test_a_signature_of_other_letters_is_wrong() -> None:
    with pytest.raises(Forged, match="is wrong"):
        KEYS.check("x", BODY, KEYS.seal(BODY) | {"signature": "ä"})


def test_what_is_too_deep_to_be_written_is_none_of_ours() -> None:
    """It can be read all the same."""
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]

    with pytest.raises(Forged, match="holds what we never write"):
        KEYS.check("x", {"deep": deep}, KEYS.seal(BODY))
