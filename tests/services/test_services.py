"""The servers start, do their thing and are gone afterwards; WordPress fails as it was told to."""

import gc
import io
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import redis as redis_client
import requests
from botocore.exceptions import ClientError
from PIL import Image

from . import postgres, redis, s3, wordpress
from .process import HOST, Server, ServerError, free_port, wait_until
from .smtp import mail_server
from .wordpress import WordPress

# What `services` or `tests.services` is relative to, however the tests were started.
IMPORTED_FROM = Path(__file__).parents[__name__.count(".")]
TIMEOUT = 20  # seconds; far more than any of this takes

# name → (starts it, says why it cannot, the address of what it yields)
SERVICES: dict[str, tuple[Callable[[Path], AbstractContextManager[Any]], Callable[[], str | None], str]] = {
    "redis": (redis.redis, redis.available, "{0}"),
    "postgres": (postgres.postgres, postgres.available, "{0}"),
    "rclone": (s3.rclone, s3.rclone_available, "{0.endpoint_url}"),
    "moto": (s3.moto, s3.moto_available, "{0.endpoint_url}"),
    "wordpress": (wordpress.wordpress, wordpress.available, "{0.url}"),
}


def need(reason: str | None) -> None:
    if reason:
        pytest.skip(reason)


def is_listening(port: int) -> bool:
    return Server([], port=port, log=Path()).is_listening()


