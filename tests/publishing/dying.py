"""A worker that dies right after a step of its work, so that another one goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from unittest import mock

from django.utils import timezone

from articles.models import Article
from articles.pipeline.sweep import sweep

Step = tuple[type, str]  # a method


class Died(BaseException):
    """Stands for a kill -9: nothing of ours catches it."""


@contextmanager
def dies_after(number: int, steps: Sequence[Step], meanwhile: Callable[[], object] = lambda: None) -> Iterator[None]:
    """What runs within ends right after the step of this number, when `meanwhile` has happened; a sweep finds it."""
    left = number

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def do(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            result = work(*args, **kwargs)
            left -= 1
            if left == 0:
                meanwhile()
                raise Died
            return result

        return do

    with ExitStack() as patched, suppress(Died):
        for owner, name in steps:
            patched.enter_context(mock.patch.object(owner, name, counted(getattr(owner, name))))
        yield
    assert left == 0, "there are fewer steps than this"
    Article.objects.filter(status=Article.Status.RUNNING).update(lease_until=timezone.now())
    sweep()
