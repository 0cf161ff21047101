"""Users of a desk with a second to think: what each page and operation takes, on both databases, and what ten times as
many find, of one web server as it is shipped and of two. Those who ask take from the same cores.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter

from tests.benchmarks.limits import say
from tests.journeys.installation import ROOT, Installation
from tests.services import postgres
from tests.services.process import Server, free_port

USERS = 20
SECONDS = 30
WARM = 10  # seconds, of which nothing is told
SERVERS = (1, 2)
PACE = 1.0  # seconds from one request of a user to the next
POOL = "8"  # connections of the web server, as the operator's page advises
ARTICLES = 50  # of each user
# What they ask for, and how often: polls of what moves, then lists, then sums; and an editor's pages.
MIX = {
    "status of a publication": (30, "/api/v1/publish/tasks/{task}/status"),
    "progress of an article": (20, "/api/v1/articles/{article}/progress"),
    "publications": (10, "/api/v1/publish/tasks"),
    "articles": (10, "/api/v1/articles"),
    "statistics": (5, "/api/v1/monitoring/statistics"),
    "start page": (10, "/admin/"),
    "list": (10, "/admin/articles/article/"),
    "an article's page": (5, "/admin/articles/article/{article}/change/"),
}
AS_PEOPLE_HAVE_IT = {  # behind a proxy that ends TLS
    "GALLEY_DEBUG": "false",
    "GALLEY_PROXIES": "127.0.0.1",
    "GALLEY_ALLOWED_HOSTS": "127.0.0.1",
    "GALLEY_LOG_LEVEL": "ERROR",
}
MAKE = """
import json
from django.conf import settings
from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from publishing.models import PublishTask, Site
from tests.backups.desks import article
from tests.config.test_tokens import new_token
made = []
with transaction.atomic():
    site = Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk")
    for n in range({users}):
        user = User.objects.create_user(f"user {{n}}", password=None, is_staff=True)
        user.groups.add(Group.objects.get(name="Editors"))
        mine = [article("default", n * {articles} + m, user, site) for m in range({articles})]
        task = PublishTask.objects.create(article=mine[0], site=site, publisher="rest", way="rest", asked_by=user,
            status="completed", progress=100, total_steps=7, completed_steps=7)
        session = SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
        session.create()
        made.append([new_token(user).secret, session.session_key, mine[0].pk, task.pk])
print("=>" + json.dumps(made))
"""

Times = dict[str, list[float]]  # seconds of each request


def main(users: int = USERS, seconds: int = SECONDS) -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, ExitStack() as stack:
        places = {"SQLite": "", "PostgreSQL": stack.enter_context(postgres.postgres(Path(folder)))}
        for name, url in places.items():
            galley = Installation(
                Path(folder, name), {"DATABASE_URL": url, "GALLEY_DATABASE_POOL": POOL if url else ""}
            )
            galley.folder.mkdir()
            galley.prepare("bench")
            made = galley.manage("shell", "--verbosity", "0", "-c", MAKE.format(users=10 * users, articles=ARTICLES))
            people = json.loads(made.stdout.rpartition("=>")[2])
            for servers in SERVERS:
                with _served(galley, servers) as desks:
                    _asked(desks, people[: 2 * servers], WARM)
                    for number in (users, 10 * users):
                        title = f"{number} users, {name}" + (f", {servers} servers" if servers > 1 else "")
                        _tell(title, *_asked(desks, people[:number], seconds))


@contextmanager
def _served(galley: Installation, servers: int) -> Iterator[list[str]]:
    """The addresses of so many web servers of one desk."""
    environment = galley.environment | AS_PEOPLE_HAVE_IT
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput"]
    subprocess.run(collect, cwd=ROOT, env=environment, capture_output=True, check=True)
    with ExitStack() as stack:
        ports = [free_port() for _ in range(servers)]
        for port in ports:
            words = ["-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "warning"]
            log = galley.folder / f"web-{port}.log"
            stack.enter_context(Server([sys.executable, *words], port, log, environment, ROOT).running())
        yield [f"http://127.0.0.1:{port}" for port in ports]


def _asked(desks: list[str], people: list[tuple[str, str, int, int]], seconds: int) -> tuple[Times, list[str]]:
    """What each kind of request took, and what was said of those that failed."""
    times, failed, lock, end = defaultdict(list), list[str](), threading.Lock(), time.monotonic() + seconds

    def user(number: int, secret: str, session: str, article: int, task: int) -> None:
        drawn = random.Random(number)  # the same for each database
        desk = desks[number % len(desks)]
        program, editor = requests.Session(), requests.Session()
        program.headers["Authorization"] = f"Bearer {secret}"
        editor.cookies["sessionid"] = session
        for each in (program, editor):
            each.headers["X-Forwarded-Proto"] = "https"
            # A connection that rests for five seconds is closed, maybe as this asks again: then as a browser would.
            each.mount("http://", HTTPAdapter(max_retries=1))
        time.sleep(drawn.random() * PACE)
        while (began := time.monotonic()) < end:
            name = drawn.choices(list(MIX), [weight for weight, _ in MIX.values()])[0]
            address = MIX[name][1].format(article=article, task=task)
            try:
                answer = (editor if address.startswith("/admin") else program).get(
                    desk + address, timeout=60, allow_redirects=False
                )
                wrong = "" if answer.status_code == 200 else f"{name}: {answer.status_code} {answer.text[:200]!r}"
            except requests.RequestException as error:
                wrong = f"{name}: {error}"
            took = time.monotonic() - began
            with lock:
                times[name].append(took)
                failed.extend(filter(None, [wrong]))
            time.sleep(max(PACE - took, 0))

    threads = [threading.Thread(target=user, args=(n, *person)) for n, person in enumerate(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, failed


def _tell(title: str, times: Times, failed: list[str]) -> None:
    everything = [took for each in times.values() for took in each]
    say(f"{title:<28}{'asked':>7}{'p50':>9}{'p95':>9}{'longest':>10}")
    for name, each in [*((name, times[name]) for name in MIX if times[name]), ("all", everything)]:
        p95 = statistics.quantiles(each, n=20, method="inclusive")[-1] if len(each) > 1 else each[0]
        middle, longest = statistics.median(each), max(each)
        say(f"  {name:<26}{len(each):7}{middle * 1000:6.0f} ms{p95 * 1000:6.0f} ms{longest * 1000:7.0f} ms")
    say(f"  failed {len(failed)}")
    for why in failed[:5]:
        say(f"    {why}")
