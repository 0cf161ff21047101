"""The desk over HTTP, as tests speak to it, and articles in the states that it shows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from articles.failures import cause
from articles.models import Article, Stage, StageRecord
from articles.providers.errors import SavedError

LIST = "/admin/articles/article/"
ADD = "/admin/articles/article/add/"
START = "/admin/"
RECOVER = "/admin/articles/article/recover/"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
REFUSED: SavedError = {
    "kind": "Refused",
    "provider": "wordpress:1",
    "reason": 'the site did not accept the application password of user "desk"',
    "mend": 'check the password of site "Magazine"',
    "then": "recover",
    "code": "login",
    "detail": '{"code": "incorrect_password"}',
    "thing": "the hero image",
    "stage": "upload",
}


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(article: Article, view: str = "change") -> str:
    return reverse(f"admin:articles_article_{view}", args=[article.pk])


def text(response: Any) -> str:
    """What a person reads: the page without its markup."""
    body = re.sub(r"(?s)<script.*?</script>|<style.*?</style>|<[^>]+>", " ", response.content.decode())
    return " ".join(body.replace("&quot;", '"').replace("&#x27;", "'").split())


def stop(article: Article, **error: str) -> Article:
    """Stopped at its upload, with everything before it done."""
    now, failed = timezone.now(), cast(SavedError, REFUSED | error)
    article.records.exclude(stage=Stage.UPLOAD).update(state=StageRecord.State.DONE, started_at=now, finished_at=now)
    article.records.filter(stage=Stage.UPLOAD).update(state=StageRecord.State.FAILED, started_at=now, failed_at=now)
    Article.objects.filter(pk=article.pk).update(
        status=Article.Status.FAILED,
        error=failed,
        cause=cause(failed, article.site_id),
        title="Home batteries",
        word_count=2143,
        ended_at=now,
    )
    article.refresh_from_db()
    return article


def move(article: Article) -> Article:
    Article.objects.filter(pk=article.pk).update(
        status=Article.Status.RUNNING, attempt=1, lease_until=timezone.now() + timedelta(hours=1), lease_owner="x|1|1"
    )
    article.refresh_from_db()
    return article


def deed(*articles: Article, **choice: str) -> dict[str, str]:
    """What the Recover page sends: the articles that it showed, and the choice whose plan it showed."""
    shown = [choice.get(name, "") for name in ("from_stage", "formatter", "site")]
    ids = ",".join(str(article.pk) for article in articles)
    return {"ids": ids, "planned": "|".join(shown), "confirmed": "yes", **choice}
