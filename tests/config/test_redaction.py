"""No secret that we hold is kept, shown or logged, whoever repeats it, and in whichever form."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.apps import apps
from django.core import serializers

from articles.models import Article
from articles.pipeline import transitions
from articles.pipeline.run import Run
from articles.providers import Answer
from articles.providers.errors import DETAIL_CHARACTERS, Refused
from articles.tree import manifest
from backups import redaction
from backups.errors import Denied
from config.logs import formatter
from publishing.models import Site
from publishing.sites import client_for
from tests.conftest import HandIn
from tests.journeys.installation import ROOT

SECRETS = {
    "an API key": "sk-proj-4fW9_xyz-ABCDEFGHIJKLMNOP",
    "a token": "r8_Abcdefghijklmnopqrstuvwxyz0123456789",
    "a password with signs": 'a/b+c "d" é&f',
    "an application password": "abcd EFGH 1234 ijkl MNOP 5678",
}
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "without blanks": lambda secret: secret.replace(" ", ""),
    "as JSON": lambda secret: json.dumps({"said": secret}),
    "in an address": lambda secret: f"https://desk:{quote(secret, safe='')}@service.example",
    "in Base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "at the cut": lambda secret: "x" * (DETAIL_CHARACTERS - 8) + secret,
}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {})


def _pieces(secret: str) -> list[str]:
    """What would tell it: itself in all forms, and its beginning."""
    bare = secret.replace(" ", "")
    return [secret, bare, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("="), bare[:8]]


# What the settings know


def _sample(name: str) -> str:
    secret = f"{name.lower()}-4fW9xyz"
    return {
        "DATABASE_URL": f"postgres://galley:{secret}@db.example/galley",
        "EMAIL_URL": f"smtp+tls://galley:{secret}@mail.example:587",
        "GALLEY_BROKER_URL": f"redis://:{secret}@queue.example:6379/0",
        "GALLEY_STORAGE_URL": f"s3://bucket?endpoint_url={quote(f'https://galley:{secret}@s3.example', safe='')}",
    }.get(name, f"https://galley:{secret}@service.example" if name.endswith("_URL") else secret)


def test_every_secret_in_the_settings_is_known() -> None:
    """Whatever by its name is a key or an address, also one that somebody adds tomorrow."""
    named = re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    no_secrets = {"AWS_ACCESS_KEY_ID", "GALLEY_BACKUP_KMS_KEY"}  # names of keys
    no_secrets |= {"GALLEY_SECOND_ACCESS_KEY_ID", "GALLEY_SECOND_KMS_KEY"}
    names = [name for name in named if re.search(r"KEY|TOKEN|SECRET|PASSWORD|_URL", name) and name not in no_secrets]
    samples = {name: _sample(name) for name in names}
    tell = (
        "import sys\nfrom django.conf import settings\nsettings.DEBUG\n"
        "from backups.redaction import black_out\nprint(black_out(sys.stdin.read()))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **samples}

    said = subprocess.run(
        [sys.executable, "-c", tell],
        cwd=ROOT,
        env=environment,
        input="\n".join(samples.values()),
        capture_output=True,
        text=True,
        check=True,
    )

    assert len(samples) > 12
    assert [name for name in samples if f"{name.lower()}-4fW9xyz" in said.stdout] == []


def test_the_password_of_a_site_is_known_before_anything_is_sent_there(db: None) -> None:
    site = Site(name="Magazine", url="https://magazine.example.org", user="desk")
    site.secret = SECRETS["an application password"]
    site.save()
    redaction._known.clear()  # as in a worker, which has not stored it

    login = client_for(Site.objects.get()).login

    for written in (login.secret, login.secret.replace(" ", ""), base64.b64encode(b"desk:" + login.secret.encode())):
        said = redaction.black_out(written if isinstance(written, str) else written.decode())
        assert redaction.BLACK in said
        assert "EFGH" not in said


# What is kept


def _asked(article: Article, send: Callable[[object], Answer]) -> None:
    claimed = transitions.claim(article.pk)
    assert claimed
    run = Run(claimed)
    try:
        run.calls.ask("text", "the article", provider="text", send=send)
    except Refused as exc:
        transitions.stop(run.lease, exc)


def _an_error(article: Article, said: str) -> None:
    def send(_: object) -> Answer:
        raise Refused("text", said[:300], mend=said[:300], code=said[:90], detail=said, thing=said[:90])

    _asked(article, send)


def _an_answer(article: Article, said: str) -> None:
    _asked(article, lambda _: Answer({"text": [said, {said: said}]}, model=said[:90]))


@pytest.mark.parametrize("door", [_an_error, _an_answer])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_row_holds_a_secret(hand_in: HandIn, secret: str, form: str, door: Callable[..., None]) -> None:
    """Neither a call nor its error, neither an article nor its timeline nor the mail about it."""
    article = hand_in()
    redaction.know(SECRETS[secret])

    door(article, FORMS[form](SECRETS[secret]))

    models = [model for model in apps.get_models() if model._meta.app_label in ("articles", "recovery", "backups")]
    kept = [row for model in models for row in model._default_manager.all()]
    rows = serializers.serialize("json", kept, ensure_ascii=False)
    assert "…" in rows
    assert [piece for piece in _pieces(SECRETS[secret]) if piece in rows] == []
    document = str(manifest.build(Article.objects.get())[0])
    assert [piece for piece in _pieces(SECRETS[secret]) if piece in document] == []


@pytest.mark.parametrize("secret", SECRETS)
def test_an_error_of_the_storage_does_not_hold_it(secret: str) -> None:
    redaction.know(SECRETS[secret])
    assert str(Denied(f"It says {SECRETS[secret]}.")) == "It says …."


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_line_of_the_log_holds_a_secret(secret: str, form: str, as_json: bool) -> None:
    """In its words, in its facts, and in a traceback."""
    redaction.know(SECRETS[secret])
    said = FORMS[form](SECRETS[secret])
    try:
        raise ValueError(said)
    except ValueError:
        caught = sys.exc_info()
    record = logging.LogRecord("galley", logging.ERROR, "", 0, "it says %s", (said,), caught)

    line = formatter(as_json).format(record)

    assert "…" in line
    assert [piece for piece in _pieces(SECRETS[secret]) if piece in line] == []
