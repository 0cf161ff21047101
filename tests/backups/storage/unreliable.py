"""A storage that fails: at one call, in one way. It stands on the side of the tests; production has no hook for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from backups.errors import StorageUnreachable
from backups.storage.port import Listed, ObjectStore

Fault = Callable[[Callable[[], Any]], Any]  # given the call, does it or not


def fails(call: Callable[[], Any]) -> Any:
    raise StorageUnreachable("The storage is gone.")


def fails_after_success(call: Callable[[], Any]) -> Any:
    call()
    raise StorageUnreachable("The storage did not answer.")


def kills_before(call: Callable[[], Any]) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def kills_after(call: Callable[[], Any]) -> Any:
    call()
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Unreliable:
    """An object store whose call number `nth` (from 0) meets `fault`. `calls` are the names of all calls so far."""

    object_store: ObjectStore
    nth: int = -1
    fault: Fault = fails
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _call(self, name: str, call: Callable[[], Any]) -> Any:
        with self.lock:
            number = len(self.calls)
            self.calls.append(name)
        return self.fault(call) if number == self.nth else call()

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        made: str = self._call(f"put {key}", lambda: self.object_store.put(key, content, replace=replace))
        return made

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:
        self._call(f"put {key}", lambda: self.object_store.put_stream(key, chunks, size))

    def get(self, key: str, limit: int) -> bytes:
        content: bytes = self._call(f"get {key}", lambda: self.object_store.get(key, limit))
        return content

    def stream(self, key: str) -> Iterator[bytes]:
        chunks: Iterator[bytes] = self._call(f"get {key}", lambda: self.object_store.stream(key))
        return chunks

    def head(self, key: str) -> Listed:
        listed: Listed = self._call(f"head {key}", lambda: self.object_store.head(key))
        return listed

    def list(self, prefix: str) -> Iterator[Listed]:
        listing: Iterator[Listed] = self._call(f"list {prefix}", lambda: iter([*self.object_store.list(prefix)]))
        return listing

    def delete(self, key: str) -> None:
        self._call(f"delete {key}", lambda: self.object_store.delete(key))
