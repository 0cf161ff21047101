"""Passwords at rest: unreadable without the keys, readable across every planned change of them."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from publishing import secrets

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_what_is_stored_does_not_show_the_secret() -> None:
    token = secrets.encrypt("pass wörd €")
    assert "pass" not in token
    assert token != secrets.encrypt("pass wörd €"), "nor that two are the same"
    assert secrets.decrypt(token) == "pass wörd €"


def test_a_changed_token_is_not_opened() -> None:
    token = secrets.encrypt("secret")
    for wrong in ("", "nonsense", token[:-4] + "AAAA", token[4:], "é"):
        with pytest.raises(secrets.Undecipherable):
            secrets.decrypt(wrong)


def test_the_newest_key_encrypts_and_every_key_decrypts(settings: Settings) -> None:
    settings.GALLEY_ENCRYPTION_KEYS = [OLD]
    token = secrets.encrypt("secret")

    settings.GALLEY_ENCRYPTION_KEYS = [NEW, OLD]
    assert secrets.decrypt(token) == "secret"
    renewed = secrets.reencrypt(token)

    settings.GALLEY_ENCRYPTION_KEYS = [NEW]
    assert secrets.decrypt(renewed) == "secret"
    with pytest.raises(secrets.Undecipherable, match="enter it again"):
        secrets.decrypt(token)
    with pytest.raises(secrets.Undecipherable, match="enter it again"):
        secrets.reencrypt(token)


def test_keys_may_be_introduced_after_the_first_passwords(settings: Settings) -> None:
    settings.GALLEY_ENCRYPTION_KEYS = []
    token = secrets.encrypt("secret")
    settings.GALLEY_ENCRYPTION_KEYS = [NEW]
    assert secrets.decrypt(token) == "secret"


def test_the_secret_key_may_be_rotated_with_a_fallback_and_only_so(settings: Settings) -> None:
    settings.GALLEY_ENCRYPTION_KEYS = []
    token, old = secrets.encrypt("secret"), settings.SECRET_KEY

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", [old]
    renewed = secrets.reencrypt(token)
    assert secrets.decrypt(token) == secrets.decrypt(renewed) == "secret"

    settings.SECRET_KEY_FALLBACKS = []
    assert secrets.decrypt(renewed) == "secret"
    with pytest.raises(secrets.Undecipherable):
        secrets.decrypt(token)


def test_with_keys_of_its_own_the_secret_key_does_not_matter(settings: Settings) -> None:
    settings.GALLEY_ENCRYPTION_KEYS = [NEW]
    token = secrets.encrypt("secret")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", []
    assert secrets.decrypt(token) == "secret"
