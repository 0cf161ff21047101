"""`make bench`: what Galley costs, side by side with the bare calls, and what it withstands; on one machine.

Words name the benchmarks to run, all without any; numbers behind one are handed to it: articles and kills in
`python -m tests.benchmarks chaos 20 20`.
"""

from __future__ import annotations

import tests.environment  # isort: skip  # noqa: F401  before Django's settings are read

import os
import sys
from collections.abc import Callable
from itertools import takewhile

os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_LOG_LEVEL": "ERROR"}

import django

django.setup()

from tests.benchmarks import (  # noqa: E402  Django first
    articles,
    batches,
    brokers,
    chaos,
    database,
    efficiency,
    files,
    growth,
    insights,
    load,
    publishing,
    recovery,
    scale,
    sections,
    workers,
    worklist,
)

BENCHMARKS: dict[str, Callable[..., None]] = {
    "articles": articles.main,
    "recovery": recovery.main,
    "sections": sections.main,
    "batches": batches.main,
    "workers": workers.main,
    "chaos": chaos.main,
    "files": files.main,
    "database": database.main,
    "worklist": worklist.main,
    "brokers": brokers.main,
    "insights": insights.main,
    "growth": growth.main,
    "efficiency": efficiency.main,
    "publishing": publishing.main,
    "load": load.main,
    "scale": scale.main,
}
words = sys.argv[1:] or list(BENCHMARKS)
for place, name in enumerate(words, 1):
    if not name.isdigit():
        BENCHMARKS[name](*map(int, takewhile(str.isdigit, words[place:])))
