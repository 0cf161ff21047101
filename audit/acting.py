"""Who acts just now, in this thread or task. Doors say it once; whoever writes a row needs not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.db.models import TextChoices


class Door(TextChoices):
    PERSON = "person", "People at the desk"
    PROGRAM = "program", "Programs with a token"
    COMMAND = "command", "Commands on the server"
    DESK = "desk", "The desk itself"
    OUTSIDE = "outside", "Not by the desk"


OFF = "off"  # nothing is noted


@dataclass(frozen=True)
class Actor:
    door: str
    who: str = ""  # the person, as they log in; of a command the user of the operating system
    through: str = ""  # the name of the token, or of the command
    why: str = ""


THE_DESK = Actor(Door.DESK)
_actor: ContextVar[Callable[[], Actor]] = ContextVar("actor", default=lambda: THE_DESK)
_why: ContextVar[str] = ContextVar("why", default="")


def actor() -> Actor:
    """Who acts, with the reason that was given."""
    found = _actor.get()()
    return replace(found, why=_why.get()) if _why.get() else found


def become(who: Actor) -> None:
    """From now on, for a process that is one actor's as a whole."""
    _actor.set(lambda: who)


@contextmanager
def acting(who: Callable[[], Actor]) -> Iterator[None]:
    """`who` is asked when something is written: a request knows its person later than it begins."""
    token = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(token)


@contextmanager
def by_the_desk() -> Iterator[None]:
    """What the desk does of its own accord, whoever's request it happens to be in."""
    with acting(lambda: THE_DESK):
        yield


@contextmanager
def because(why: str) -> Iterator[None]:
    """Why what is changed until the end of it is changed, in the words of whoever does it; "" adds nothing to what was
    said before.
    """
    token = _why.set(why or _why.get())
    try:
        yield
    finally:
        _why.reset(token)


@contextmanager
def off() -> Iterator[None]:
    """Nothing is noted, and old changes may go: for a restore, which brings its own, and for retention."""
    with acting(lambda: Actor(OFF)):
        yield
