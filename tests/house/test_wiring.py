"""Every place where an app is wired into the house: what was forgotten there would be missed by nobody for a while."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.admin import site
from django.contrib.admin.checks import check_admin_app
from django.db.models import Model
from django.urls import get_resolver

from config import roles
from config.api import api
from tests.house.breaches import held
from tests.house.reading import ROOT, modules, our_apps, rights, strings

# What the backup of the database leaves out, and why nobody misses it after a restore.
NOT_BACKED_UP = {
    "articles.ArticleKey": "counts for a day, for programs that ask twice",
    "articles.KeptPicture": "made anew from the storage, and from the texts that a restore brings",
    "articles.Pace": "whose turn it is at a service, for seconds",
    "backups.Generation": "made anew from the storage",
    "backups.Verification": "made anew by the next verification",
    "backups.Drill": "made anew by the next drill",
    "backups.Copy": "made anew by the next copy",
    "backups.TreeCopy": "made anew by the next copy, which finds what is there",
    "backups.Look": "made anew by the next look",
    "backups.Kit": "what is true of another machine's kit is not of this one's",
    "backups.DamagedTree": "found anew by the next verification",
    "backups.Awaited": "noted anew by the next watch",
    "backups.Restore": "about this very database, and never of another one",
    "backups.Touched": "by which a restore of this very database is undone",
    "config.Machine": "how a machine is by now, said anew every half minute",
    "config.Token": "a secret that was lost is made anew, not brought back",
    "insights.ProviderMetric": "sums, made anew from the rows that a restore brings, as these leave marks",
    "insights.CostSum": "sums, made anew from the rows that a restore brings, as these leave marks",
    "insights.CostMark": "which sums are to be made anew, of this very database",
    "insights.Mark": "which sums are to be made anew, of this very database",
    "insights.Rollup": "how far these sums are",
    "insights.StorageMeasure": "measured anew each day; how another machine's storage grew is nothing to this one",
    "config.TypedKey": "a key in the clear has no place in a backup; it is made anew, for later texts",
    "publishing.Shot": "a picture of what a browser showed, gone after some days",
    "publishing.SubmitKey": "counts for a day, for programs that ask twice",
    "publishing.BrowserSession": "as good as a password, and made anew by the next login",
    "publishing.BrowserSlot": "who has a browser of a machine, for minutes",
    "recovery.Mail": "mail under way: what was sent long ago must not be sent again",
    "recovery.Stop": "mail under way",
    "recovery.Notice": "mail under way",
    "webhooks.Delivery": "requests under way: what was sent long ago must not be sent again",
}
# What no group has a right on, and how people come to it.
WITHOUT_RIGHTS = {
    "articles.ArticleKey": "by nobody: the API's own",
    "articles.SavedFilter": "by the person whose it is",
    "articles.Section": "by its article",
    "articles.Call": "by its article",
    "articles.CostRecord": "by its article, and by its owner once that is gone",
    "articles.StageRecord": "by its article",
    "articles.Attempt": "by its article",
    "articles.Event": "by its article",
    "articles.ImageFile": "by its article",
    "articles.KeptPicture": "by nobody: texts show it",
    "articles.Pace": "by nobody: the pipeline's own",
    "articles.SpentDay": "by nobody: sums that the pipeline keeps",
    "backups.Verification": "by the page of the backups",
    "backups.Drill": "by the page of the backups",
    "backups.Copy": "by the page of the backups",
    "backups.TreeCopy": "by the page of the backups",
    "backups.Look": "by the page of the backups",
    "backups.Kit": "by the page of the backups",
    "backups.DamagedTree": "by the page of the backups",
    "backups.Awaited": "by nobody: the watch's own",
    "backups.Restore": "by superusers",
    "backups.Touched": "by nobody: the restore's own",
    "config.Machine": "by whoever may see the backups",
    "config.Token": "by its owner, who needs no right for it",
    "insights.ProviderMetric": "by its owner's articles",
    "insights.CostSum": "by its owner's articles, also those that are gone",
    "insights.CostMark": "by nobody: the sums' own",
    "insights.Mark": "by nobody: the sums' own",
    "insights.Rollup": "by nobody: the sums' own",
    "insights.StorageMeasure": "by those who may see the backups",
    "config.TypedKey": "by the person whose it is",
    "publishing.ExecutionLog": "by its task",
    "publishing.Shot": "by its task",
    "publishing.SubmitKey": "by nobody: the API's own",
    "publishing.BrowserSession": "by nobody: the browsers' own",
    "publishing.BrowserSlot": "by nobody: the browsers' own",
    "recovery.Mail": "by nobody: the outbox's own",
    "recovery.Stop": "by nobody: the outbox's own",
    "recovery.Notice": "by nobody: the outbox's own",
    "recovery.Handover": "by its article",
    "recovery.Snooze": "by the articles that it is about",
    "worklist.Version": "by its document",
    "worklist.Entry": "by its document",
    "worklist.Note": "by its document",
    "worklist.Reply": "by its document",
    "worklist.DriveFolder": "by its account",
    "worklist.DriveFile": "by its account",
}


def _models() -> dict[str, type[Model]]:
    """Our models by their labels, without the tables of many-to-many relations."""
    return {model._meta.label: model for app in our_apps() for model in apps.get_app_config(app).get_models()}


def test_every_router_is_in_the_api() -> None:
    added = [router for _, router in api._routers]
    doors = [name for name in modules() if re.match(r"\w+\.api\b", name) and name != "config.api"]
    routers = {name: router for name in doors if (router := getattr(import_module(name), "router", None))}
    assert routers
    assert [name for name in routers if routers[name] not in added] == [], "Add these routers in config/api.py."


def test_every_urls_is_included() -> None:
    included = [getattr(entry, "urlconf_name", None) for entry in get_resolver().url_patterns]
    ours = [name for name in modules() if name.endswith(".urls") and name != settings.ROOT_URLCONF]
    assert [name for name in ours if import_module(name) not in included] == [], "Include these in config/urls.py."


def test_every_app_is_in_the_image() -> None:
    copied = re.findall(r"^COPY (\w+) (\w+)/$", (ROOT / "deploy" / "Containerfile").read_text(), re.MULTILINE)
    assert {(name, name) for name in [*our_apps(), "templates"]} == set(copied), (
        "A line an app in deploy/Containerfile."
    )


@pytest.mark.parametrize("place", ["README.md", "docs/engineer.md"])
def test_every_app_is_on_the_maps(place: str) -> None:
    text = (ROOT / place).read_text()
    assert [app for app in our_apps() if f"{app}/" not in text] == []


def test_every_app_has_tests() -> None:
    assert [app for app in our_apps() if not list((ROOT / "tests" / app).rglob("test_*.py"))] == []


def test_every_model_is_backed_up_or_says_why_not() -> None:
    kept = {label for label in settings.BACKUP_MODELS if label.partition(".")[0] in our_apps()}
    missing = _models().keys() - kept - NOT_BACKED_UP.keys()
    assert missing == set(), "Add these to BACKUP_MODELS (config/settings.py), or to NOT_BACKED_UP with the reason."
    assert NOT_BACKED_UP.keys() - (_models().keys() - kept) == set(), "These are backed up, or gone."


def test_every_model_of_a_backup_is_known_on_any_machine() -> None:
    """By its natural key, and so is whatever it refers to."""
    kept = [apps.get_model(label) for label in settings.BACKUP_MODELS]
    related = {
        field.related_model
        for model in kept
        for field in [*model._meta.fields, *model._meta.many_to_many]
        if isinstance(field.related_model, type) and issubclass(field.related_model, Model)
    }
    assert {model._meta.label for model in [*kept, *related]} - settings.BACKUP_NATURAL_KEYS.keys() == set()
    for label, names in settings.BACKUP_NATURAL_KEYS.items():
        for name in names:
            apps.get_model(label)._meta.get_field(name)


def test_every_model_has_rights_or_says_why_not() -> None:
    granted = {f"{app}.{name}" for given in roles.RIGHTS.values() for app, names in given.items() for name in names}
    assert granted <= set().union(*map(rights, _models().values())), "There are no such rights."
    without = {label for label, model in _models().items() if not rights(model) & granted}
    missing = without - WITHOUT_RIGHTS.keys()
    assert missing == set(), "Add their rights to config/roles.py, or these to WITHOUT_RIGHTS here with the reason."
    assert WITHOUT_RIGHTS.keys() - without == set(), "These have rights, or are gone."


def test_the_ground_floor_knows_nothing_of_articles() -> None:
    """No step, no file and no model of an article: these names come from the settings, or from those who call."""
    about = re.compile(r"step\d_\w+|0\d_\w+|(articles|publishing|recovery)\.\w+")
    held(
        "backups know no article",
        [
            f"{name} says {string}"
            for name, file in modules().items()
            if name.startswith("backups.")
            for string in strings(file)
            if about.fullmatch(string)
        ],
    )


def test_the_admin_is_made_as_django_wants_it() -> None:
    """`manage.py check` may look before the URLs have loaded what the admin shows."""
    import_module("config.urls")

    assert check_admin_app(list(apps.get_app_configs())) == []
    assert len(site._registry) > 5
