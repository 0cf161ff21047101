"""Digests of an SQLite table: one for each sixteen keys, over the rows as SQLite tells them.

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
from typing import Any, cast

BITS = 10
BLOCK = 1 << BITS  # keys
STEP = 16  # keys of one digest
STEPS = BLOCK // STEP  # of a block
DIGEST = 16  # bytes
NONE = bytes(DIGEST)  # of a step without rows

Digests = dict[int, bytes]  # by block, those of its steps
Job = tuple[str, str, int, int]  # a text of the rows between two keys, the next key, first and last block


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
    text_between, next_key, first, last = job
    found: dict[int, bytearray] = {}
    key: int | None = first * BLOCK
    while key is not None and key >> BITS <= last:
        step = key // STEP
        whole = _digest(connection, text_between, step * STEP, (step + 1) * STEP)
        if whole == NONE:
            [key] = connection.execute(next_key, ((step + 1) * STEP,)).fetchone()
            continue
        block = found.get(key >> BITS)
        if block is None:
            block = found[key >> BITS] = bytearray(STEPS * DIGEST)
        at = step % STEPS * DIGEST
        block[at : at + DIGEST] = whole
        key = (step + 1) * STEP
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
        text = b"".join(halves) if halves != (NONE, NONE) else None
    return hashlib.sha1(text, usedforsecurity=False).digest()[:DIGEST] if text else NONE


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
