"""Stores that speak S3's protocol otherwise: each is played in front of a real one, and both clients get along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from pytest_django import Settings

from articles.models import Article
from articles.providers.errors import Unreachable
from articles.tree.storing import storing
from backups.errors import BackupError, Failed, Missing, StorageUnreachable
from backups.health import bucket_audit
from backups.health.bucket_findings import BucketElsewhere, HostWanted
from backups.storage.bucket import Bucket
from backups.storage.django_bucket import BucketStorage
from backups.storage.manner import Manner
from tests.conftest import HandIn
from tests.services import s3
from tests.services.http_faults import Faults, Said, in_front_of

Habit = Callable[[str, str, Mapping[str, str]], Said | None]


def _error(status: int, code: str, message: str, more: str = "") -> Said:
    return (
        status,
        {"Content-Type": "application/xml"},
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>".encode(),
    )


def no_checksums(_method: str, _path: str, headers: Mapping[str, str]) -> Said | None:
    """Backblaze B2."""
    found = next((name for name in headers if name.startswith(("x-amz-checksum-", "x-amz-sdk-"))), None)
    said = f"Unsupported header '{found}' received for this API call."
    return _error(400, "InvalidArgument", said) if found else None


def no_conditions(_method: str, _path: str, headers: Mapping[str, str]) -> Said | None:
    """Alibaba OSS."""
    said = "A header you provided implies functionality that is not implemented."
    return _error(501, "NotImplemented", said) if "if-none-match" in headers else None


def md5_wanted(method: str, _path: str, headers: Mapping[str, str]) -> Said | None:
    """A bucket with Object Lock's default retention, of a store that takes no other checksum for it."""
    said = "Content-MD5 HTTP header is required for Put Object requests with Object Lock parameters"
    return _error(400, "InvalidRequest", said) if method == "PUT" and "content-md5" not in headers else None


def neither(method: str, path: str, headers: Mapping[str, str]) -> Said | None:
    return no_conditions(method, path, headers) or no_checksums(method, path, headers)


def elsewhere(*_: object) -> Said:
    """Amazon, of a bucket in another region, where the answer does not name the region."""
    said = "The bucket you are attempting to access must be addressed using the specified endpoint."
    return _error(301, "PermanentRedirect", said, "<Endpoint>desk.s3.eu-west-1.amazonaws.com</Endpoint>")


