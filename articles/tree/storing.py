"""The backup storage as one of the services that a run waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from articles.providers.errors import IT, STORAGE, Unreachable

DAMAGED = "damaged"  # the code of an error over a file that is not the one that was saved; Recover makes it again


@contextmanager
def storing() -> Iterator[None]:
    """Turns the errors of the backup storage into one that a run can wait for."""
    try:
        yield
    except (OSError, BotoCoreError, ClientError) as exc:
        raise Unreachable(
            STORAGE,
            f"{IT} did not take a file ({exc.strerror or 'input/output error'})"
            if isinstance(exc, OSError)
            else f"{IT} did not answer",
            mend="ask the operator to look at the storage",
            code="storage",
            detail=str(exc),
            lost=False,
            thing="a file",
        ) from exc
