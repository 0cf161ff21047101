"""Answers that real sites were reported to give: each is told for what it is, or gone on after."""

from __future__ import annotations

from typing import Any

import pytest

from articles.models import Article
from articles.providers.errors import ProviderError
from publishing.sites import client_for
from tests.conftest import error_of
from tests.corpus_reports import Sample, samples
from tests.publishing.conftest import Drive, Impostor, Ready, new_site

USERS, POSTS = "GET /wp-json/wp/v2/users/me", "POST /wp-json/wp/v2/posts"
OF_A_POST = "wp-utf8mb3.json"  # the others answer whatever is asked


def _says(impostor: Impostor, request: str, sample: Sample) -> None:
    """What a site says at first, in the name of the impostor; where it sends a request on to, it answers as ever."""
    note = sample.note
    headers = {name: value.replace("https://magazine.example.org", impostor.url) for name, value in _headers(note)}
    impostor.says(request, note["body"].encode(), note["status"], headers)
    if target := headers.get("Location"):
        known = {"id": 1, "capabilities": {"edit_posts": True, "upload_files": True}}
        impostor.says(f"GET {target.removeprefix(impostor.url)}", known)


def _headers(note: dict[str, Any]) -> list[tuple[str, str]]:
    return list(note["headers"].items())


def _assert_told(sample: Sample, said: str) -> None:
    assert said
    assert all(words not in said for words in sample.words("must_not"))


@pytest.mark.parametrize("sample", [found for found in samples("sites") if found.id != OF_A_POST])
@pytest.mark.django_db
def test_a_site_is_told_for_what_it_says_or_gone_on_with(impostor: Impostor, sample: Sample) -> None:
    _says(impostor, USERS, sample)
    client = client_for(new_site(impostor.url))
    if sample.note["status"] in (301, 404):
        client.check()
        return

    with pytest.raises(ProviderError) as caught:
        client.check()

    _assert_told(sample, f"{caught.value.reason}. {caught.value.mend}")
    assert not caught.value.retry, "waiting alone changes nothing"


@pytest.mark.parametrize("sample", [found for found in samples("sites") if found.id == OF_A_POST])
def test_a_draft_that_a_site_cannot_store_is_told_once(
    impostor: Impostor, ready: Ready, run: Drive, sample: Sample
) -> None:
    media = {"id": 5, "source_url": f"{impostor.url}/a.jpg", "alt_text": "x"}
    impostor.says("POST /wp-json/wp/v2/media", {**media, "media_details": {"width": 9, "sizes": {"a": 1}}}, 201)
    _says(impostor, POSTS, sample)

    article = run(ready(new_site(impostor.url)))

    assert article.status == Article.Status.FAILED, "it is not tried again by itself"
    _assert_told(sample, f"{error_of(article)['reason']}. {error_of(article)['mend']}")
    assert sum(method == "POST" and "/posts" in path for method, path, *_ in impostor.requests) == 1
