"""Who looks after people cannot give, to anybody or to themselves, what they do not have."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from config.roles import CHIEF_EDITORS, EDITORS

PASSWORD = "a long password"
PEOPLE = [f"{verb}_{kind}" for kind in ("user", "group") for verb in ("view", "add", "change", "delete")]


@pytest.fixture
def manager(db: None) -> User:
    """An editor who looks after people, too."""
    user = User.objects.create_user("mia", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=EDITORS))
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="auth", codename__in=PEOPLE))
    return user


@pytest.fixture
def desk(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


def address(row: User | Group, page: str = "change") -> str:
    kind = "user" if isinstance(row, User) else "group"
    return reverse(f"admin:auth_{kind}_{page}", args=[row.pk])


def fields(user: User, **changes: object) -> dict[str, object]:
    """What the page of a user sends, with changes."""
    joined = {"date_joined_0": f"{user.date_joined:%Y-%m-%d}", "date_joined_1": f"{user.date_joined:%H:%M:%S}"}
    groups = [group.pk for group in user.groups.all()]
    return {"username": user.username, "is_active": "on", "is_staff": "on", "groups": groups, **joined, **changes}


def pk_of(group: str) -> int:
    return Group.objects.get(name=group).pk


def rights(user: User) -> set[str]:
    return User.objects.get(pk=user.pk).get_all_permissions()


@pytest.mark.parametrize("target", ["themselves", "an editor"])
def test_nobody_is_given_more_than_the_giver_has(desk: Client, manager: User, editor: User, target: str) -> None:
    user = manager if target == "themselves" else editor
    before = rights(user)
    every = list(Permission.objects.values_list("pk", flat=True))

    for changes in ({"is_superuser": "on"}, {"user_permissions": every}, {"groups": [pk_of(CHIEF_EDITORS)]}):
        desk.post(address(user), fields(user, **changes))

    user.refresh_from_db()
    assert not user.is_superuser
    assert rights(user) <= before
    assert not user.groups.filter(name=CHIEF_EDITORS).exists()


def test_whoever_has_more_rights_is_not_changed(desk: Client, chief: User, admin_user: User) -> None:
    """A new password would be their rights, also of somebody who may not log in just now."""
    User.objects.filter(pk=chief.pk).update(is_active=False)
    for user in (chief, admin_user):
        before = user.password
        sent = {"password1": "another password 1", "password2": "another password 1", "usable_password": "true"}
        assert desk.post(reverse("admin:auth_user_password_change", args=[user.pk]), sent).status_code == 403
        assert desk.post(address(user), fields(user, username="gone")).status_code == 403
        assert desk.post(address(user, "delete"), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
        desk.post(reverse("admin:auth_user_changelist"), chosen)
        user = User.objects.get(pk=user.pk)
        assert user.password == before


def test_what_is_within_their_rights_they_do(desk: Client, manager: User, editor: User) -> None:
    assert desk.post(address(editor), fields(editor, email="new@example.org")).status_code == 302
    editor.refresh_from_db()
    assert (editor.email, list(editor.groups.values_list("name", flat=True))) == ("new@example.org", [EDITORS])

    made = {"username": "neo", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert desk.post(reverse("admin:auth_user_add"), made).status_code == 302
    neo = User.objects.get(username="neo")
    assert desk.post(address(neo), fields(neo, groups=[pk_of(EDITORS)])).status_code == 302
    assert neo.groups.get().name == EDITORS


def test_a_group_gets_no_right_that_the_giver_lacks(desk: Client, manager: User) -> None:
    editors, chiefs = Group.objects.get(name=EDITORS), Group.objects.get(name=CHIEF_EDITORS)
    more = Permission.objects.get(codename="touch_every_article")
    before = set(editors.permissions.all())

    own = [permission.pk for permission in before]
    desk.post(address(editors), {"name": EDITORS, "permissions": [*own, more.pk]})
    assert desk.post(address(chiefs), {"name": "x", "permissions": []}).status_code == 403
    assert desk.post(address(chiefs, "delete"), {"post": "yes"}).status_code == 403

    assert set(editors.permissions.all()) == before
    assert desk.post(address(editors), {"name": EDITORS, "permissions": own[:-1]}).status_code == 302
    assert editors.permissions.count() == len(own) - 1


def test_a_superuser_gives_everything(client: Client, admin_user: User, editor: User) -> None:
    client.force_login(admin_user)
    changes = {"is_superuser": "on", "groups": [pk_of(CHIEF_EDITORS)]}
    assert client.post(address(editor), fields(editor, **changes)).status_code == 302
    editor.refresh_from_db()
    assert editor.is_superuser
    assert editor.groups.get().name == CHIEF_EDITORS
