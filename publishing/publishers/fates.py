"""Which failure may change the way onto a site, and which never may: a table, and its first line that fits counts.

What says something of the article, of the user or of the site as a whole is the same by each way: a wrong password is
not tried elsewhere, and what a person works on is nobody's to write. What says something of the way alone changes it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from articles.providers.errors import ProviderError, Unreachable
from publishing.models import Way


class Fate(StrEnum):
    """What becomes of the way."""

    STAYS = "stays"  # nobody else tries: it waits, or a person acts
    CLOSED = "closed"  # another way, for all articles of the site until it is edited
    DOUBTFUL = "doubtful"  # another way tells whether it is this one; then it is closed
    WORN = "worn"  # another way, once this one has failed a few times


class Row(NamedTuple):
    ways: str  # a pattern, of names of `Way`
    codes: str  # a pattern, of the whole code
    fate: Fate


TRIES = 2  # how often a way that fails without a word is tried again, before another one is
TABLE = [
    # Nobody knows yet, or the site rests: whichever the way, it would be the same.
    Row(".*", r"settling|wp_die|429|locked_out|robot_check|web_password", Fate.STAYS),
    Row(Way.REST, r"rest_no_route|rest_disabled|rest_cannot_access|30[1278]|404|405|501|redirected", Fate.CLOSED),
    Row(Way.REST, r"403|firewall|cached|application_passwords_disabled", Fate.CLOSED),
    # A wrong password and a header that was dropped on the way look the same; in a body it arrives.
    Row(Way.REST, r"login|rest_not_logged_in|rest_cannot_create", Fate.DOUBTFUL),
    Row(f"{Way.PLAYWRIGHT}|{Way.COMPUTER_USE}", r"no_browser|no_web_secret|no_agent", Fate.WORN),
    # The login page alone is hidden, or kept from all but a few.
    Row(f"{Way.PLAYWRIGHT}|{Way.COMPUTER_USE}", r"no_dashboard|403|firewall", Fate.CLOSED),
    # What is in the way of a browser alone, a model may get past.
    Row(Way.PLAYWRIGHT, r"unknown_screen", Fate.WORN),
    # It has used up what it may, or got nowhere; what it may have sent is looked for when a person has it tried again.
    Row(Way.COMPUTER_USE, r"agent_\w+", Fate.STAYS),
    Row(Way.XMLRPC, r"xmlrpc_off|403|404|405|firewall", Fate.CLOSED),
]


def fate_of(way: str, exc: ProviderError, tries: int) -> Fate:
    """`tries`: how often it was tried again by this way already."""
    for row in TABLE:
        if re.fullmatch(row.ways, way) and re.fullmatch(row.codes, exc.code):
            return row.fate
    return Fate.WORN if isinstance(exc, Unreachable) and tries >= TRIES else Fate.STAYS
