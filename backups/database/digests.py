"""Digests of an SQLite table: one for each span of sixteen keys, over the rows as SQLite tells them.

Every row of a table is read for them. SQLite makes a text of sixteen, as Python's objects of each value would take
longer than anything that is done with them, and a large database is read by two processes, as two threads in SQLite
wait for each other's memory. The second one is this very file, run by itself with nothing but the standard library: it
opens a transaction of its own when it is told that the write lock is held, so that both see the same instant.
"""

from __future__ import annotations

import hashlib
import marshal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

BLOCK_BITS = 10
BLOCK_KEYS = 1 << BLOCK_BITS
SPAN_KEYS = 16  # that share a digest
SPANS = BLOCK_KEYS // SPAN_KEYS  # of a block
DIGEST_BYTES = 16
NO_ROWS = bytes(DIGEST_BYTES)  # the digest of a span without rows

Digests = dict[int, bytes]  # by block, those of its spans
DigestJob = tuple[str, str, int, int]  # SQL: a text of the rows between two keys; the next key. First and last block


def reader(name: str) -> sqlite3.Connection:
    """A connection that sees the database as it is at this instant, and writes nothing."""
    connection = sqlite3.connect(
        name, uri=name.startswith("file:"), isolation_level=None, check_same_thread=False, timeout=20
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN")
    connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # a transaction begins with its first look
    return connection


def digests_of(connection: sqlite3.Connection, job: DigestJob) -> Digests:
    """Of the blocks of a job that have any rows. Raises sqlite3.DataError for a row that SQLite cannot tell."""
    text_between, next_key, first, last = job
    found: dict[int, bytearray] = {}
    key: int | None = first * BLOCK_KEYS
    while key is not None and key >> BLOCK_BITS <= last:
        span = key // SPAN_KEYS
        digest = _digest(connection, text_between, span * SPAN_KEYS, (span + 1) * SPAN_KEYS)
        if digest == NO_ROWS:
            [key] = connection.execute(next_key, ((span + 1) * SPAN_KEYS,)).fetchone()
            continue
        block = found.get(key >> BLOCK_BITS)
        if block is None:
            block = found[key >> BLOCK_BITS] = bytearray(SPANS * DIGEST_BYTES)
        at = span % SPANS * DIGEST_BYTES
        block[at : at + DIGEST_BYTES] = digest
        key = (span + 1) * SPAN_KEYS
    return {number: bytes(of_block) for number, of_block in found.items()}


def _digest(connection: sqlite3.Connection, text_between: str, low: int, high: int) -> bytes:
    """Of the rows between two keys; what is more than SQLite tells at once is told in halves."""
    try:
        [text] = connection.execute(text_between, (low, high)).fetchone()
    except sqlite3.DataError:
        if high - low == 1:
            raise
        middle = (low + high) // 2
        halves = _digest(connection, text_between, low, middle), _digest(connection, text_between, middle, high)
        text = b"".join(halves) if halves != (NO_ROWS, NO_ROWS) else None
    return hashlib.sha1(text, usedforsecurity=False).digest()[:DIGEST_BYTES] if text else NO_ROWS


def digest_at(digests: bytes, span: int) -> bytes:
    """Of one span, out of those of its block; empty when the block has none."""
    at = span % SPANS * DIGEST_BYTES
    return digests[at : at + DIGEST_BYTES]


@dataclass
class Partner:
    """The second process, by what is written to it and read from it. Both raise EOFError or OSError when it is dead."""

    questions: IO[bytes]
    answers: IO[bytes]

    def begin(self) -> None:
        """Let it open its transaction; `wait` until it has."""
        self._write("begin")

    def ask(self, jobs: list[DigestJob]) -> None:
        self._write(jobs)

    def wait(self) -> list[Digests]:
        """What it has found for each job that it was asked for last; nothing when it has begun."""
        found: list[Digests] = marshal.load(self.answers)  # noqa: S302  a process of ours
        return found

    def _write(self, message: str | list[DigestJob]) -> None:
        marshal.dump(message, self.questions)
        self.questions.flush()


@contextmanager
def partner(name: str) -> Iterator[Partner]:
    """A second process for the database of a file."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Partner(cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout))
        finally:
            process.kill()


def main(name: str) -> None:
    """The second process: waits for the word to begin, then does jobs until its partner is gone."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    connection = None
    while True:
        try:
            message = marshal.load(questions)  # noqa: S302  of the process that has started this one
        except EOFError:
            return
        if connection is None:
            connection = reader(name)
            marshal.dump([], answers)
        else:
            marshal.dump([digests_of(connection, job) for job in message], answers)
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
