"""`make bench`: what Galley costs, side by side with the bare calls, and what it withstands; on one machine.

Words name the benchmarks to run, all without any: `python -m tests.benchmarks chaos`.
"""

from __future__ import annotations

import tests.environment  # isort: skip  # noqa: F401  before Django's settings are read

import os
import sys

os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_LOG_LEVEL": "ERROR"}

import django

django.setup()

from tests.benchmarks import articles, batches, chaos, database, files, recovery, sections, workers  # noqa: E402  Django first

BENCHMARKS = {
    "articles": articles.main,
    "recovery": recovery.main,
    "sections": sections.main,
    "batches": batches.main,
    "workers": workers.main,
    "chaos": chaos.main,
    "files": files.main,
    "database": database.main,
}
for name in sys.argv[1:] or BENCHMARKS:
    BENCHMARKS[name]()
