"""Digests of an SQLite table: one for each sixteen keys, over the rows as they come out of SQLite.

Making Python's objects of a million rows takes seconds, whatever is done with them, so a large database is read by two
processes. The second one is this very file, run by itself with nothing but the standard library: it opens a transaction
of its own when it is told that the write lock is held, so that both see the same instant.
"""

from __future__ import annotations

import hashlib
import itertools
import marshal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

BITS = 10
BLOCK = 1 << BITS  # keys
STEP = 16  # keys of one digest
STEPS = BLOCK // STEP  # of a block
DIGEST = 16  # bytes

Digests = dict[int, bytes]  # by block, those of its steps
Job = tuple[str, str, int, int]  # rows between two keys, the next key, first and last block


def reader(name: str) -> sqlite3.Connection:
    """A connection that sees the database as it is at this instant, and writes nothing."""
    connection = sqlite3.connect(
        name, uri=name.startswith("file:"), isolation_level=None, check_same_thread=False, timeout=20
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN")
    connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # a transaction begins with its first look
    return connection


def digest(connection: sqlite3.Connection, job: Job) -> Digests:
    rows_between, next_key, number, last = job
    found: Digests = {}
    connection.text_factory = bytes
    try:
        while number <= last:
            if rows := connection.execute(rows_between, (number * BLOCK, (number + 1) * BLOCK)).fetchall():
                found[number] = _steps(rows)
                number += 1
                continue
            [following] = connection.execute(next_key, (number * BLOCK,)).fetchone()
            if following is None:
                break
            number = following >> BITS
    finally:
        connection.text_factory = str
    return found


def _steps(rows: list[tuple[Any, ...]]) -> bytes:
    """A digest for each step of a block; zeros for steps without rows. The first column is the key."""
    steps: Iterable[tuple[int, list[tuple[Any, ...]]]]
    if len(rows) == BLOCK:
        steps = ((at // STEP, rows[at : at + STEP]) for at in range(0, BLOCK, STEP))
    else:
        steps = ((step, list(some)) for step, some in itertools.groupby(rows, lambda row: row[0] // STEP % STEPS))
    found = bytearray(STEPS * DIGEST)
    for step, some in steps:
        # The second version of marshal's format: later ones tell objects apart that are equal.
        whole = hashlib.sha1(marshal.dumps(some, 2), usedforsecurity=False).digest()
        found[step * DIGEST : step * DIGEST + DIGEST] = whole[:DIGEST]
    return bytes(found)


@dataclass
class Partner:
    """The second process."""

    process: subprocess.Popen[bytes]

    def say(self, word: Any) -> None:
        marshal.dump(word, cast(Any, self.process.stdin))
        cast(Any, self.process.stdin).flush()

    def hear(self) -> Any:
        return marshal.load(cast(Any, self.process.stdout))  # noqa: S302  a process of ours


@contextmanager
def partner(name: str) -> Iterator[Partner]:
    """A second process for a database; say "begin" to it, then give it lists of jobs. Raises EOFError when it dies."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Partner(process)
        finally:
            process.kill()


def main(name: str) -> None:
    """The second process: waits for the word to begin, then does jobs until its partner is gone."""
    words, answers = sys.stdin.buffer, sys.stdout.buffer
    connection = None
    while True:
        try:
            job = marshal.load(words)  # noqa: S302  of the process that has started this one
        except EOFError:
            return
        if connection is None:
            connection = reader(name)
            marshal.dump("ready", answers)
        else:
            marshal.dump([digest(connection, each) for each in job], answers)
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
