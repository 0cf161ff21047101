"""Why something is changed: each form by which a noted row is changed asks, and the answer stands with the change."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from articles.models import DeskSettings
from audit.acting import actor, because
from audit.models import Change
from audit.watched import WATCHED
from publishing.models import Site
from tests.articles.batches.grid import batch_of
from tests.audit.rows import make
from tests.conftest import HandIn
from tests.desk import as_, move, page_of, text

pytestmark = pytest.mark.django_db
FIELD = 'name="reason"'
WHY = "Agreed with the publisher"
# With pages of their own: a text asks for notes, the others are changed by what is done to them; or nobody else's.
ELSEWHERE = {"worklist.Document", "worklist.DriveFolder", "articles.Batch", "publishing.PublishTask", "backups.Restore"}
ELSEWHERE |= {"recovery.Snooze", "articles.Preferences", "config.Token", "webhooks.Webhook", "worklist.DriveAccount"}


def reasons(**of: str) -> set[str]:
    return set(Change.objects.filter(**of).values_list("why", flat=True))


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


@pytest.mark.parametrize("label", sorted(set(WATCHED) - ELSEWHERE))
def test_each_form_asks(label: str, root: User, hand_in: HandIn) -> None:
    row = make(label, "default") if label != "articles.DeskSettings" else DeskSettings.row()
    if label == "articles.Article":
        type(row)._default_manager.filter(pk=row.pk).update(status="cancelled")
    kind = f"{row._meta.app_label}_{row._meta.model_name}"
    page = as_(root).get(reverse(f"admin:{kind}_change", args=[row.pk]))
    assert page.content.decode().count(FIELD) == 1


def test_a_site_and_its_removal(chief: User, root: User) -> None:
    site = make("publishing.Site", "default")
    page = reverse("admin:publishing_site_change", args=[site.pk])
    form = as_(chief).get(page).context["adminform"].form
    said = {name: form.get_initial_for_field(field, name) or "" for name, field in form.fields.items()}
    answer = as_(chief).post(page, said | {"name": "Journal", "reason": f" {WHY}\0\r\n "})
    assert answer.status_code == 302, text(answer)
    assert Site.objects.get().name == "Journal"
    assert reasons(model="publishing.Site", field="name") == {WHY}
    assert f"Why: {WHY}" in text(as_(chief).get("/admin/changes/"))

    page = reverse("admin:publishing_site_delete", args=[site.pk])
    assert FIELD in as_(root).get(page).content.decode()
    assert as_(root).post(page, {"post": "yes", "reason": "Sold"}).status_code == 302
    assert reasons(model="publishing.Site", deed="deleted") == {"Sold"}


def test_limits_rights_and_a_password(root: User, editor: User) -> None:
    client, limits = as_(root), reverse("admin:articles_desksettings_change", args=[DeskSettings.row().pk])
    assert client.post(limits, {"limit_day": "5", "shown": "1", "reason": WHY}).status_code == 302
    person = reverse("admin:auth_user_change", args=[editor.pk])
    page = client.get(person).context["adminform"].form
    said = {"username": "ada", "date_joined_0": page.initial["date_joined"].strftime("%Y-%m-%d")}
    said |= {"date_joined_1": "10:00:00", "is_active": "on", "reason": WHY}  # neither staff nor an editor any more
    assert client.post(person, said).status_code == 302
    password = reverse("admin:auth_user_password_change", args=[editor.pk])
    assert FIELD in client.get(password).content.decode()
    new = {"password1": "another long one", "password2": "another long one", "usable_password": "true", "reason": WHY}
    assert client.post(password, new).status_code == 302
    for changed in ("limit_day", "is_staff", "groups", "password"):
        assert reasons(field=changed, who="root") == {WHY}


def test_cancel_and_budget(chief: User, editor: User, hand_in: HandIn) -> None:
    article, client = move(hand_in()), as_(chief)
    assert FIELD in client.get(page_of(article)).content.decode()
    assert FIELD not in as_(editor).get(page_of(article)).content.decode()  # who may not see what is noted
    assert client.post(page_of(article, "cancel"), {"reason": WHY}).status_code == 302
    batch = batch_of(editor, 1, 1)
    page = reverse("admin:articles_batch_cancel", args=[batch.pk])
    assert FIELD in client.post(page).content.decode()
    assert client.post(page, {"confirmed": "yes", "reason": WHY}).status_code == 302
    assert reasons(model="articles.Article", field="status") == {WHY}
    assert reasons(model="articles.Batch", field="state") == {WHY}


def test_a_reason_ends_with_what_it_was_given_for(chief: User) -> None:
    with because(WHY):
        with because(""):
            assert actor().why == WHY
        with because("closer"):
            assert actor().why == "closer"
    assert actor().why == ""
    client = as_(chief)
    limits = reverse("admin:articles_desksettings_change", args=[DeskSettings.row().pk])
    for number, said in enumerate([WHY, "", "x" * 9_000], start=1):
        client.post(limits, {"limit_day": str(number), "shown": str(number), "reason": said})
    found = Change.objects.filter(field="limit_day").order_by("pk").values_list("why", flat=True)
    assert list(found) == [WHY, "", "x" * 500]