def host_wanted(*_: object) -> Said:
    return _error(403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access.")


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    if reason := s3.rclone_available():
        pytest.skip(reason)
    with s3.rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture
def store(rclone: s3.S3) -> Iterator[Faults]:
    with in_front_of("127.0.0.1", rclone.server.port) as faults:
        yield faults


def by_django(server: s3.S3, store: Faults) -> BucketStorage:
    keys = {"access_key": server.access_key, "secret_key": server.secret_key}
    return BucketStorage(bucket_name=server.bucket, location="trees", endpoint_url=store.url, **keys)


def by_obstore(server: s3.S3, store: Faults) -> Bucket:
    return Bucket(
        server.bucket,
        "objects",
        store.url,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )


def _content(storage: BucketStorage) -> bytes:
    with storage.open("user_1/a.txt", "rb") as file:
        content: bytes = file.read()
    return content


@pytest.mark.reported("s3-checksum-refused.md")
@pytest.mark.reported("s3-if-none-match-501.md")
@pytest.mark.parametrize("habit", [no_checksums, no_conditions, neither, md5_wanted])
def test_objects_are_written_and_the_first_refusal_is_learned_from(
    rclone: s3.S3, store: Faults, habit: Habit, request: pytest.FixtureRequest
) -> None:
    store.habit = habit
    bucket, name = by_obstore(rclone, store), request.node.callspec.id
    for n in range(3):
        bucket.put(f"{name}/{n}", b"content %d" % n)
    bucket.put(f"{name}/0", b"another", replace=True)
    bucket.put_stream(f"{name}/streamed", iter([b"a" * 1000, b"b" * 1000]), 2000)

    assert bucket.get(f"{name}/0", 100) == b"another"
    assert bucket.get(f"{name}/2", 100) == b"content 2"
    assert bucket.get(f"{name}/streamed", 5000) == b"a" * 1000 + b"b" * 1000
    learned = len(store.asked)
    bucket.put(f"{name}/more", b"more")
    assert len(store.asked) == learned + 1, "nothing is refused twice"


def test_large_objects_are_written_where_each_part_wants_its_md5(rclone: s3.S3, store: Faults) -> None:
    store.habit = md5_wanted
    bucket = by_obstore(rclone, store)
    chunks = [bytes([n]) * 2**20 for n in range(17)]
    with pytest.raises(StorageUnreachable, match="the next try"):
        bucket.put_stream("parts/large", iter(chunks), 17 * 2**20)
    bucket.put_stream("parts/large", iter(chunks), 17 * 2**20)
    bucket.put_stream("parts/empty", iter(()), 0)

    assert bucket.get("parts/large", 2**25) == b"".join(chunks)
    assert bucket.get("parts/empty", 1) == b""

    def breaks() -> Iterator[bytes]:
        yield chunks[0]
        raise Failed("The disk is gone.")

    with pytest.raises(Failed, match="gone"):
        bucket.put_stream("parts/broken", breaks(), 2 * 2**20)
    with pytest.raises(Missing):
        bucket.head("parts/broken")


def test_a_stream_that_is_the_first_request_of_all(rclone: s3.S3, store: Faults) -> None:
    store.habit = no_checksums
    bucket = by_obstore(rclone, store)
    bucket.put_stream("streams/first", (bytes([n]) * 1000 for n in range(20)), 20_000)
    assert len(bucket.get("streams/first", 50_000)) == 20_000


def test_many_threads_learn_it_together(rclone: s3.S3, store: Faults) -> None:
    store.habit = neither
    bucket = by_obstore(rclone, store)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: bucket.put(f"many/{n}", b"x"), range(64)))
    assert sum(1 for _ in bucket.list("many")) == 64


def test_files_of_trees_are_written_without_what_the_store_refuses(rclone: s3.S3, store: Faults) -> None:
    store.habit = no_checksums
    storage = by_django(rclone, store)
    for content in (b"one", b"two"):
        storage.save("user_1/a.txt", ContentFile(content))
        assert _content(storage) == content
    puts = [path for method, path in store.asked if method == "PUT"]
    assert len(puts) == 3, "the first one twice"


def test_a_store_that_knows_them_is_sent_checksums_for_ever(rclone: s3.S3, store: Faults) -> None:
    sent: list[bool] = []

    def look(method: str, _path: str, headers: Mapping[str, str]) -> None:
        if method == "PUT":
            sent.append("x-amz-checksum-sha256" in headers)

    store.habit = look
    by_django(rclone, store).save("user_1/b.txt", ContentFile(b"x"))
    bucket = by_obstore(rclone, store)
    bucket.put("known/a", b"x")
    bucket.put("known/b", b"x")
    assert sent == [True] * 3


@pytest.mark.parametrize(
    "said",
    [
        "status code: 400 Bad Request: <Error><Code>BadDigest</Code>The SHA256 did not match the calculated checksum.",
        "status code: 503 Service Unavailable",
        "status code: 403 Forbidden: <Error><Code>AccessDenied</Code>",
        "error performing PUT http://127.0.0.1:501/",
    ],
)
def test_other_refusals_teach_nothing(said: str) -> None:
    assert Manner().after(said, conditional=True) == Manner()


# A store that nobody reaches


def _everything(storage: BucketStorage) -> list[Callable[[], object]]:
    return [
        lambda: storage.save("user_1/a.txt", ContentFile(b"x")),
        lambda: _content(storage),
        lambda: storage.exists("user_1/a.txt"),
        lambda: storage.listdir("user_1"),
        lambda: storage.delete("user_1/a.txt"),
        lambda: storage.size("user_1/a.txt"),
    ]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("habit", [elsewhere, host_wanted, lambda *_: (200, {}, b"<html>Welcome</html>")])
