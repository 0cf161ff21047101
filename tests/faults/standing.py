"""For how long an article stood still while a worker had nothing to do."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field


@dataclass
class Standing:
    """Told at each look what stands beside an idle worker; seconds, by whatever clock the looks have."""

    longest: float = 0.0
    which: Hashable = None  # that stood for the longest time
    _since: dict[Hashable, float] = field(default_factory=dict)

    def look(self, standing: Iterable[Hashable], now: float) -> None:
        """What stands is named with its attempt: one that was taken, and stands again, begins anew."""
        self._since = {each: self._since.get(each, now) for each in standing}
        for each, since in self._since.items():
            if now - since > self.longest:
                self.longest, self.which = now - since, each
