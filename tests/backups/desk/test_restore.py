"""A restore in the desk never surprises: only superusers, only what was shown, once, and with a way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ
from pytest_django import Settings

from articles.models import Article, Call, ImageFile
from backups import catalogue, configured, tasks
from backups.database import backup, restore
from backups.models import Generation, Restore, Touched
from backups.repository.manifests import DATABASE
from backups.restores import database
from tests.desk import HOSTILE, as_, text

ASK = "/admin/backups/generation/restore/"


@pytest.fixture
def root(transactional_db: None) -> User:
    return User.objects.create_superuser("root", "root@example.org", "a long password")


@pytest.fixture
def article(root: User, settings: Settings, tmp_path: Path) -> Article:
    """One that is in a backup, beside another."""
    settings.VAR_DIR = tmp_path / "var"
    Article.objects.create(owner=root, tree_prefix="a", idea="x", title="Quiet factories")
    made = Article.objects.create(owner=root, tree_prefix="b", idea="y", title="Home batteries")
    backup.backup(configured.repository(DATABASE))
    return made


def _url(job: Restore, view: str = "shown") -> str:
    return reverse(f"admin:backups_restore_{view}", args=[job.pk])


def _asked(client: Client, **fields: str) -> Restore:
    """Asked for, and compared by the queue."""
    client.post(ASK, {"moment": "", "units": "", "mode": "missing"} | fields)
    job = Restore.objects.first()
    assert job is not None
    tasks.compare(job.pk)
    job.refresh_from_db()
    return job


def _done(client: Client, job: Restore, **fields: str) -> Any:
    said = client.post(_url(job, "do"), {"planned": job.fingerprint} | fields, follow=True)
    tasks.restore(job.pk)
    job.refresh_from_db()
    return said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("view", "method", "expected"),
    [  # superuser, chief, editor, nobody
        ("", "get", [200, 403, 403, 302]),
        ("", "post", [200, 403, 403, 302]),
        ("shown", "get", [200, 403, 403, 302]),
        ("do", "get", [302, 302, 302, 302]),
        ("undo", "get", [302, 302, 302, 302]),
        ("undo", "post", [302, 403, 403, 302]),
        ("only", "get", [302, 302, 302, 302]),
        ("only", "post", [302, 403, 403, 302]),
        ("do", "post", [302, 403, 403, 302]),
    ],
)
def test_every_view_asks_who_it_is(view: str, method: str, expected: list[int], chief: User, editor: User) -> None:
    job = Restore.objects.create(who="root", mode="missing", state="shown", fingerprint="f")
    root = User.objects.create_superuser("root")
    clients = [as_(root), as_(chief), as_(editor), Client()]
    url = _url(job, view) if view else ASK
    data = {"planned": "f"} if view == "do" else {}
    assert [getattr(client, method)(url, data).status_code for client in clients] == expected


@pytest.mark.django_db
def test_only_superusers_see_the_button(chief: User) -> None:
    assert ASK not in as_(chief).get("/admin/backups/").content.decode()
    assert ASK in as_(User.objects.create_superuser("root")).get("/admin/backups/").content.decode()


@pytest.mark.parametrize("by", ["title", "number", "address", "uid"])
def test_one_article_comes_back_after_its_difference_was_seen(by: str, article: Article, root: User) -> None:
    said = {
        "title": article.title,
        "number": str(article.pk),
        "address": f"https://desk.example/admin/articles/article/{article.pk}/change/",
        "uid": str(article.uid),
    }[by]
    Article.objects.all().delete()
    client = as_(root)

    job = _asked(client, units=said)

    assert not Article.objects.exists()
    shown = text(client.get(_url(job)))
    assert "Nothing has changed yet" in shown
    assert "1 to create" in shown
    assert "Restore 1 row" in shown

    _done(client, job)
    back = Article.objects.get()
    assert (back.pk, back.uid, back.title) == (article.pk, article.uid, "Home batteries")
    assert "Restored" in text(client.get(_url(job)))
    assert LogEntry.objects.get().user == root
    assert Generation.objects.get(name=job.safety).about["source"] == "before a restore"


def test_what_changes_is_told_field_by_field_and_undone_the_same_way(article: Article, root: User) -> None:
    Article.objects.filter(pk=article.pk).update(title="Spoilt")
    client = as_(root)
    job = _asked(client, units=str(article.pk), mode="overwrite")
    assert "title Spoilt Home batteries" in text(client.get(_url(job)))
    _done(client, job)
    assert Article.objects.get(pk=article.pk).title == "Home batteries"

    client.post(_url(job, "undo"))
    undo = Restore.objects.exclude(pk=job.pk).get()
    tasks.compare(undo.pk)
    undo.refresh_from_db()
    assert Article.objects.get(pk=article.pk).title == "Home batteries"
    assert "title Home batteries Spoilt" in text(client.get(_url(undo)))
    _done(client, undo)
    assert Article.objects.get(pk=article.pk).title == "Spoilt"
    assert "Undone" in text(client.get(_url(undo)))

    client.post(_url(undo, "undo"))
    again = Restore.objects.first()
    assert again is not None
    assert again.undoes == undo
    tasks.compare(again.pk)
    again.refresh_from_db()
    _done(client, again)
    assert Article.objects.get(pk=article.pk).title == "Home batteries"


def test_the_difference_is_folded_by_article_and_ticked(article: Article, root: User) -> None:
    """All of it in a line each, however many rows; what is ticked is compared anew, and comes back alone."""
    other = Article.objects.exclude(pk=article.pk).get()
    for n in range(4):
        ImageFile.objects.create(article=article, role=f"section_{n + 1}", prompt="p", aspect="16:9")
    Call.objects.create(article=article, key="text", provider="P", idempotency_key="k")
    backup.backup(configured.repository(DATABASE))
    Article.objects.all().delete()
    client = as_(root)

    job = _asked(client)

    page = client.get(_url(job))
    assert text(page).count("Home batteries : article, call, 4 pictures") == 1
    assert text(page).count("Quiet factories : article") == 1
    assert f'name="units" value="{article.pk}"' in page.content.decode()
    client.post(_url(job, "only"), {"units": [str(article.pk), "999"]})
    only = Restore.objects.exclude(pk=job.pk).get()
    assert (only.units, only.backup, only.mode) == ([str(article.pk)], job.backup, job.mode)
    tasks.compare(only.pk)
    only.refresh_from_db()
    _done(client, only)
    assert not Article.objects.filter(uid=other.uid).exists()
    assert (Article.objects.get().images.count(), Article.objects.get().calls.count()) == (4, 1)

    client.post(_url(job, "only"), {"units": ["999", "0"]})
    assert Restore.objects.count() == 2, "nothing of it was on that page"


def test_what_belongs_to_no_article_and_what_stays_have_lines_too(article: Article, root: User) -> None:
    User.objects.create(username="ada")
    backup.backup(configured.repository(DATABASE))
    User.objects.filter(username="ada").delete()
    Article.objects.filter(pk=article.pk).update(title="Of today")
    client = as_(root)

    page = text(client.get(_url(_asked(client))))

    assert "What is of no article in the backup : user" in page
    assert "Home batteries : 1 row stays as it is" in page


def test_a_mirror_is_done_when_its_name_was_typed(article: Article, root: User) -> None:
    Article.objects.create(owner=root, tree_prefix="c", idea="z", title="Of later")
    client = as_(root)
    job = _asked(client, mode="mirror")
    assert "Nothing has begun" in text(_done(client, job))
    assert (job.state, Article.objects.count()) == (Restore.State.SHOWN, 3)
    _done(client, job, typed="mirror")
    assert (job.state, Article.objects.count()) == (Restore.State.DONE, 2)


def test_what_was_done_is_noted_with_it_or_not_done(
    article: Article, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies between the two has done neither."""
    Article.objects.all().delete()
    client = as_(root)
    job = _asked(client)
    note = Restore.note

    def dies(self: Restore, *told: Any) -> None:
        note(self, *told)
        assert Article.objects.exists()
        raise ZeroDivisionError

    monkeypatch.setattr(Restore, "note", dies)
    _done(client, job)
    assert (job.state, job.reason, job.safety) == (Restore.State.FAILED, database.OUR_MISTAKE, "")
    assert not Article.objects.exists()
    assert not Touched.objects.exists()