# Processes


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_there_inside_its_block_and_gone_after_it(name: str, tmp_path: Path) -> None:
    start, available, address = SERVICES[name]
    need(available())
    with start(tmp_path) as service:
        port = urlsplit(address.format(service)).port
        assert port
        assert is_listening(port)
    assert not is_listening(port)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_dies_with_a_test_run_that_is_killed(name: str, tmp_path: Path) -> None:
    start, available, address = SERVICES[name]
    need(available())
    script = f"""
        import sys, pathlib
        from {start.__module__} import {name}
        with {name}(pathlib.Path(sys.argv[1])) as service:
            print({address!r}.format(service), flush=True)
            sys.stdin.read()"""
    command = [sys.executable, "-c", "if 1:" + script, str(tmp_path)]
    with subprocess.Popen(command, cwd=IMPORTED_FROM, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout
        port = urlsplit(run.stdout.readline().decode().strip()).port
        assert port
        assert is_listening(port)
        run.kill()
    wait_until(lambda: not is_listening(port), TIMEOUT)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    script = ["sh", "-c", "echo the disk is made of cheese; exit 3"]
    server = Server(script, port=free_port(), log=tmp_path / "log")
    with pytest.raises(ServerError, match="exit code 3\nthe disk is made of cheese"):
        server.start()


# Redis, PostgreSQL, S3


def test_redis_remembers(tmp_path: Path) -> None:
    need(redis.available())
    with redis.redis(tmp_path) as url, redis_client.Redis.from_url(url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Postgres]:
    need(postgres.available())
    with postgres.cluster(tmp_path_factory.mktemp("postgres")) as running:
        yield running


def test_postgres_keeps_its_databases_apart(cluster: postgres.Postgres) -> None:
    other = cluster.database("other")
    with psycopg.connect(cluster.url) as one, psycopg.connect(other) as two:
        one.execute("CREATE TABLE only_here ()")
        one.commit()
        assert two.execute("SELECT to_regclass('only_here')").fetchone() == (None,)


def test_postgres_comes_back_from_a_kill_with_what_was_committed(cluster: postgres.Postgres) -> None:
    with psycopg.connect(cluster.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.commit()
        cluster.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    cluster.start()
    with psycopg.connect(cluster.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.fixture
def rclone(tmp_path: Path) -> Iterator[s3.S3]:
    need(s3.rclone_available())
    with s3.rclone(tmp_path) as running:
        yield running


def test_rclone_stores_objects_for_those_who_know_the_secret(rclone: s3.S3) -> None:
    rclone.client().put_object(Bucket=rclone.bucket, Key="a/b", Body=b"bytes")
    assert rclone.client().get_object(Bucket=rclone.bucket, Key="a/b")["Body"].read() == b"bytes"

    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        rclone.client(secret_key="wrong").get_object(Bucket=rclone.bucket, Key="a/b")


def test_the_address_for_our_settings_names_bucket_prefix_and_server(rclone: s3.S3) -> None:
    url = urlsplit(rclone.galley_url("some/prefix"))
    assert (url.scheme, url.netloc, url.path) == ("s3", rclone.bucket, "/some/prefix")
    assert parse_qs(url.query) == {"endpoint_url": [rclone.endpoint_url]}


def test_moto_refuses_to_overwrite_when_asked_not_to(tmp_path: Path) -> None:
    need(s3.moto_available())
    with s3.moto(tmp_path) as moto:
        moto.client().put_object(Bucket=moto.bucket, Key="a", Body=b"first", IfNoneMatch="*")
        with pytest.raises(ClientError, match="PreconditionFailed"):
            moto.client().put_object(Bucket=moto.bucket, Key="a", Body=b"second", IfNoneMatch="*")


# WordPress


@pytest.fixture(scope="module")
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WordPress]:
    need(wordpress.available())
    with wordpress.wordpress(tmp_path_factory.mktemp("wordpress")) as running:
        yield running


@pytest.fixture
def site(running_site: WordPress) -> WordPress:
    running_site.reset()
    return running_site


def post(site: WordPress, path: str, timeout: float = TIMEOUT, **options: Any) -> requests.Response:
    login = {"auth": (site.user, site.app_password)}
    return requests.post(f"{site.url}/wp-json/{path}", timeout=timeout, **(login | options))


def create(site: WordPress, *, fields: dict[str, Any] | None = None, **options: Any) -> requests.Response:
    draft = {"title": "A title", "slug": "a-title", "content": "<p>Text.</p>"}
    return post(site, "wp/v2/posts", json={**draft, **(fields or {})}, **options)


def upload(site: WordPress, accept: str = "*/*") -> requests.Response:
    image = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(image, "JPEG")
    params = {"slug": "hero", "alt_text": "A teal wall"}
    headers = {
        "Accept": accept,
        "Content-Type": "image/jpeg",
        "Content-Disposition": 'attachment; filename="hero.jpg"',
    }
    return post(site, "wp/v2/media", data=image.getvalue(), params=params, headers=headers)


def test_the_tables_show_what_was_written(site: WordPress) -> None:
    image = upload(site).json()["id"]
    text = "<p>Line\nand \\ and \u2028 and 'quotes' and 😀</p><!-- idem:key -->"
    created = create(site, fields={"content": text, "featured_media": image})
    assert created.status_code == 201

    [written] = site.posts()
    assert (written.id, written.slug, written.status) == (created.json()["id"], "a-title", "draft")
    assert written.content == text
    assert written.featured == image
    assert written.terms == {"category": ["Uncategorized"]}

    [medium] = site.media()
    assert (medium.id, medium.slug, medium.alt, medium.mime) == (image, "hero", "A teal wall", "image/jpeg")
    assert medium.file in site.uploads()
    assert len(site.uploads()) == 3, "the image and its sub-sizes medium and thumbnail"


def test_a_reset_forgets_posts_files_and_everything_armed(site: WordPress) -> None:
    create(site)
    upload(site)
    site.fail("fatal", times=3)
    site.use_plain_permalinks()
    site.revoke(site.desk)
    site.start_maintenance()

    site.reset()

    assert (site.posts(), site.media(), site.uploads(), site.armed()) == ([], [], [], 0)
    assert create(site).status_code == 201


def test_a_reset_forgets_a_request_that_is_still_under_way(site: WordPress) -> None:
    site.fail("sleep", "before", seconds=0.5)
    with pytest.raises(requests.Timeout):
        create(site, timeout=0.1)
    wait_until(lambda: not site.armed(), TIMEOUT)

    site.reset()

    site.fail("sleep", "before", seconds=0.6)
    create(site, fields={"slug": "later"})
    assert [found.slug for found in site.posts()] == ["later"]


@pytest.mark.parametrize(
    ("login", "status", "answer"),
    [
        ("admin", "publish", 201),
        ("desk", "publish", 201),
        ("author", "publish", 201),
        ("contributor", "draft", 201),
        ("contributor", "publish", 403),
    ],
)
def test_the_accounts_have_the_rights_of_their_roles(site: WordPress, login: str, status: str, answer: int) -> None:
    account = getattr(site, login)
    created = create(site, fields={"status": status}, auth=(account.login, account.app_password))
    assert created.status_code == answer


def test_a_person_can_log_in(site: WordPress) -> None:
    with requests.Session() as browser:
        form = {"log": site.desk.login, "pwd": site.desk.password, "testcookie": "1"}
        browser.get(f"{site.url}/wp-login.php", timeout=TIMEOUT)
        browser.post(f"{site.url}/wp-login.php", data=form, timeout=TIMEOUT)
        assert "wpadminbar" in browser.get(f"{site.url}/wp-admin/post-new.php", timeout=TIMEOUT).text


# How WordPress fails

WRITTEN = {"before": 0, "after": 1}
both_sides_of_the_insert = pytest.mark.parametrize("when", WRITTEN)


@both_sides_of_the_insert
def test_sleep_outlasts_the_client_and_the_post_appears_all_the_same(site: WordPress, when: Any) -> None:
    site.fail("sleep", when, seconds=8)
    with pytest.raises(requests.Timeout):
        create(site, timeout=3)
    assert len(site.posts()) == WRITTEN[when]
    wait_until(site.posts, TIMEOUT)


@both_sides_of_the_insert
def test_fatal_is_a_500_in_html_or_in_json_for_those_who_speak_it(site: WordPress, when: Any) -> None:
    site.fail("fatal", when, times=3)

    answer = upload(site)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/html; charset=UTF-8")
    answer = upload(site, accept="application/json")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_server_error")
    assert len(site.media()) == 2 * WRITTEN[when]

    # To have sent JSON is enough.
    answer = create(site)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_server_error")
    assert len(site.posts()) == WRITTEN[when]


@both_sides_of_the_insert
def test_exit_is_a_200_with_nothing_in_it(site: WordPress, when: Any) -> None:
    site.fail("exit", when)
    answer = create(site)
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(site.posts()) == WRITTEN[when]


@both_sides_of_the_insert
def test_kill_breaks_the_connection(site: WordPress, when: Any) -> None:
    site.fail("kill", when)
    with pytest.raises(requests.ConnectionError):
        create(site)
    assert len(site.posts()) == WRITTEN[when]


@both_sides_of_the_insert
@pytest.mark.parametrize(("kind", "status"), [("warn", 200), ("warn-buffered", 201)])
def test_warn_puts_html_before_the_json(site: WordPress, kind: Any, status: int, when: Any) -> None:
    site.fail(kind, when)
    answer = create(site)
    assert answer.status_code == status
    assert answer.text.startswith("<br />\n<b>Warning</b>:")
    assert answer.text.endswith("}")
    assert len(site.posts()) == 1


@both_sides_of_the_insert
def test_busy_is_a_503_that_says_when_to_come_back(site: WordPress, when: Any) -> None:
    site.fail("busy", when, seconds=7)
    answer = create(site)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert len(site.posts()) == WRITTEN[when]


def test_refuse_is_the_page_of_a_proxy_and_nothing_is_written(site: WordPress) -> None:
    site.fail("refuse", "before", status=413)
    answer = create(site)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html;charset=UTF-8")
    assert "413 Request Entity Too Large" in answer.text
    assert site.posts() == []


def test_gateway_is_a_504_at_once_and_the_post_appears_later(site: WordPress) -> None:
    site.fail("gateway", "before", seconds=1)
    answer = create(site)
    assert answer.status_code == 504
    assert answer.text.startswith("<html>")
    assert site.posts() == []
    wait_until(site.posts, TIMEOUT)


def test_a_kill_between_file_and_row_leaves_an_orphan_file(site: WordPress) -> None:
    site.fail("kill", "file")
    with pytest.raises(requests.ConnectionError):
        upload(site)
    assert len(site.uploads()) == 1
    assert site.media() == []

    upload(site)
    assert site.media()[0].file.endswith("hero-1.jpg")


def test_a_kill_after_the_row_leaves_it_without_what_belongs_to_it(site: WordPress) -> None:
    image = upload(site).json()["id"]
    site.fail("kill", "half", times=2)
    with pytest.raises(requests.ConnectionError):
        upload(site)
    with pytest.raises(requests.ConnectionError):
        create(site, fields={"featured_media": image})
    assert [medium.alt for medium in site.media()] == ["A teal wall", ""]
    assert [found.featured for found in site.posts()] == [None]


def test_a_kill_among_the_sub_sizes_leaves_a_row_that_can_be_repaired(site: WordPress) -> None:
    site.fail("kill", "sizes")
    with pytest.raises(requests.ConnectionError):
        upload(site)
    [medium] = site.media()
    assert 's:5:"sizes";a:0:{}' in medium.meta["_wp_attachment_metadata"]
    assert len(site.uploads()) == 2, "the image and one sub-size"

    repaired = post(site, f"wp/v2/media/{medium.id}/post-process", json={"action": "create-image-subsizes"})
    assert set(repaired.json()["media_details"]["sizes"]) == {"medium", "thumbnail", "full"}


def test_a_fault_waits_for_the_request_it_is_meant_for_and_happens_as_often_as_armed(site: WordPress) -> None:
    site.fail("refuse", "before", "^POST /wp/v2/posts .*unlucky", times=2)
    assert upload(site).status_code == 201
    assert create(site).status_code == 201
    assert site.armed() == 2

    answers = [create(site, fields={"slug": "the-unlucky-one"}).status_code for _ in range(3)]
    assert answers == [504, 504, 201]


def test_a_look_up_can_fail_too(site: WordPress) -> None:
    site.fail("busy", match="^GET /wp/v2/posts", seconds=1)
    assert requests.get(f"{site.url}/wp-json/wp/v2/posts", timeout=TIMEOUT).status_code == 503


def test_php_can_be_killed_and_started_again(site: WordPress) -> None:
    site.kill_php()
    with pytest.raises(requests.ConnectionError):
        create(site)
    site.start_php()
    assert create(site).status_code == 201


def test_maintenance_is_a_503_for_ten_minutes(site: WordPress) -> None:
    assert create(site).status_code == 201
    site.start_maintenance()
    answer = create(site)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "600")
    site.end_maintenance()
    assert create(site).status_code == 201


def test_with_plain_permalinks_the_api_is_the_front_page(site: WordPress) -> None:
    site.use_plain_permalinks()
    answer = create(site)
    assert (answer.status_code, answer.text[:15]) == (200, "<!DOCTYPE html>")
    assert site.posts() == []

    front = requests.get(site.url, timeout=TIMEOUT)
    api = front.links["https://api.w.org/"]["url"]
    assert api.endswith("/index.php?rest_route=/")
    assert requests.get(f"{api}wp/v2/posts", timeout=TIMEOUT).json() == []


# How a login fails

LOST: dict[str, Callable[[WordPress], object]] = {
    "revoked": lambda site: site.revoke(site.desk),
    "header dropped": lambda site: site.drop_authorization(),
}


@pytest.mark.parametrize("how", LOST)
def test_a_lost_login_is_a_401(site: WordPress, how: str) -> None:
    LOST[how](site)
    answer = create(site)
    assert (answer.status_code, answer.json()["code"]) == (401, "rest_cannot_create")


def token(site: WordPress, password: str | None = None) -> requests.Response:
    login = {"username": site.user, "password": password or site.desk.password}
    return post(site, "jwt-auth/v1/token", json=login, auth=None)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_token_logs_in(site: WordPress) -> None:
    assert token(site).status_code == 404, "the plugin is off until it is asked for"
    site.accept_tokens()

    given = token(site)
    assert given.status_code == 200
    assert set(given.json()) == {"token", "user_email", "user_nicename", "user_display_name"}

    headers = bearer(given.json()["token"])
    assert create(site, auth=None, headers=headers).status_code == 201
    valid = post(site, "jwt-auth/v1/token/validate", auth=None, headers=headers)
    assert (valid.status_code, valid.json()["code"]) == (200, "jwt_auth_valid_token")


def test_a_wrong_password_gets_no_token(site: WordPress) -> None:
    site.accept_tokens()
    refused = token(site, password="wrong")
    assert (refused.status_code, refused.json()["code"]) == (403, "[jwt_auth] incorrect_password")


def test_a_token_expires_and_then_breaks_public_reading_too(site: WordPress) -> None:
    site.accept_tokens(life=0)
    headers = bearer(token(site).json()["token"])
    reading = requests.get(f"{site.url}/wp-json/wp/v2/posts", headers=headers, timeout=TIMEOUT)
    for refused in (create(site, auth=None, headers=headers), reading):
        assert (refused.status_code, refused.json()["code"]) == (403, "jwt_auth_invalid_token")
        assert refused.json()["message"] == "Expired token"


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("Bearer", 403, "jwt_auth_bad_auth_header"),
        ("Bearer not-a-token", 403, "jwt_auth_invalid_token"),
        ("bearer not-a-token", 401, "rest_cannot_create"),  # the capital B matters
    ],
)
def test_what_is_not_a_token_is_refused(site: WordPress, header: str, status: int, code: str) -> None:
    site.accept_tokens()
    refused = create(site, auth=None, headers={"Authorization": header})
    assert (refused.status_code, refused.json()["code"]) == (status, code)


# Mail


def test_a_mail_server_that_stops_closes_what_is_connected() -> None:
    """Those whom it greets, and those whom it has not seen yet."""
    gc.collect()  # what others have left is not its own
    for _ in range(20):
        with mail_server() as server, ExitStack() as callers:
            for _ in range(5):
                callers.enter_context(socket.create_connection((HOST, server.port), TIMEOUT))
        assert not is_listening(server.port)
    with pytest.MonkeyPatch.context() as patched:
        unclosed: list[object] = []
        patched.setattr(sys, "unraisablehook", unclosed.append)
        gc.collect()
    assert unclosed == []
