"""What Galley adds to an article over the bare calls to its services; articles per second; queries per article."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from articles.models import Article
from articles.pipeline import transitions, worker
from articles.stages import article as article_stage
from articles.stages import prompts as prompts_stage
from tests.benchmarks.limits import say
from tests.environment import FOLDER
from tests.journeys.installation import Installation
from tests.services import s3
from tests.services.process import wait_until

IMAGE_BYTES = 1_100_000
ROUNDS = 7
BATCH = 40  # articles for the rate
IDEA = "the slow return of night trains"
LIMITS = {"disk": 0.5, "S3": 1.0}  # seconds that Galley may add to an article


def main() -> None:
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, services() as url:
        added_to_an_article(url, Path(folder))
        queries_per_article(url)
        articles_per_second(url, Path(folder))


@contextmanager
def services() -> Iterator[str]:
    """The doubles in a process of their own, answering at once, with pictures of 1.1 MB."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.doubles.server", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        try:
            requests.post(f"{url}/_control/configure", json={"image_bytes": IMAGE_BYTES}, timeout=10).raise_for_status()
            yield url
        finally:
            process.terminate()


def named(url: str) -> dict[str, str]:
    """The services as settings."""
    return {
        "OPENAI_BASE_URL": f"{url}/openai/v1",
        "OPENAI_API_KEY": "sk-bench",
        "ANTHROPIC_BASE_URL": f"{url}/anthropic",
        "ANTHROPIC_API_KEY": "sk-ant-bench",
        "REPLICATE_BASE_URL": f"{url}/replicate/v1",
        "REPLICATE_API_TOKEN": "r8-bench",
    }


def added_to_an_article(url: str, folder: Path) -> None:
    with s3.rclone(_folder(folder, "rclone")) as bucket:
        places = {"disk": _local(folder / "disk"), "S3": _bucket(bucket)}
        _galley(url, places["disk"])  # everything imported, connections made
        times: dict[str, list[float]] = {name: [] for name in ("bare", *places)}
        for _ in range(ROUNDS):
            times["bare"].append(_timed(lambda: bare_calls(url)))
            for name, place in places.items():
                times[name].append(_timed(lambda place=place: _galley(url, place)))  # type: ignore[misc]
    bare = statistics.median(times["bare"])
    say(f"bare calls of one article            {_spread(times['bare'])}")
    for name in places:
        added = statistics.median(a - b for a, b in zip(times[name], times["bare"], strict=True))
        verdict = "within" if added <= LIMITS[name] else "OVER"
        ratio = statistics.median(times[name]) / bare
        say(f"Galley on {name:<5}                      {_spread(times[name])}   {ratio:.1f}x bare")
        say(f"  added by Galley                    {added:.2f} s, {verdict} {LIMITS[name]} s")


def bare_calls(url: str) -> None:
    """The same requests, with the same libraries, keeping nothing."""
    text = openai.OpenAI(base_url=f"{url}/openai/v1", api_key="sk-bench", max_retries=0)
    for name, schema in (("article", article_stage.SCHEMA), ("pictures", prompts_stage._schema(3))):
        form: Any = {"format": {"type": "json_schema", "name": name, "schema": schema, "strict": True}}
        answer = text.responses.create(model="gpt-5-mini", instructions="Write.", input=IDEA, text=form)
    with requests.Session() as http:
        http.headers["Authorization"] = "Bearer r8-bench"
        aspects = ("16:9", "21:9", "21:9", "21:9")
        create = f"{url}/replicate/v1/models/bytedance/seedream-4/predictions"
        made = [
            http.post(create, json={"input": {"prompt": "trains", "aspect_ratio": a}}, timeout=30).json()
            for a in aspects
        ]
        for prediction in made:
            while prediction["status"] != "succeeded":
                prediction = http.get(prediction["urls"]["get"], timeout=30).json()
            output = prediction["output"]
            assert http.get(output[0] if isinstance(output, list) else output, timeout=30).content
    page = f"<article>{answer.output_text}</article>"
    claude = anthropic.Anthropic(base_url=f"{url}/anthropic", api_key="sk-ant-bench", max_retries=0, timeout=60)
    claude.messages.create(
        model="claude-sonnet-5-5", max_tokens=20_000, system="Lay out.", messages=[{"role": "user", "content": page}]
    )


def _galley(url: str, place: dict[str, Any]) -> None:
    """One article through all stages in this process, as a worker does it."""
    with override_settings(**named(url), STORAGES={**settings.STORAGES, "backups": place}):
        article = Article(owner=_user(), idea=IDEA)
        transitions.submit(article)
        worker.run_article(article.pk)
        article.refresh_from_db()
        assert article.status == Article.Status.DONE, article.error


def _user() -> User:
    return User.objects.get_or_create(username="bench")[0]


def queries_per_article(url: str) -> None:
    counts = []
    place = _local(Path(FOLDER) / "queries")
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            _galley(url, place)
        counts.append(len(queries))
    constant = "constant" if len(set(counts)) == 1 else "NOT constant"
    say(f"queries per article                  {counts[0]}, {constant} ({Article.objects.count()} articles there)")


def articles_per_second(url: str, folder: Path) -> None:
    """Real workers on SQLite and disk, from the moment that they run until the last article is done."""
    rates = []
    for workers in (1, 2):
        galley = Installation(_folder(folder, f"workers-{workers}"))
        galley.settings |= named(url) | {"GALLEY_WORKERS": str(workers), "GALLEY_LOG_LEVEL": "ERROR"}
        galley.prepare()
        galley.ask(_HAND_IN)
        with galley.workers():
            wait_until(lambda galley=galley: _done(galley) > 0, 60)  # type: ignore[misc]
            first, began = _done(galley), time.monotonic()
            wait_until(lambda galley=galley: _done(galley) == BATCH, 300)  # type: ignore[misc]
            rates.append((BATCH - first) / (time.monotonic() - began))
    say(f"articles per second, one worker      {rates[0]:.2f}")
    say(f"articles per second, two workers     {rates[1]:.2f}   {rates[1] / rates[0]:.1f}x one")


_HAND_IN = (
    f"[__import__('articles.pipeline.transitions', fromlist=['submit']).submit("
    f"Article(owner_id=1, idea='{IDEA}'))"
    f" for _ in range({BATCH})]"
)


def _done(galley: Installation) -> int:
    """Finished trees, counted from outside."""
    return sum(1 for _ in galley.folder.glob("backups/user_*/article_*/05_final.html"))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _spread(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s ({min(times):.2f}–{max(times):.2f})"


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _local(folder: Path) -> dict[str, Any]:
    return {"BACKEND": "backups.storage.django_folder.LocalStorage", "OPTIONS": {"location": str(folder)}}


def _bucket(server: s3.S3) -> dict[str, Any]:
    options = {"bucket_name": server.bucket, "location": "bench", "endpoint_url": server.endpoint_url}
    options |= {"access_key": server.access_key, "secret_key": server.secret_key}
    return {"BACKEND": "backups.storage.django_bucket.BucketStorage", "OPTIONS": options}
