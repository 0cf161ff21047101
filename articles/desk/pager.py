"""A long list on several pages."""

from __future__ import annotations

from dataclasses import dataclass

LINES = 50  # of a list, or of the grid, on a page


@dataclass(frozen=True)
class Pager:
    """One page of so many things; `number` counts from 1 and is never beyond the end."""

    name: str  # of its parameter in the address
    number: int
    total: int
    size: int

    @classmethod
    def read(cls, said: str | None, name: str, total: int, size: int = LINES) -> Pager:
        """What an address asks for, or the nearest there is."""
        asked = int(said) if said and said.isascii() and said.isdigit() and len(said) < 9 else 1
        return cls(name, min(max(asked, 1), max(-(-total // size), 1)), total, size)

    @property
    def slice(self) -> slice:
        return slice((self.number - 1) * self.size, self.number * self.size)

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        return min(self.number * self.size, self.total)

    @property
    def before(self) -> int:
        return self.number - 1

    @property
    def after(self) -> int:
        """The number of the next page, 0 on the last."""
        return self.number + 1 if self.last < self.total else 0

    @property
    def is_needed(self) -> bool:
        return self.total > self.size
