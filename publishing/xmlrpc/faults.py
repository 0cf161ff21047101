"""What the faults of XML-RPC mean, in the words that the REST API has for the same.

A fault has a number and a sentence in the language of the site: the number counts, with the method that was called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from articles.providers.errors import Refused, Rejected
from publishing.wordpress.answers import MANY_LOGINS, Door, Meaning, Reply
from publishing.xmlrpc import values

NOT_THERE = "not_there"
# Of these a 403 may also be about what they name: a category or a picture that is gone.
NAMING = frozenset({"wp.newPost", "wp.editPost", "wp.newTerm", "wp.getMediaItem"})


class Same(NamedTuple):
    """Of a fault: the status and code that the REST API has for the same."""

    pattern: str  # of "method faultCode"
    status: int
    code: str


FAULTS = [  # the first that fits
    Same(r"\S+ 403", 401, "incorrect_password"),
    Same(r"\S+ 401", 403, "rights"),
    Same(r"\S+ 404", 404, NOT_THERE),
    Same(r"\S+ (405|-32601)", 405, "xmlrpc_off"),
    Same(r"wp\.uploadFile 500", 500, "rest_upload_sideload_error"),
    Same(r"wp\.newTerm 500", 400, "term_exists"),
    Same(r"\S+ 429", 429, "busy"),
    Same(r"\S+ 503", 503, "wp_die"),
    Same(r"\S+ (5\d\d|-32[35]00)", 500, "failed"),
    Same(r"", 400, "not_accepted"),
]
DOOR = Door(
    "xmlrpc",
    "/xmlrpc.php",
    (
        Meaning(
            r"xmlrpc (\d+ xmlrpc_off|(3\d\d|401|403|404|405|410|501) (redirected)?$)",
            Rejected,
            "XML-RPC is switched off on the site, or something in front of it keeps requests to /xmlrpc.php out",
            "ask who runs {site} to switch XML-RPC on and to let Galley's requests to /xmlrpc.php through",
            "xmlrpc_off",
        ),
        Meaning(
            r"xmlrpc \d+ web_password",
            Refused,
            "the web server of the site asks for a password of its own, before WordPress is reached",
            "ask who runs {site} to ask for none at /xmlrpc.php",
        ),
        Meaning(
            rf"xmlrpc \d+ {NOT_THERE}",
            Rejected,
            "what was to be used or changed is gone from the site ({said})",
            "look whether the post, its pictures and its categories are still on {site}",
        ),
    ),
)


@dataclass(frozen=True)
class Spoken(Reply):
    """A reply as the REST API would have given it: a value where JSON would be, a fault as status and code."""

    value: Any
    fault: str = ""  # its code

    @classmethod
    def of(cls, reply: Reply, method: str) -> Spoken:
        if reply.status == 200 and not reply.text.strip() and "Retry-After" in reply.headers:  # as under maintenance
            return cls(503, reply.headers, reply.links, reply.text, None, "wp_die")
        value = _read(reply.text)
        if not isinstance(value, values.Fault):
            return cls(reply.status, reply.headers, reply.links, reply.text, value)
        same = next(same for same in FAULTS if re.match(same.pattern, f"{method} {value.code}"))
        locked = same.code == "incorrect_password" and MANY_LOGINS.search(value.said)
        message = {"message": value.said}
        return cls(same.status, reply.headers, reply.links, reply.text, message, "locked_out" if locked else same.code)

    @property
    def json(self) -> Any:
        return self.value

    @property
    def code(self) -> str:
        return self.fault

    def about_what_it_names(self) -> Spoken:
        """The same of a user who is signed in."""
        return replace(self, status=404, fault=NOT_THERE)


def _read(text: str) -> Any:
    try:
        return values.answer(text)
    except values.Unreadable:
        return None
