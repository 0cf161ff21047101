"""Whatever is sent to an operation of the API: the answer is one that its description names, and never a fault of ours.

Made from the description, by schemathesis with every check it has: what fits is done, what does not is refused, and
nobody is let in without a token. A new operation is in it by itself. Each request is undone afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import Permission, User
from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from django.http import HttpRequest
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ninja import Router
from schemathesis import Case, GenerationMode
from schemathesis.checks import positive_data_acceptance

from articles.api.articles import router as articles
from articles.api.batches import router as batches
from articles.api.strict import Strict
from config.api import Api
from tests.config.operations import MAKERS, OPERATIONS, SCHEMA, Operation, Rows
from tests.config.test_tokens import with_token_of

REQUESTS = 12  # to an operation, of those that fit, and of those that do not
# What fits its description may be refused here, with a sentence: what counts is more than a description can say.
JUDGED_BY_MORE = {
    "article_recover": "a site that is there",
    "article_submit": "exactly one of three fields, and words in it",
    "articles_recover": "a site that is there",
    "article_events": "a stream, which this server of the tests cannot send",
    "batch_events": "a stream, which this server of the tests cannot send",
    "publish_submit": "a time that is to come",
    "settings_change": "dollars and cents",
    "settings_test_connection": "a site that is there",
    "worklist_document_publish": "a time that is to come",
}
FITS, FITS_NOT = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
ASKED = [
    *((operation, FITS) for operation in OPERATIONS),
    *((each, FITS_NOT) for each in OPERATIONS if each.described["parameters"] or "requestBody" in each.described),
]


@pytest.fixture
def described() -> Any:
    schema = schemathesis.openapi.from_dict(SCHEMA)
    schema.app = WSGIHandler()
    schema.config.generation.allow_x00 = False  # which no description forbids a text, and a database does
    return schema


@pytest.mark.dealt(2)
@pytest.mark.django_db
@pytest.mark.parametrize(("operation", "mode"), ASKED, ids=[f"{each.name} {mode.name}" for each, mode in ASKED])
def test_the_answer_is_one_that_is_described(
    described: Any, operation: Operation, mode: GenerationMode, rows: Callable[[], Rows], editor: User
) -> None:
    found = rows()
    editor.user_permissions.set(Permission.objects.all())
    token = with_token_of(editor)
    there = {name: MAKERS[name](found) for name in operation.in_path}
    version = Client().get("/api/v1/settings", headers=token)["ETag"]
    headers = token | ({"If-Match": version} if operation.name == "settings_change" else {})
    body_is_needed = operation.described.get("requestBody", {}).get("required", False)
    left_out = [positive_data_acceptance] if operation.name in JUDGED_BY_MORE else None
    cases = described[operation.path][operation.method].as_strategy(generation_mode=mode, headers=headers)

    @settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.booleans())
    def ask(case: Case[Any], of_hers: bool) -> None:
        if case.body is None and not body_is_needed:
            return  # null is taken for no body; said in the description, generated clients could leave none out
        if mode == FITS:
            case.path_parameters.update(there if of_hers else {})
            case.query.pop("cursor", None)  # none but ours fits, which the description cannot show
        with transaction.atomic():
            case.call_and_validate(headers=headers, excluded_checks=left_out)
            transaction.set_rollback(True)

    ask()


class ArticlesOut(Strict):
    """Another one than the API's."""

    number: int


theirs = Router()


@theirs.get("", response=ArticlesOut)
def list_theirs(request: HttpRequest) -> None:
    """Never asked."""


def names(*routers: Router) -> set[str]:
    described = Api(title="Another", urls_namespace="another")
    for number, router in enumerate(routers):
        described.add_router(str(number), router)
    return set(described.get_openapi_schema(path_prefix="")["components"]["schemas"])


def test_no_two_shapes_of_the_description_share_a_name() -> None:
    """One would stand for both, and a program made from the description would misread the other."""
    assert "ArticlesOut" in names(theirs)
    with pytest.raises(TypeError, match="called ArticlesOut"):
        names(theirs, batches, articles)
