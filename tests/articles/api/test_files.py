"""The files of an article in the API: whose they are, whole or not at all, and harmless wherever they are opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from articles.models import Article
from tests.config.test_tokens import with_token_of
from tests.conftest import HandIn


def files_of(article: Article, user: User) -> dict[str, dict[str, object]]:
    answer = Client().get(f"/api/v1/articles/{article.pk}/files", headers=with_token_of(user))
    assert answer.status_code == 200
    return {each["name"]: each for each in answer.json()["files"]}


def get(article: Article, name: str, user: User) -> Any:
    return Client().get(f"/api/v1/articles/{article.pk}/files/{name}", headers=with_token_of(user))


def test_all_that_is_saved_is_listed_and_read(editor: User, hand_in: HandIn, run: Callable[[Article], Article]) -> None:
    assert files_of(hand_in(), editor) == {}
    article = run(hand_in())

    found = files_of(article, editor)

    assert {name: each["stage"] for name, each in found.items() if "base64" not in name} == {
        "01_raw_article.html": "article",
        "02_prompts.txt": "prompts",
        "03_hero.jpg": "images",
        "03_section_1.jpg": "images",
        "03_section_2.jpg": "images",
        "03_section_3.jpg": "images",
        "04_formatted.html": "format",
        "05_final.html": "upload",
    }
    for name, each in found.items():
        answer = Client().get(str(each["url"]).removeprefix("http://127.0.0.1:8000"), headers=with_token_of(editor))
        assert hashlib.sha256(answer.content).hexdigest() == each["sha256"]
        assert answer["Content-Type"] == ("image/jpeg" if name.endswith(".jpg") else "text/plain; charset=utf-8")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


def test_what_is_not_among_them_is_not_there(
    editor: User, other_editor: User, hand_in: HandIn, run: Callable[[Article], Article]
) -> None:
    article = run(hand_in())
    for name in ("manifest.json", "..%2Fmanifest.json", "03_hero.png", "%00", "06_more.html"):
        assert get(article, name, editor).status_code == 404, name
    assert get(article, "03_hero.jpg", other_editor).status_code == 404
    foreign = Client().get(f"/api/v1/articles/{article.pk}/files", headers=with_token_of(other_editor))
    assert foreign.status_code == 404


def test_a_damaged_file_is_not_handed_on(
    editor: User, hand_in: HandIn, run: Callable[[Article], Article], storage_folder: Path
) -> None:
    article = run(hand_in())
    (storage_folder / article.tree_prefix / "04_formatted.html").write_text("something else")
    answer = get(article, "04_formatted.html", editor)
    assert answer.status_code == 409
    assert "Recover makes it again" in answer.json()["message"]


def test_a_backup_that_was_removed_says_when(editor: User, hand_in: HandIn, run: Callable[[Article], Article]) -> None:
    article, now = run(hand_in()), timezone.now()
    Article.objects.update(tree_expired_at=now)
    said = Client().get(f"/api/v1/articles/{article.pk}/files", headers=with_token_of(editor)).json()
    assert said == {"files": [], "removed_at": now.isoformat()}
    assert get(article, "03_hero.jpg", editor).status_code == 404