def test_whatever_a_store_answers_is_an_error_of_the_storage(
    rclone: s3.S3, store: Faults, number: int, habit: Habit
) -> None:
    """Each verb, each answer: an article can wait for it, or it was right."""
    store.habit = habit
    with suppress(Unreachable), storing():
        _everything(by_django(rclone, store))[number]()


def test_objects_that_are_elsewhere_are_no_mystery(rclone: s3.S3, store: Faults) -> None:
    store.habit = elsewhere
    bucket = by_obstore(rclone, store)
    for ask in (lambda: bucket.put("a", b"x"), lambda: bucket.get("a", 9), lambda: list(bucket.list("a"))):
        with pytest.raises(BackupError) as caught:
            ask()
        assert isinstance(caught.value, Failed)


@pytest.mark.parametrize(("habit", "finding"), [(elsewhere, BucketElsewhere("")), (host_wanted, HostWanted())])
def test_the_audit_says_what_to_set(
    rclone: s3.S3, store: Faults, settings: Settings, habit: Habit, finding: object
) -> None:
    store.habit = habit
    keys = {"access_key": rclone.access_key, "secret_key": rclone.secret_key}
    options = {"bucket_name": rclone.bucket, "endpoint_url": store.url, **keys}
    settings.STORAGES = {**settings.STORAGES, "backups": {"BACKEND": "", "OPTIONS": options}}

    audit = bucket_audit.audit()

    assert audit.findings == [finding]
    assert audit.unfinished is None


@pytest.mark.parametrize("depth", range(0, 40, 5))
def test_a_redirect_to_nowhere_is_told_however_deep_it_is_met(
    rclone: s3.S3, store: Faults, settings: Settings, depth: int
) -> None:
    """Which part of the client meets the end of Python's stack depends on where it was called."""
    store.habit = elsewhere
    keys = {"access_key": rclone.access_key, "secret_key": rclone.secret_key}
    options = {"bucket_name": rclone.bucket, "endpoint_url": store.url, **keys}
    settings.STORAGES = {**settings.STORAGES, "backups": {"BACKEND": "", "OPTIONS": options}}

    def deeper(left: int) -> object:
        return deeper(left - 1) if left else bucket_audit.audit().findings

    assert deeper(depth) == [BucketElsewhere("")]


@pytest.mark.reported("s3-301-recursion.md")
@pytest.mark.django_db
def test_an_article_waits_for_a_store_that_redirects(
    rclone: s3.S3, store: Faults, hand_in: HandIn, run: Callable[[Article], Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.habit = elsewhere
    storage = by_django(rclone, store)
    for module in ("backups.configured", "articles.models.images"):
        monkeypatch.setattr(f"{module}.backup_storage", lambda: storage)

    article = run(hand_in())

    assert article.status == Article.Status.WAITING
    assert article.error
    assert article.error["code"] == "storage"
    assert article.error["reason"].endswith("did not answer as it should")


def test_a_wrong_key_stays_the_error_that_it_was(rclone: s3.S3, store: Faults) -> None:
    keys = {"access_key": rclone.access_key, "secret_key": "not the secret key, but long"}
    storage = BucketStorage(bucket_name=rclone.bucket, endpoint_url=store.url, **keys)
    with pytest.raises(ClientError):
        storage.save("a", ContentFile(b"x"))
    with pytest.raises(Unreachable, match="our keys are wrong"), storing():
        storage.save("a", ContentFile(b"x"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<Error>\n<Code>SlowDown</Code>\n <Message>Later,\nplease</Message></Error>", "SlowDown Later, please"),
        ("the disk\nof it is full", "the disk of it is full"),
        ('{"error":\n "no room"}', '{"error": "no room"}'),
        ("<html>\n<body>no\nentry</body></html>", "no entry"),
    ],
)
def test_all_of_a_reason_is_told_and_nothing_of_the_client(rclone: s3.S3, store: Faults, body: str, says: str) -> None:
    store.habit = lambda *_: (400, {"Content-Type": "text/plain"}, body.encode())
    with pytest.raises(BackupError) as told:
        by_obstore(rclone, store).put("one", b"content")
    assert str(told.value).endswith(f"400 Bad Request: {says}")
