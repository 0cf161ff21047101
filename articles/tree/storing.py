"""The backup storage as one of the services that a run waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from articles.providers.errors import IT, STORAGE, Unreachable
from backups.errors import StorageError

# By the codes of S3, what an operator can do something about.
REFUSALS = {
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "NoSuchBucket": "there is no such bucket",
    "PermanentRedirect": "the bucket is in another region, or at another address",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
    "SecondLevelDomainForbidden": "it wants the bucket's name in its host",
    "AccessDenied": "our keys may not do this",
    "InvalidAccessKeyId": "it does not know our keys",
    "SignatureDoesNotMatch": "our keys are wrong",
    "QuotaExceeded": "the bucket is full",
    "XMinioStorageFull": "it is full",
}
DAMAGED = "damaged"  # the code of an error over a file that is not the one that was saved; Recover makes it again


@contextmanager
def storing() -> Iterator[None]:
    """Turns the errors of the backup storage into one that a run can wait for; those of trees and rows stay."""
    try:
        yield
    except (OSError, BotoCoreError, ClientError, StorageError) as exc:
        raise Unreachable(
            STORAGE,
            _reason(exc),
            mend="ask the operator to look at the storage",
            code="storage",
            detail=str(exc),
            lost=False,
            thing="a file",
        ) from exc


def _reason(exc: Exception) -> str:
    """In terms of what was done and who answered: only one that did not answer at all is said to be silent."""
    match exc:
        case OSError():
            return f"{IT} did not take a file ({exc.strerror or 'input/output error'})"
        case ClientError():
            code = str(exc.response.get("Error", {}).get("Code", "")) or "no code"
            return f"{IT} refused the request ({REFUSALS.get(code, code)})"
        case StorageError():
            return f"{IT} did not answer as it should"
    return f"{IT} did not answer"
