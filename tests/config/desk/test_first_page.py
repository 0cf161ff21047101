"""The first page of an empty desk says how to begin."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

LOGIN = reverse("admin:login")


def test_an_empty_desk_says_both_ways(client: Client, db: None) -> None:
    page = client.get(LOGIN).content.decode()
    assert "Start anew." in page
    assert "manage.py restore_desk" in page
    assert 'name="password"' in page


def test_one_with_people_says_neither(client: Client, db: None) -> None:
    User.objects.create(username="ada")
    page = client.get(LOGIN).content.decode()
    assert "Start anew." not in page
    assert 'name="password"' in page