def test_an_undo_leaves_alone_what_others_have_done_since(article: Article, root: User) -> None:
    Article.objects.all().delete()
    client = as_(root)
    job = _asked(client)
    _done(client, job)
    Article.objects.create(owner=root, tree_prefix="c", idea="z", title="Of later")
    Article.objects.filter(pk=article.pk).update(title="Edited since")

    client.post(_url(job, "undo"))
    undo = Restore.objects.first()
    assert undo is not None
    tasks.compare(undo.pk)
    undo.refresh_from_db()
    shown = text(client.get(_url(undo)))
    assert "1 kept as they are, 1 to delete" in shown
    assert f"keep article {article.pk} it has changed since" in shown
    assert "Undo 1 row" in shown
    _done(client, undo)
    assert set(Article.objects.values_list("title", flat=True)) == {"Edited since", "Of later"}


def test_what_opens_something_is_neither_shown_nor_kept(article: Article, root: User) -> None:
    before = root.password
    root.set_password("another long password")
    root.save()
    job = _asked(as_(root), mode="overwrite")
    seen = as_(root).get(_url(job)).content.decode()
    assert "not shown" in seen
    assert "None" not in seen
    for said in (before, root.password):
        assert said not in seen + str(job.steps)


def test_another_plan_than_the_one_that_was_shown_is_not_done(article: Article, root: User) -> None:
    client = as_(root)
    Article.objects.all().delete()
    job = _asked(client)
    assert "Nothing has begun by this press" in text(client.post(_url(job, "do"), {"planned": "x"}, follow=True))
    tasks.restore(job.pk)
    assert not Article.objects.exists()

    Article.objects.create(owner=root, tree_prefix="c", idea="z", uid=article.uid, title="Meanwhile")
    _done(client, job)
    assert job.state == Restore.State.FAILED
    assert "has changed since the difference was shown" in text(client.get(_url(job)))
    assert Article.objects.get().title == "Meanwhile"


