"""What a run writes to the rows of its article without a look at its lease in the same transaction.

Between a look and a write of its own a worker may sleep past its lease, and then write over what another has made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django.db import connection
from django.db.transaction import Atomic

from articles.pipeline import worker
from articles.pipeline.run import Run

# The ledger is not among them: its rows are compared as they were read, and an answer is kept whoever was paid for it.
ROWS = ["articles_stagerecord", "articles_section", "articles_imagefile", "publishing_publishtask", "publishing_shot"]
# Not what is done to all rows there are: only a test does that, such as one that moves all times.
WRITE = re.compile(rf'(INSERT INTO "({"|".join(ROWS)})"|(UPDATE|DELETE FROM) "({"|".join(ROWS)})" .*WHERE)')
# The lease of a worker compares the attempt as well; what others do meanwhile, in a test, compares the status alone.
FENCE = re.compile(r'UPDATE "articles_article" SET .* WHERE .*"status" (=|IN) ')


@dataclass
class _Transaction:
    depth: int = 0
    is_fenced: bool = False
    written: list[str] = field(default_factory=list)


@contextmanager
def watched_fences() -> Iterator[list[str]]:
    """Gives the statements that no fence stood beside, of all runs of this thread meanwhile."""
    unfenced: list[str] = []
    works = worker._run_to_an_end

    def watched(run: Run) -> None:
        with _watched(unfenced):
            works(run)

    with mock.patch.object(worker, "_run_to_an_end", watched):
        yield unfenced


@contextmanager
def _watched(unfenced: list[str]) -> Iterator[None]:
    now = _Transaction()
    enter, leave = Atomic.__enter__, Atomic.__exit__

    def statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if FENCE.match(sql):
            now.is_fenced = True
        elif WRITE.match(sql):
            (now.written if now.depth else unfenced).append(sql)
        return execute(sql, params, many, context)

    def entered(self: Atomic) -> None:
        enter(self)
        now.depth += 1

    def left(self: Atomic, kind: Any, exc: Any, trace: Any) -> None:
        now.depth -= 1
        if not now.depth:
            unfenced.extend([] if now.is_fenced or kind else now.written)
            now.is_fenced, now.written = False, []
        leave(self, kind, exc, trace)

    with (
        connection.execute_wrapper(statement),
        mock.patch.object(Atomic, "__enter__", entered),
        mock.patch.object(Atomic, "__exit__", left),
    ):
        yield
