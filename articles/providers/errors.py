"""What a service can do to us.

    ProviderError
      Unreachable     no usable answer in time       trying again helps; what was sent may have been charged
      Busy            429, 503                        trying again helps, later
      Refused         our key or our rights           a person acts
      Rejected        understood, and declined        a person acts
      Garbled         an answer that cannot be used   a person looks
      Mistake         a mistake of our own            the operator looks

An error holds facts: who, what was asked for, a code, the reason, what a person mends first and what comes then, the
raw answer for the fold. `articles.failures` makes the sentences of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, TypedDict

from backups.redaction import black_out

DETAIL_CHARACTERS = 4000
IT = "{it}"  # stands for the provider in a reason: "it" where it was named before, else its name

# Who can fail, by an id that nobody edits. Each service's module has its own; a site is "wordpress:3".
STORAGE, DATABASE, GALLEY = "storage", "database", "galley"


class Then(StrEnum):
    """What a person does once the cause is mended."""

    RECOVER = "recover"
    REMAKE = "remake"  # recover, to have it made again
    ASK_AGAIN = "ask_again"  # recover, to ask again
    ONCE_MORE = "once_more"  # recover, to try once more
    WHAT_IS_MISSING = "what_is_missing"  # recover: only what is missing is made
    RECOVER_OR_MANUSCRIPT = "recover_or_manuscript"
    ANOTHER_MANUSCRIPT = "another_manuscript"  # for this article
    HAND_IN = "hand_in"  # a new article
    NOTHING = "nothing"  # mending is all


class SavedError(TypedDict):
    """A ProviderError as JSON on a row; `stage` is where its article was, "" for a call."""

    kind: str
    provider: str
    reason: str
    mend: str
    then: str
    code: str
    detail: str
    thing: str
    stage: str


def _text(words: str) -> str:
    """As every database takes it, and without our secrets: services may answer anything."""
    return black_out(words.replace("\x00", "\ufffd").encode(errors="replace").decode())


class ProviderError(Exception):
    """A service did not do what it was asked for."""

    retry: ClassVar[bool] = False

    def __init__(
        self,
        provider: str,
        reason: str,
        *,
        mend: str = "",
        then: Then = Then.RECOVER,
        code: str = "",
        detail: str = "",
        retry_after: float | None = None,
        thing: str = "",
    ) -> None:
        """`reason` and `mend` are parts of sentences without a full stop, the reason with `IT` for the provider;
        `retry_after` is in seconds.
        """
        super().__init__(reason)
        self.provider = provider
        self.reason = _text(reason)
        self.mend = _text(mend)
        self.then = then
        self.code = _text(code)[:100] or type(self).__name__.lower()
        self.detail = _text(detail)[:DETAIL_CHARACTERS]  # cut last: a piece of a secret is one, too
        self.retry_after = retry_after
        self.thing = _text(thing)

    def saved(self, stage: str = "") -> SavedError:
        """As JSON, for the row; `restored` makes the error of it again. `stage`: where the article was."""
        return {
            "kind": type(self).__name__,
            "provider": self.provider,
            "reason": self.reason,
            "mend": self.mend,
            "then": self.then.value,
            "code": self.code,
            "detail": self.detail,
            "thing": self.thing,
            "stage": str(stage),
        }

    @staticmethod
    def restored(saved: SavedError) -> ProviderError:
        kind = next((kind for kind in ProviderError.__subclasses__() if kind.__name__ == saved["kind"]), Garbled)
        return kind(
            saved["provider"],
            saved["reason"],
            mend=saved["mend"],
            then=Then(saved["then"]),
            code=saved["code"],
            detail=saved["detail"],
            thing=saved["thing"],
        )


class Unreachable(ProviderError):
    """No connection, a time-out, or an answer that broke off."""

    retry = True

    def __init__(self, *args: Any, lost: bool = True, **kwargs: Any) -> None:
        """`lost`: whether the request may have done its work all the same, only its answer is lost."""
        super().__init__(*args, **kwargs)
        self.lost = lost


class Busy(ProviderError):
    """Too many requests, or the service is down for a while and says so."""

    retry = True


class Refused(ProviderError):
    """Our key, our rights or our credit are not enough."""


class Rejected(ProviderError):
    """The request was understood, and declined."""


class Garbled(ProviderError):
    """There is an answer, and it cannot be used."""


class Mistake(ProviderError):
    """A mistake of our own: never tried again by itself, always shown."""
