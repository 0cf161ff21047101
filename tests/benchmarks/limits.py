"""Figures with the bound that is promised for them."""

from __future__ import annotations

import statistics
import sys

ROUNDS = 7
LIMITS = {"sweep": 0.1, "list": 0.15, "resume": 2.0, "plan": 2.0, "stand": 10.0}  # seconds


def verdict(what: str, times: list[float], limit: str) -> None:
    middle, limit_ = statistics.median(times), LIMITS[limit]
    spread = f"{min(times) * 1000:.0f}–{max(times) * 1000:.0f}"
    judged = "within" if middle <= limit_ else "OVER"
    say(f"{what:<37}{middle * 1000:6.0f} ms ({spread}), {judged} {limit_ * 1000:.0f} ms")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
