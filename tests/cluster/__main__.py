"""`make cluster`: a desk on many machines, and all that may happen between them.

Numbers are articles and troubles, web hosts and worker hosts: `python -m tests.cluster 40 30 3 4`. GALLEY_SEED repeats
the troubles of an earlier run.
"""

from __future__ import annotations

import tests.environment  # isort: skip  # noqa: F401  before Django's settings are read

import os
import random
import sys

os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_LOG_LEVEL": "ERROR"}

import django

django.setup()

from tests.benchmarks.limits import say  # noqa: E402  Django first
from tests.cluster import trial  # noqa: E402
from tests.cluster.cluster import Size, clocks, folder, missing  # noqa: E402

articles, troubles, web, workers = [*map(int, sys.argv[1:]), *(40, 30, 3, 4)[len(sys.argv) - 1 :]]
if reason := missing():
    raise SystemExit(f"No cluster here: {reason}.")
if not clocks():
    say("All clocks are the same: libfaketime is missing (apt-get install libfaketime).")
seed = int(os.environ.get("GALLEY_SEED") or random.randrange(10_000))
with folder() as place:
    size = Size(web, workers, clocks())
    report = trial.run(place, size, articles=articles, troubles=troubles, seed=seed, say=say)
for line in report.lines():
    say(line)
if report.findings:
    raise SystemExit(1)
