"""What a service can do to us.

    ProviderError
      Unreachable     no usable answer in time       trying again helps; what was sent may have been charged
      Busy            429, 503                        trying again helps, later
      Refused         our key or our rights           a person acts
      Rejected        understood, and declined        a person acts
      Garbled         an answer that cannot be used   a person looks
      Mistake         a mistake of our own            the operator looks

Each carries two messages: a reason in plain words with the next action for people, and the raw answer for the fold.
"""

from __future__ import annotations

from typing import Any, ClassVar

DETAIL_CHARACTERS = 4000


def _text(words: str) -> str:
    """As every database takes it: services may answer anything."""
    return words.replace("\x00", "\ufffd").encode(errors="replace").decode()


class ProviderError(Exception):
    """A service did not do what it was asked for."""

    retry: ClassVar[bool] = False
    verb: ClassVar[str]

    def __init__(
        self,
        provider: str,
        reason: str,
        *,
        action: str = "press Recover",
        code: str = "",
        detail: str = "",
        retry_after: float | None = None,
        thing: str = "",
    ) -> None:
        """`reason` and `action` are parts of sentences without a full stop; `retry_after` is in seconds."""
        super().__init__(reason)
        self.provider = provider
        self.reason = _text(reason)
        self.action = _text(action)
        self.code = _text(code)[:100] or type(self).__name__.lower()
        self.detail = _text(detail[:DETAIL_CHARACTERS])
        self.retry_after = retry_after
        self.thing = thing

    @property
    def headline(self) -> str:
        """`WordPress refused the hero image`."""
        return f"{self.provider} {self.verb} {self.thing or 'the request'}"

    def saved(self) -> dict[str, Any]:
        """As JSON, for the row; `restored` makes the error of it again."""
        return {
            "kind": type(self).__name__,
            "provider": self.provider,
            "headline": self.headline,
            "reason": self.reason,
            "action": self.action,
            "code": self.code,
            "detail": self.detail,
            "thing": self.thing,
        }

    @staticmethod
    def restored(saved: dict[str, Any]) -> ProviderError:
        kind = next((kind for kind in ProviderError.__subclasses__() if kind.__name__ == saved["kind"]), Garbled)
        return kind(
            *(saved[k] for k in ("provider", "reason")),
            **{k: saved[k] for k in ("action", "code", "detail", "thing")},
        )


class Unreachable(ProviderError):
    """No connection, a time-out, or an answer that broke off."""

    retry = True
    verb = "could not finish"

    def __init__(self, *args: Any, lost: bool = True, **kwargs: Any) -> None:
        """`lost`: whether the request may have done its work all the same, only its answer is lost."""
        super().__init__(*args, **kwargs)
        self.lost = lost


class Busy(ProviderError):
    """Too many requests, or the service is down for a while and says so."""

    retry = True
    verb = "had no room for"


class Refused(ProviderError):
    """Our key, our rights or our credit are not enough."""

    verb = "refused"


class Rejected(ProviderError):
    """The request was understood, and declined."""

    verb = "declined"


class Garbled(ProviderError):
    """There is an answer, and it cannot be used."""

    verb = "gave an unusable answer for"


class Mistake(ProviderError):
    """A mistake of our own: never tried again by itself, always shown."""

    verb = "made a mistake with"
