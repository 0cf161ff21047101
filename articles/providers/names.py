"""What people call whom, by the ids under which calls, limits and failures are kept.

An id is never edited, and never shown where a name can stand; reword a name here and nothing stops matching.
"""

from __future__ import annotations

NAMES = {
    "text": "the text service",
    "pictures": "the picture service",
    "layout": "Claude",
    "agent": "the agent",
    "storage": "the backup storage",
    "database": "the database",
    "galley": "Galley",
    "wordpress": "WordPress",
    "drive": "Google Drive",
}


def name_of(provider: str) -> str:
    """Within a sentence: `the text service`; `WordPress` for the site "wordpress:3"."""
    return NAMES.get(provider.partition(":")[0], provider)


def title_of(provider: str) -> str:
    """At the beginning of one: `The text service`."""
    name = name_of(provider)
    return f"{name[:1].upper()}{name[1:]}"
