"""What of S3's protocol a store knows. One that speaks it otherwise says so in its answers, and is taken as it is.

What may be left out is what something else does as well: each body is signed by its SHA-256 or sent with its MD5, and
each key says what lies there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_CHECKSUM = re.compile(r"x-amz-(?:sdk-)?checksum", re.IGNORECASE)
_MD5_WANTED = re.compile(r"Content-MD5.*required|MissingContentMD5", re.IGNORECASE | re.DOTALL)
_NOT_KNOWN = re.compile(r"\(501\)|status code: 501|NotImplemented")


@dataclass(frozen=True)
class Manner:
    """`conditions`: If-None-Match, which Alibaba OSS answers with 501; `checksums`: headers x-amz-checksum-*, which
    Backblaze B2 answers with 400; `md5`: each body goes with its Content-MD5, on which some stores insist for buckets
    with Object Lock's default retention.
    """

    conditions: bool = True
    checksums: bool = True
    md5: bool = False

    def after(self, said: str, *, conditional: bool) -> Manner:
        """As it is after a refusal; the same where that says nothing of it. `conditional`: what was sent had one."""
        if not self.md5 and _MD5_WANTED.search(said):
            return replace(self, md5=True)
        if self.checksums and _CHECKSUM.search(said):
            return replace(self, checksums=False)
        if _NOT_KNOWN.search(said):
            if self.conditions and conditional:
                return replace(self, conditions=False)
            return replace(self, checksums=False)
        return self


def goes_in_circles(exc: BaseException | None) -> bool:
    """Whether a client was sent to and fro until Python ended that, be it in its own words (boto3#2148).

    A redirect without an address does so. How deep the client is called decides which of its parts meets the end.
    """
    while exc is not None and not isinstance(exc, RecursionError):
        exc = exc.__cause__ or exc.__context__
    return exc is not None
