"""A bucket as an object store, by obstore."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, TypeVar

import obstore
import structlog
from obstore import exceptions
from obstore.store import S3Store

from backups.errors import Denied, Exists, Failed, Missing, StorageUnreachable, TooLarge
from backups.redaction import black_out
from backups.storage.manner import Manner
from backups.storage.md5_bucket import MD5Bucket
from backups.storage.port import STREAM_BYTES, Listed, bounded

if TYPE_CHECKING:  # not there at run time, or slow to import
    from obstore import ObjectMeta
    from obstore.auth.boto3 import Boto3CredentialProvider

T = TypeVar("T")
log = structlog.get_logger("galley.backups")

PARTS = 9_000  # of an upload; S3 takes 10,000
CONNECT, ANSWER = timedelta(seconds=10), timedelta(seconds=300)
REASON = 500  # characters of what a store says
DEBUG = "\n\nDebug source:"  # begins what obstore tells its own developers
RETRIES, PATIENCE = 5, timedelta(seconds=60)


class Bucket:
    """A bucket of S3 or of a store that speaks its protocol.

    Each request is signed with the SHA-256 of its body, so a body that is damaged on its way is refused. `settings` are
    obstore's, on top of our own. Without keys among them they come from the environment, or with `ask_boto3` from
    wherever that finds keys.
    """

    def __init__(
        self, bucket: str, prefix: str = "", endpoint: str = "", *, ask_boto3: bool = False, **settings: str
    ) -> None:
        own: dict[str, str | bool] = {"virtual_hosted_style_request": False}
        if endpoint:
            own["endpoint"] = endpoint
        self._name = f"s3://{bucket}/{prefix}".rstrip("/") + (f" at {endpoint}" if endpoint else "")
        self._make = partial(
            S3Store,
            bucket,
            prefix=prefix or None,
            client_options={"allow_http": True, "connect_timeout": CONNECT, "timeout": ANSWER},
            retry_config={"max_retries": RETRIES, "retry_timeout": PATIENCE},
            credential_provider=_boto3() if ask_boto3 else None,
        )
        self._config = {**own, **settings}
        self._manner = Manner()
        self._by_md5 = MD5Bucket(bucket, prefix, endpoint, self._config)

    def __str__(self) -> str:
        return self._name

    @cached_property
    def _store(self) -> S3Store:
        """obstore refuses settings that it does not know."""
        return self._make(config={**self._config, "checksum_algorithm": "SHA256"})  # type: ignore[arg-type]  # names of settings come from the environment

    @cached_property
    def _plain(self) -> S3Store:
        """For a store that does not know the headers of checksums."""
        return self._make(config=self._config)  # type: ignore[arg-type]  # as above

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        def send(store: S3Store, manner: Manner) -> str:
            if manner.md5:
                return _md5(self._by_md5.put(key, content, create=not replace and manner.conditions))
            mode: Literal["overwrite", "create"] = "overwrite" if replace or not manner.conditions else "create"
            return _md5(obstore.put(store, key, content, mode=mode, use_multipart=False)["e_tag"])

        try:
            return self._sent(key, send, conditional=not replace)
        except Exists as exc:
            if not replace:
                raise
            raise StorageUnreachable(f"The backup storage did not take {key}: others write it right now.") from exc

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:
        part, pieces = max(STREAM_BYTES, -(-size // PARTS)), _Pieces(chunks)

        def send(store: S3Store, manner: Manner) -> None:  # which asks for an upload before it takes the first piece
            if manner.md5 and pieces.taken:
                raise StorageUnreachable(
                    f"The backup storage wants the MD5 of each part of {key}; the next try sends it."
                )
            if manner.md5:
                self._by_md5.put_stream(key, pieces, part)
                return
            obstore.put(store, key, pieces, chunk_size=part, max_concurrency=2)

        self._sent(key, send, conditional=False)

    def _sent(self, key: str, send: Callable[[S3Store, Manner], T], *, conditional: bool) -> T:
        """What `send` brings. Where the store turns out not to know a header, it goes without, and so do the next."""
        manner = self._manner
        while True:
            try:
                with _bucket(key, "There is no such bucket"):
                    return send(self._store if manner.checksums else self._plain, manner)
            except (Failed, StorageUnreachable) as exc:
                known = manner.after(str(exc.__cause__), conditional=conditional)
                if known == manner:
                    raise
                if known != self._manner:
                    log.warning(
                        "the storage does not know all of S3; Galley does without", storage=self._name, **asdict(known)
                    )
                manner = self._manner = known

    def get(self, key: str, limit: int) -> bytes:
        with _bucket(key):
            answer = obstore.get(self._store, key)
            if answer.meta["size"] > limit:
                raise TooLarge(f"{key} is larger than the {limit:,} bytes that it may have.")
            return bounded(key, bytes(answer.bytes()), limit)

    def stream(self, key: str) -> Iterator[bytes]:
        with _bucket(key):
            yield from obstore.get(self._store, key).stream(STREAM_BYTES)

    def head(self, key: str) -> Listed:
        with _bucket(key):
            return self._listed(obstore.head(self._store, key))

    def list(self, prefix: str) -> Iterator[Listed]:
        with _bucket(prefix):
            for some in obstore.list(self._store, prefix, chunk_size=1000):
                yield from map(self._listed, some)

    def delete(self, key: str) -> None:
        with contextlib.suppress(Missing), _bucket(key):
            obstore.delete(self._store, key)

    def _listed(self, meta: ObjectMeta) -> Listed:
        return Listed(meta["path"], meta["size"], meta["last_modified"], _md5(meta["e_tag"]))


class _Pieces:
    """Of a stream, which can be read once: whether anybody has begun to."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self.taken = iter(chunks), False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.taken = True
        return next(self._chunks)


def _boto3() -> Boto3CredentialProvider:
    from obstore.auth.boto3 import Boto3CredentialProvider  # a quarter of a second that most runs do not need

    try:
        return Boto3CredentialProvider()
    except ValueError as exc:
        raise Denied("No keys of the bucket were found, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.") from exc


@contextlib.contextmanager
def _bucket(key: str, absent: str = "") -> Iterator[None]:
    """obstore's errors become ours; it has repeated by then what repeating can help."""
    try:
        yield
    except FileNotFoundError as exc:
        if absent:
            raise Failed(f"{absent}: {_reason(exc)}") from exc
        raise Missing(f"{key} is not in the backup storage.") from exc
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as exc:
        raise Exists(f"{key} is there already.") from exc
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as exc:
        raise Denied(f"The backup storage does not let us reach {key}: {_reason(exc)}") from exc
    except (exceptions.BaseError, ValueError) as exc:
        said = str(exc)  # a bare redirect: the bucket is in another region, or at another address
        if "status code: 4" in said or "Received redirect" in said or isinstance(exc, ValueError):
            raise Failed(f"The backup storage refused {key}: {_reason(exc)}") from exc
        raise StorageUnreachable(f"The backup storage did not answer about {key}: {_reason(exc)}") from exc


def _md5(etag: str | None) -> str:
    """An etag that may be an MD5; those of uploads in parts are none."""
    bare = (etag or "").strip('"')
    return bare if len(bare) == 32 else ""


def _reason(exc: Exception) -> str:
    """What the store said, on one line: its code and its message, where it answers as S3 does."""
    said = black_out(str(exc)).partition(DEBUG)[0]
    if named := re.findall(r"<(Code|Message)>(.*?)</\1>", said, re.DOTALL):
        said = " ".join([said.partition("<")[0], *(text for _, text in named)])
    return " ".join(re.sub(r"<[!?/\w][^>]*>", " ", said).split())[:REASON]
