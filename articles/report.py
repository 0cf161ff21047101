"""What failed, why, what is safe and what comes next, in words: the same in the desk, the log and the mail."""

from __future__ import annotations
