"""Whose word is believed about where a request came from."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from config.env import Environment
from config.login.visitors import address_of

ME, PROXY, SECOND = "198.51.100.7", "127.0.0.1", "10.89.0.5"


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        (ME, "", ME),
        (ME, "203.0.113.9", ME),  # nobody's proxy
        (PROXY, "", PROXY),
        (PROXY, ME, ME),
        (PROXY, f"203.0.113.9, {ME}", ME),  # the first was made up
        (PROXY, f"203.0.113.9, {ME}, {SECOND}", ME),  # two proxies of ours
        (PROXY, f"203.0.113.9,127.0.0.1,{ME}", ME),
        (PROXY, f"{SECOND}, {PROXY}", SECOND),  # all are ours: the first of them
        (PROXY, "unknown", PROXY),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, f"{ME}:4711", PROXY),
        ("", ME, ""),
    ],
)
def test_only_our_proxies_are_believed(settings: Settings, peer: str, header: str, expected: str) -> None:
    settings.GALLEY_PROXIES = [ip_network("127.0.0.1"), ip_network("10.89.0.0/24")]
    headers = {"X-Forwarded-For": header} if header else {}
    assert address_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)) == expected


def test_without_a_proxy_in_the_settings_nobody_is(settings: Settings) -> None:
    settings.GALLEY_PROXIES = []
    request = RequestFactory().get("/", headers={"X-Forwarded-For": ME}, REMOTE_ADDR=PROXY)
    assert address_of(request) == PROXY


def test_proxies_are_addresses_or_networks() -> None:
    assert Environment({"X": "127.0.0.1, ::1, 10.0.0.0/8"}).networks("X") == [
        ip_network("127.0.0.1/32"),
        ip_network("::1/128"),
        ip_network("10.0.0.0/8"),
    ]
    for wrong in ("everybody", "127.0.0.1/8", "*"):
        environment = Environment({"X": wrong})
        assert environment.networks("X") == []
        assert [problem.name for problem in environment.problems] == ["X"]