def test_pressed_and_delivered_twice_it_is_done_once(article: Article, root: User) -> None:
    Article.objects.all().delete()
    client = as_(root)
    job = _asked(client)
    _done(client, job)
    again = _done(client, job)
    assert "Nothing has begun by this press" in text(again)
    assert sum(message.task["func"] == "backups.tasks.restore" for message in OrmQ.objects.all()) == 1
    assert Generation.objects.filter(about__source="before a restore").count() == 1


def test_what_is_not_there_is_said_and_nothing_done(article: Article, root: User, storage_folder: Path) -> None:
    client = as_(root)
    job = _asked(client, units="An article that nobody wrote")
    assert "The backup has no article An article that nobody wrote. Nothing was changed." in text(client.get(_url(job)))
    job = _asked(client, moment="2001-01-01T00:00")
    assert job.state == Restore.State.FAILED
    job = _asked(client)
    assert "There is nothing to restore" in text(client.get(_url(job)))


def test_a_mistake_of_ours_leaves_nobody_waiting(article: Article, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: Any, **__: Any) -> Iterator[None]:
        raise ZeroDivisionError

    monkeypatch.setattr(restore, "planned", raises)
    job = _asked(as_(root))
    assert (job.state, job.reason) == (Restore.State.FAILED, database.OUR_MISTAKE)


def test_the_difference_is_paged_and_hostile_words_are_text(article: Article, root: User) -> None:
    Article.objects.bulk_create(
        Article(owner=root, tree_prefix=f"n{n}", idea="x", title=f"{HOSTILE} {n}") for n in range(60)
    )
    client = as_(root)
    job = _asked(client, mode="mirror")
    assert (job.counts["delete"], job.counts["change"]) == (60, 1)  # the login of who asks has a time
    assert "What is of no article in the backup : 60 articles, user" in text(client.get(_url(job)))
    backup.backup(configured.repository(DATABASE))
    Article.objects.filter(idea="x", tree_prefix__startswith="n").delete()
    job = _asked(client)
    assert "1 to 50 of 60" in text(client.get(_url(job)))
    assert "51 to 60 of 60" in text(client.get(_url(job), {"page": "2"}))
    assert "<script>alert" not in client.get(_url(job)).content.decode()
    Article.objects.filter(pk=article.pk).update(title=HOSTILE)
    job = _asked(client, units=str(article.pk), mode="overwrite")
    assert "<script>alert" not in client.get(_url(job)).content.decode()
    job = _asked(client, units=HOSTILE)
    assert "<script>alert" not in client.get(_url(job)).content.decode() + client.get(ASK).content.decode()


def test_a_point_in_time_is_picked_from_the_backups(article: Article, root: User) -> None:
    Article.objects.filter(pk=article.pk).update(title="Home accumulators")
    backup.backup(configured.repository(DATABASE))
    catalogue.rebuild(configured.repository(DATABASE))
    client = as_(root)
    choices = client.get(ASK).context["form"].fields["point"].choices
    assert [words for value, words in choices if not value] == ["The newest backup"]
    newest, oldest = (value for value, _ in list(choices)[1:])

    job = _asked(client, point=oldest, mode="overwrite")
    assert job.moment == datetime.fromisoformat(oldest) < datetime.fromisoformat(newest)
    _done(client, job)
    article.refresh_from_db()
    assert article.title == "Home batteries"

    both = client.post(ASK, {"point": oldest, "moment": "2026-01-01T00:00", "units": "", "mode": "missing"})
    assert "Pick a backup or give a time, not both." in text(both)
    strange = client.post(ASK, {"point": "2001-01-01T00:00:00", "moment": "", "units": "", "mode": "missing"})
    assert "is not one of the available choices" in text(strange)
