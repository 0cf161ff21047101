"""Passwords of tests protect nothing: each costs one round, not the 0.18 s of a million."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    """Its hashes say how many rounds they have, so whoever knows the usual ones reads them, too."""

    iterations = 1
