"""The environment of the tests, set before Django's settings are read: nothing of the developer's own, nothing kept.

Loaded by `-p tests.environment` in pyproject.toml.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile

FOLDER = tempfile.mkdtemp(prefix="galley-test-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
RUN = os.environ.setdefault("GALLEY_TEST_RUN", FOLDER)  # of the first process, for what all processes of a run share

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of commands start: the first compiles what they load

UNSET = ("OPENAI", "ANTHROPIC", "REPLICATE")
os.environ |= {f"{name}_{part}": "" for name in UNSET for part in ("BASE_URL", "API_KEY", "API_TOKEN", "MODEL")}
os.environ |= {
    "GALLEY_DEBUG": "true",
    "GALLEY_VAR_DIR": FOLDER,
    "GALLEY_SECRET_KEY": "a key for tests, which protects nothing at all, 50 long",
    "GALLEY_ENCRYPTION_KEYS": "",
    "GALLEY_BASE_URL": "http://127.0.0.1:8000",
    "GALLEY_STORAGE_URL": "",
    "GALLEY_BROKER_URL": "",
    "GALLEY_ALLOW_PRIVATE_ADDRESSES": "true",
    "GALLEY_TIME_ZONE": "UTC",
    "GALLEY_DATABASE_POOL": "",
    "EMAIL_URL": "",
    "DATABASE_URL": "",
    "GALLEY_STANDBY_URL": "",
    "GALLEY_TRACES_URL": "",
}


def pytest_runtest_teardown() -> None:
    """A command that runs in this process keeps the collector off what is loaded, and so off what a test has left."""
    gc.unfreeze()
