"""What can go wrong at Google Drive, by what is done about it. Each says why in a sentence for people."""

from __future__ import annotations


class DriveError(Exception):
    """Nothing came. The message is a sentence."""


class SignInEnded(DriveError):
    """The account has to be connected again."""


class Later(DriveError):
    """Trying again helps; `seconds` where Google says after how many."""

    def __init__(self, said: str, seconds: float | None = None) -> None:
        super().__init__(said)
        self.seconds = seconds


class TooMany(Later):
    """Too many requests: the whole account waits."""


class FileClosed(DriveError):
    """This file alone cannot be read as it is asked for. `too_large`: another way of asking may help."""

    def __init__(self, said: str, *, too_large: bool = False) -> None:
        super().__init__(said)
        self.too_large = too_large


class NotThere(DriveError):
    """Gone, or not shared with this account: Google gives one answer for both."""


class TokenRefused(DriveError):
    """The log of changes cannot be read on from there; a full listing helps."""
