"""Every model and every field is watched, or left out for a reason: who adds one decides it."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.db.models import AutoField, Model

from audit.models import Change
from audit.statements import triggers
from audit.watched import GIVEN, UNWATCHED, WATCHED, Watched

SECRET = re.compile(r"encrypted|secret|password|sha256|token$|_key$|^key$")
# Their names sound like it, and anybody may read them.
NO_SECRETS = {"articles.Batch.key", "articles.Article.batch_key", "worklist.DriveFolder.page_token"}


def _named(watched: Watched) -> list[str]:
    return [*watched.noted, *watched.secret, *watched.by_people, *watched.left]


def test_every_model_is_watched_or_says_why_not() -> None:
    models = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    known = [*WATCHED, *GIVEN, *UNWATCHED]
    assert models - set(known) == set(), "Add these to WATCHED in audit/watched.py, or to UNWATCHED with the reason."
    assert set(known) - models == set(), "These are gone."
    assert len(known) == len(set(known)), "One is named twice."
    assert all(UNWATCHED.values())


@pytest.mark.parametrize("label", WATCHED)
def test_every_field_is_noted_or_says_why_not(label: str) -> None:
    fields = {each.name for each in apps.get_model(label)._meta.concrete_fields if not isinstance(each, AutoField)}
    named = _named(WATCHED[label])
    assert fields - set(named) == set(), "Say of these in audit/watched.py whether their changes are noted."
    assert set(named) - fields == set(), "These are gone."
    assert len(named) == len(set(named)), "One is named twice."


def test_every_relation_of_what_is_watched_is_noted() -> None:
    """Groups and rights lie in tables of their own."""
    through = {
        relation.remote_field.through._meta.label
        for label in WATCHED
        for relation in apps.get_model(label)._meta.many_to_many
    }
    assert through == set(GIVEN)


def test_what_sounds_like_a_secret_is_one() -> None:
    loud = {f"{label}.{name}" for label, watched in WATCHED.items() for name in _named(watched) if SECRET.search(name)}
    secret = {f"{label}.{name}" for label, watched in WATCHED.items() for name in watched.secret}
    assert loud - secret == NO_SECRETS


def test_names_fit() -> None:
    lengths = {name: getattr(Change._meta.get_field(name), "max_length", 0) for name in ("model", "field")}
    assert all(len(label) <= lengths["model"] for label in WATCHED)
    assert all(len(name) <= lengths["field"] for watched in WATCHED.values() for name in _named(watched))
    assert all(len(trigger.name) < 64 for trigger in triggers().values()), "PostgreSQL would cut them"


def test_a_trigger_names_columns_that_are_there() -> None:
    for trigger in triggers().values():
        model: type[Model] = apps.get_model(trigger.label)
        assert set(trigger.columns) <= {field.column for field in model._meta.concrete_fields}
