"""The secrets that this process holds, and words without them.

Whoever reads a secret makes it known here before it is sent anywhere. What others say goes through `black_out` before
it is kept, shown or logged. So a service that repeats our key in its answer tells nobody.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 8  # characters; a shorter one would black out common words
BLACK = "…"

_known: dict[str, frozenset[str]] = {}  # by secret, how it may be written


def know(*secrets: str, user: str = "") -> None:
    """Black these out from now on, in this process; with `user` also as a login by HTTP's Basic writes it."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            _known[secret] = _known.get(secret, frozenset()).union(_written(secret, user))


def black_out(text: str, *, also: Iterable[str] = (), user: str = "") -> str:
    """The text without what is known, and without `also`, however short, whichever way they are written."""
    forms = set().union(*list(_known.values()), *(_written(secret, user) for secret in also if secret))
    # The longest first: a shorter one may be a part of it.
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, BLACK)
    return text


def _written(secret: str, user: str) -> Iterator[str]:
    """As it is and without blanks, each as addresses, JSON, HTML, XML, Python and Base64 write it."""
    for plain in {secret, secret.replace(" ", "")} - {""}:
        yield from (plain, repr(plain)[1:-1])
        for quote_ in True, False:
            escaped = html.escape(plain, quote_)
            yield from (escaped, escaped.replace("&#x27;", "&#039;"))  # the second as PHP does
            yield html.escape(escaped, quote=False)  # XML tells of XML
        yield from (quote(plain, safe=""), quote(plain), quote_plus(plain))
        once = {json.dumps(plain, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)}
        for quoted in once | {json.dumps(each)[1:-1] for each in once}:  # JSON tells of JSON
            yield from (quoted, quoted.replace("/", r"\/"))
        yield from _in_base64(plain)
        if user:
            yield from _in_base64(f"{user}:{plain}")


def _in_base64(text: str) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(text.encode()).decode().rstrip("=")
