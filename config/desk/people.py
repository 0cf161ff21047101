"""People and groups in the desk: nobody gives, or gets by way of another, a right that they do not have themselves.

Who may change a person can set a new password and log in as that person. So whom somebody may change has no right that
they lack, be it as an inactive user; and superusers alone make superusers.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import Group, Permission, User
from django.db.models import ManyToManyField, Model, Q, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest


def rights_of(user: User) -> QuerySet[Permission]:
    """What this person may do by themselves and by their groups, also while they may not log in."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def beyond(giver: User) -> QuerySet[Permission]:
    """The rights that somebody cannot give, as they lack them."""
    return Permission.objects.none() if giver.is_superuser else Permission.objects.exclude(pk__in=rights_of(giver))


class WithinOwnRights:
    """Put before Django's admin of users, and of groups."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_within(request, obj)  # type: ignore[misc]  # of the class behind

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_within(request, obj)  # type: ignore[misc]  # of the class behind

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)  # type: ignore[misc]  # of the class behind
        only_superusers = ("is_superuser", "user_permissions") if isinstance(obj, User) else ()
        return (*fields, *(() if _giver(request).is_superuser else only_superusers))

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        lacking = beyond(_giver(request))
        if db_field.name == "groups":
            kwargs["queryset"] = Group.objects.exclude(permissions__in=lacking)
        if db_field.name == "permissions":
            kwargs["queryset"] = Permission.objects.exclude(pk__in=lacking)
        field: ModelMultipleChoiceField[Any] | None
        field = super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]  # of the class behind
        return field


def _giver(request: HttpRequest) -> User:
    return cast(User, request.user)


def _is_within(request: HttpRequest, row: Model | None) -> bool:
    giver = _giver(request)
    if isinstance(row, User):
        rights = rights_of(row)
        if row.is_superuser and not giver.is_superuser:
            return False
    elif isinstance(row, Group):
        rights = row.permissions.all()
    else:
        return True
    return not rights.filter(pk__in=beyond(giver)).exists()
