"""`Idempotency-Key`: what is asked for twice under one key is done once, also when both come at the same moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import orjson
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from ninja import Header
from ninja.errors import HttpError

from articles.models.request_keys import LONGEST_KEY, OtherRequest, RequestKey

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=LONGEST_KEY)]
Key = TypeVar("Key", bound=RequestKey)


def digest(*said: Any) -> str:
    """Of a request: what two that are the same have in common."""
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


Made = tuple[dict[str, Any], bool]


def once(model: type[Key], user: User, key: str, asked: str, do: Callable[[], Made]) -> tuple[Key, bool]:
    """The row of this key, and whether something new was made: `do` is done in one transaction with a new row.

    `do` returns the further fields of the row, and whether they name something new. The database lets one of two at
    once write its row; the other takes back what it has done, and answers as the first. Raises HttpError.
    """
    try:
        with transaction.atomic():
            if before := _before(model, user, key, asked):
                return before, False
            made, is_new = do()
            return model._default_manager.create(user=user, key=key, asked=asked, **made), is_new
    except IntegrityError:
        if before := _before(model, user, key, asked):
            return before, False
        raise


def _before(model: type[Key], user: User, key: str, asked: str) -> Key | None:
    try:
        return model.before(user, key, asked)
    except OtherRequest as exc:
        raise HttpError(422, str(exc)) from exc
