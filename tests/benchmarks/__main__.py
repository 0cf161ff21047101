"""`make bench`: what Galley costs, side by side with the bare calls, in one run on one machine."""

from __future__ import annotations

import tests.environment  # isort: skip  # noqa: F401  before Django's settings are read

import os

os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_LOG_LEVEL": "ERROR"}

import django

django.setup()

from tests.benchmarks import articles  # noqa: E402  Django first

articles.main()
