"""Where a rebuilt article goes: to the site that it was for, or to none that could be another."""

from __future__ import annotations

from typing import Any

import pytest

from articles.tree.schema import Destination
from publishing.models import Site
from recovery.rebuild.people import site_of

pytestmark = pytest.mark.django_db
ADDRESS = "https://magazine.example.org"


def _site(name: str, url: str = ADDRESS, **fields: Any) -> Site:
    return Site.objects.create(name=name, url=url, user="desk", encrypted_secret="x", **fields)


def _named(name: str = "Magazine", address: str = ADDRESS, number: int | None = None) -> Destination:
    return Destination(site=name, site_address=address, site_id=number)


def _found(destination: Destination) -> Site:
    site = site_of(destination)
    assert site is not None
    return site


def test_none_is_none() -> None:
    assert site_of(Destination()) is None


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}/", "https://MAGAZINE.example.org"])
def test_it_is_known_by_its_address_under_another_name(address: str) -> None:
    site = _site("The magazine")

    assert _found(_named(address=address)) == site


@pytest.mark.parametrize("address", ["https://other.example.org", "http://magazine.example.org", f"{ADDRESS}/blog"])
def test_its_name_may_be_that_of_another_by_now(address: str) -> None:
    other = _site("Magazine")

    found = _found(_named(address=address, number=other.pk))

    assert found != other
    assert (found.name, found.url, found.user, found.encrypted_secret) == ("Magazine 2", "", "", "")


def test_of_two_logins_at_one_address_it_is_the_one_of_its_number_or_name() -> None:
    one, two = _site("Magazine"), _site("Magazine, English".replace(",", ""))

    assert _found(_named("Renamed", number=two.pk)) == two
    assert _found(_named("Magazine", number=999)) == one
    assert _found(_named("Renamed", number=999)) not in (one, two)


def test_one_that_is_not_here_is_one_row_for_all_its_articles() -> None:
    first, second = _found(_named()), _found(_named())

    assert first == second
    assert (first.name, first.url, first.user, first.encrypted_secret) == ("Magazine", "", "", "")


def test_once_it_has_moved_to_a_new_address_it_still_is_that_site() -> None:
    site = _found(_named())
    Site.objects.filter(pk=site.pk).update(url="https://new.example.org", name="The magazine")

    assert _found(_named()) == site


def test_two_of_one_name_stay_two() -> None:
    assert _found(_named()) != _found(_named(address="https://other.example.org"))


def test_an_earlier_version_noted_no_address() -> None:
    here = _site("Magazine")
    first, second = _found(_named(address="")), _found(_named(address=""))

    assert first == second != here
