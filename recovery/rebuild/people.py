"""Whose it is and where it goes: by names and addresses, as numbers mean something in one database only."""

from __future__ import annotations

from itertools import count

from django.contrib.auth.models import User

from articles.tree.schema import Destination
from publishing.models import Site
from publishing.sites import same_address


def owner_of(name: str) -> User:
    """The owner by name. One who is not here any more comes back without the right to log in."""
    user, created = User.objects.get_or_create(username=name, defaults={"is_active": False})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def site_of(found: Destination) -> Site | None:
    """The site at this address; where several are there, the one of this number or name.

    A name alone tells nothing: it may have gone over to another site. A site that is not here becomes a row to fill in,
    as no password may be sent to an address that a manifest names.
    """
    if found.site is None:
        return None
    there = [site for site in Site.objects.order_by("pk") if _is_at(site, found)]
    chosen = (
        [site for site in there if site.pk == found.site_id]
        or [site for site in there if site.name == found.site]
        or there
    )
    return chosen[0] if len(chosen) == 1 else _to_fill_in(found.site, _told(found))


def _told(found: Destination) -> str:
    """Its address; its name where an earlier version noted none."""
    return found.site_address or found.site or ""


def _is_at(site: Site, found: Destination) -> bool:
    return site.rebuilt_from == _told(found) or any(
        same_address(address, found.site_address) for address in (site.url, site.rebuilt_from)
    )


def _to_fill_in(name: str, told: str) -> Site:
    taken = set(Site.objects.values_list("name", flat=True))
    names = (name if n == 1 else f"{name[:44]} {n}" for n in count(1))
    free = next(candidate for candidate in names if candidate not in taken)
    return Site.objects.create(name=free, url="", user="", encrypted_secret="", rebuilt_from=told)
