"""A real WordPress on a real MariaDB, and ways to make it fail.

The site is a copy of Debian's in a temporary folder, served by PHP's own web server. What a test wants to
know of the result is read from WordPress's tables, not from the REST interface under test.
"""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from . import mariadb, wordpress_site
from .process import HOST, Server
from .wordpress_site import Account, Site
from .wordpress_tables import PRISTINE, SITE, Post, Tables

WEEK = 7 * 24 * 60 * 60  # seconds

FORBIDDEN = "<html><head><title>403 Forbidden</title></head><body><h1>Forbidden</h1></body></html>"
Kind = Literal["sleep", "fatal", "exit", "kill", "warn", "warn-buffered", "busy", "refuse", "gateway"]
Seo = Literal["yoast", "yoast-closed", "rankmath", "aioseo", "seopress"]
When = Literal["before", "file", "half", "sizes", "after"]


def available() -> str | None:
    """Why there can be no WordPress here, naming the Debian packages to install; None if there can."""
    return wordpress_site.available() or mariadb.available()


@contextmanager
def wordpress(folder: Path, host: str = HOST, *, network: bool = False) -> Iterator["WordPress"]:
    """Yield a site with four accounts and not one post, in about a second; a `network` has another one below /news."""
    site = Site(folder)
    site.copy()
    database = mariadb.mariadb(folder, host)
    with database.server.running():
        for name in SITE, PRISTINE:
            database.execute(f"CREATE DATABASE {name}")
        server = site.server(database.address, host)
        accounts = site.install(server, network=network)
        tables = Tables(database)
        tables.keep()
        with server.running():
            yield WordPress(site, tables, server, accounts)


@dataclass
class WordPress:
    """A running site. `desk` is an editor, and who a client under test should log in as."""

    site: Site
    tables: Tables
    php: Server
    accounts: dict[str, Account]
    _numbers: Iterator[int] = field(default_factory=itertools.count, init=False, repr=False)
    _disturbed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.url = self.php.env["GALLEY_URL"]
        self.desk = self.accounts["desk"]
        self.author = self.accounts["author"]
        self.contributor = self.accounts["contributor"]
        self.admin = self.accounts["admin"]
        self.user = self.desk.login
        self.app_password = self.desk.app_password

    def posts(self) -> list[Post]:
        """Every post, the trashed too; not the empty ones that the editor makes when it is opened."""
        return self.tables.read("post")

    def media(self) -> list[Post]:
        return self.tables.read("attachment")

    def uploads(self) -> list[str]:
        """Every file in the uploads folder, sub-sizes and orphans too, relative to it."""
        root = self.site.uploads
        return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())

    def reset(self) -> None:
        """The site as it was when it was new: nothing armed, nothing under way. Less than 0.1 s."""
        if self._disturbed:
            # A sleeping request would write its post into the next test; a killed worker is not replaced.
            self.php.kill()
        self.site.clear()
        self.tables.restore()
        # Numbers begin anew; number 3 was the privacy page's, which editors may not touch.
        self.tables.set_option("wp_page_for_privacy_policy", 0)
        if self._disturbed:
            self.php.start()
            self._disturbed = False

    def fail(
        self,
        kind: Kind,
        when: When = "after",
        match: str = "^POST",
        *,
        times: int = 1,
        seconds: float = 0,
        status: int = 504,
    ) -> None:
        """Arm a failure for the next `times` requests that match.

        kind   sleep    takes `seconds` longer
               fatal    dies of a PHP error: 500
               exit     ends with 200 and an empty body
               kill     kill -9 of the PHP worker: no answer
               warn     a PHP warning is printed before the JSON: 200
               warn-buffered  the same where PHP buffers its output, as most hosts do: 201
               busy     503, Retry-After `seconds`; nothing more is done
               refuse   a proxy's HTML page with `status`; nothing more is done
               gateway  the same page at once, and the rest is done `seconds` later
        when   before   nothing has happened yet
               file     the file of an upload is there, its row is not
               half     the row is there; its tags, featured image or alternative text are not
               sizes    the first sub-size of an image is made, and not noted
               after    all is done, only the answer is missing
        match  a regular expression for "METHOD /route slug", such as "^POST /wp/v2/media .*hero";
               by XML-RPC, "POST /xmlrpc.php wp.newPost", for all else "METHOD /path"
        """
        self._disturbed = True
        fault = {"kind": kind, "when": when, "match": match, "seconds": seconds, "status": status}
        for _ in range(times):
            armed = self.site.faults / f"{next(self._numbers):06}.json"
            draft = armed.with_suffix(".new")
            draft.write_text(json.dumps(fault))
            draft.rename(armed)

    def armed(self) -> int:
        """How many of the armed failures have not happened yet."""
        return len(list(self.site.faults.glob("*.json")))

    def kill_php(self) -> None:
        """kill -9 of the web server: requests under way are lost, later ones are refused a connection."""
        self._disturbed = True
        self.php.kill()

    def start_php(self) -> None:
        self.php.start()

    def start_maintenance(self) -> None:
        self.site.maintenance.write_text("<?php $upgrading = time();")

    def end_maintenance(self) -> None:
        self.site.maintenance.unlink()

    def use_plain_permalinks(self) -> None:
        """From now on /wp-json is the front page, with 200."""
        self.tables.use_plain_permalinks()

    def revoke(self, account: Account) -> None:
        """Take the account's application passwords away."""
        self.tables.revoke(account.id)

    def drop_authorization(self) -> None:
        """Lose the Authorization header on the way in, as Apache does without a rule."""
        (self.site.switches / "drop-authorization").touch()

    def switch_xmlrpc_off(self) -> None:
        """As plugins do it that close this door."""
        (self.site.switches / "xmlrpc-off").touch()

    def switch_on(self, name: str, words: str = "") -> None:
        """One of the plugins of wordpress-screens.php and wordpress-doors.php, by the name of its file."""
        (self.site.switches / name).write_text(words)

    def turn_away(self, pattern: str, status: int = 403, page: str = FORBIDDEN, *, after_a_post: bool = False) -> None:
        """A firewall's page for requests whose "METHOD /path" fits; or only once REST has made a post."""
        self.switch_on("firewall-after-post" if after_a_post else "firewall", f"{status}\n{pattern}\n{page}")

    def use_seo(self, plugin: Seo) -> None:
        """Turn a plugin for search engines on; `yoast-closed` is one whose keys cannot be written."""
        (self.site.switches / "seo").write_text(plugin)

    def accept_tokens(self, life: int = WEEK) -> None:
        """Turn the JWT plugin on; tokens given from now on live `life` seconds."""
        self.tables.set_option("galley_jwt_life", life)
