"""What does not keep a rule of the house yet, with what it is or what would mend it. The table can only shrink."""

from __future__ import annotations

from collections.abc import Iterable

BREACHES: dict[str, dict[str, str]] = {}


def held(rule: str, found: Iterable[str]) -> None:
    """Fail for what breaks a rule and is not in the table, and for what is in the table and breaks it no more."""
    breaches, known = set(found), BREACHES.get(rule, {}).keys()
    new, mended = sorted(breaches - known), sorted(known - breaches)
    assert not new, "\n  ".join([f"This breaks the rule “{rule}”:", *new])
    assert not mended, "\n  ".join([f"This keeps the rule “{rule}”; take it out of tests/house/breaches.py:", *mended])
