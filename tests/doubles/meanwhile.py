"""What happens while a service has been asked and has not answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Meanwhile(dict[str, float]):
    """For the latencies of the doubles: at the first request for `operation` something happens before the answer."""

    def __init__(self, operation: str, happens: Callable[[], object]) -> None:
        super().__init__()
        self.operation = operation
        self.happens: Callable[[], object] | None = happens

    def get(self, operation: str, default: Any = 0.0) -> Any:
        if operation == self.operation and self.happens:
            happens, self.happens = self.happens, None
            happens()
        return default
