"""The database is gone: articles come back from their trees, and no manifest gets more than it should."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from articles.models import Article, Attempt, Event
from articles.pipeline import transitions
from articles.providers.errors import Rejected
from backups.trees.tree import TreeError
from publishing.models import Site
from recovery.rebuild.article import rebuild
from recovery.rebuild.content import trees
from tests.conftest import HandIn
from tests.recovery.rebuild.loss import edit

Work = Callable[[Article], Article]


def _lose_the_database() -> None:
    Article.objects.all().delete()
    Site.objects.all().delete()
    User.objects.all().delete()


@pytest.fixture
def stopped(hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch) -> Article:
    def refuse(_: object) -> None:
        raise Rejected("wordpress:1", "no", thing="the draft")

    site = Site(name="Magazine", url="https://magazine.example.org", user="desk")
    site.secret = "a password"
    site.save()
    with monkeypatch.context() as broken:
        broken.setattr("publishing.stage.run", refuse)
        return run(hand_in(site=site, style="dry"))


def test_a_finished_article_comes_back_as_it_was(hand_in: HandIn, run: Work) -> None:
    before = run(hand_in())
    fields = ["uid", "tree_prefix", "manuscript", "title", "html", "word_count", "components", "status", "link"]
    fields += ["created_at", "brand_primary", "formatter"]
    images = list(before.images.values("role", "prompt", "sha256", "bytes", "width", "height", "base64_sha256", "file"))
    records = list(before.records.values("stage", "state", "file", "sha256", "bytes"))
    _lose_the_database()

    rebuilt = rebuild(before.tree_prefix)

    assert rebuilt.new
    assert rebuilt.lacking == ()
    for name in fields:
        assert getattr(rebuilt.article, name) == getattr(before, name), name
    assert list(rebuilt.article.images.values(*images[0])) == images
    assert list(rebuilt.article.records.values(*records[0])) == records


def test_a_stopped_article_is_rebuilt_and_finished(stopped: Article, run: Work) -> None:
    _lose_the_database()

    article = rebuild(stopped.tree_prefix).article

    assert article.status == Article.Status.FAILED
    assert article.owner.get_username() == "ada"
    assert not article.owner.is_active
    assert article.site
    assert (article.site.name, article.site.url) == ("Magazine", "")
    assert [record.state for record in article.records.all()] == ["done"] * 4 + ["pending"]
    Article.objects.update(site=None)
    assert transitions.resume(article, None)
    assert run(article).status == Article.Status.DONE


def test_a_site_that_is_not_here_waits_for_its_password(stopped: Article, run: Work) -> None:
    _lose_the_database()
    article = rebuild(stopped.tree_prefix).article
    transitions.resume(article, None)

    article = run(article)

    assert article.status == Article.Status.FAILED
    assert article.error
    assert 'site "Magazine"' in article.error["mend"]


def test_rebuilding_twice_makes_one_article(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    assert not rebuild(article.tree_prefix).new
    _lose_the_database()

    assert [rebuild(article.tree_prefix).new for _ in range(2)] == [True, False]


def test_a_damaged_file_makes_its_stage_unfinished(stopped: Article, storage_folder: Path, run: Work) -> None:
    for name in ("03_section_1.jpg", "03_section_1_base64.txt"):
        (storage_folder / stopped.tree_prefix / name).unlink()
    _lose_the_database()

    rebuilt = rebuild(stopped.tree_prefix)

    assert "03_section_1.jpg is missing from the backup." in rebuilt.lacking
    assert [r.state for r in rebuilt.article.records.all()] == ["done", "done", "pending", "done", "pending"]


@pytest.mark.parametrize("name", ["03_section_1.jpg", "03_section_1_base64.txt"])
def test_a_picture_is_made_of_its_twin(stopped: Article, storage_folder: Path, name: str) -> None:
    (storage_folder / stopped.tree_prefix / name).write_bytes(b"something else")
    _lose_the_database()

    rebuilt = rebuild(stopped.tree_prefix)

    assert rebuilt.lacking == (f"{name} in the backup is not the file that was saved.",)
    assert [r.state for r in rebuilt.article.records.all()] == ["done", "done", "done", "done", "pending"]
    assert stopped.tree.verify() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["source"].update(uid="../../etc"),
        lambda m: m["source"].update(uid="x" * 32),
        lambda m: m["source"].pop("owner"),
        lambda m: m["source"].update(owner="a b<script>"),
        lambda m: m["source"].update(manuscript=["a"]),
        lambda m: m["source"].update(formatter="rm"),
        lambda m: m["source"].update(site="../x"),
        lambda m: m.update(schema=99),
        lambda m: m.update(schema="1"),
        lambda m: m.update(article=None),
        lambda m: m["article"].update(title="x" * 301),
        lambda m: m["pipeline_stages"].update(step1_article_generation={"status": "owned"}),
        lambda m: m["pipeline_stages"]["step4_formatting"]["brand_colors"].update(primary="red;}"),
        lambda m: m["pipeline_stages"]["step5_wordpress_upload"].update(link="javascript:alert(1)"),
        lambda m: m["pipeline_stages"]["step2_image_prompts"]["prompts"][0].update(role="../hero"),
        lambda m: m["files"].update({"../../x": {"sha256": "0" * 64, "bytes": 1}}),
        lambda m: m["files"]["03_hero.jpg"].update(sha256="nothing"),
        lambda m: m.update(files=None),
    ],
)
def test_a_hostile_manifest_makes_nothing(stopped: Article, change: Callable[[dict[str, Any]], None]) -> None:
    edit(stopped.tree, change)
    _lose_the_database()

    with pytest.raises(TreeError, match=r"\.$"):
        rebuild(stopped.tree_prefix)
    assert not Article.objects.exists()


@pytest.mark.parametrize(
    "prefix", ["", "..", "user_1", "user_1/../x", "user_1/article_20251011_214423/x", "/etc/passwd"]
)
def test_a_prefix_that_is_none_is_refused(db: None, prefix: str) -> None:
    with pytest.raises(TreeError, match="not the folder"):
        rebuild(prefix)


def test_text_of_a_tree_is_cleaned_again(stopped: Article, storage_folder: Path) -> None:
    content = b"<h1>T</h1><p>Words</p><script>alert(1)</script>"
    (storage_folder / stopped.tree_prefix / "01_raw_article.html").write_bytes(content)
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    edit(stopped.tree, lambda m: m["files"].update({"01_raw_article.html": entry}))
    _lose_the_database()

    assert rebuild(stopped.tree_prefix).article.html == "<p>Words</p>"


def test_a_whole_storage(hand_in: HandIn, run: Work, storage_folder: Path) -> None:
    prefixes = [run(hand_in()).tree_prefix for _ in range(3)]
    (storage_folder / "user_9" / "notes").mkdir(parents=True)
    (storage_folder / prefixes[0] / "manifest.json").write_text("{")
    _lose_the_database()
    out, err = StringIO(), StringIO()

    with pytest.raises(CommandError, match="cannot be used"):
        call_command("rebuild_articles", json=True, stdout=out, stderr=err)

    assert list(trees()) == sorted(prefixes)
    assert json.loads(out.getvalue()) == {"batches": 0, "trees": 3, "rebuilt": 2, "known": 0, "unusable": 1}
    assert "not valid JSON" in err.getvalue()
    assert Article.objects.filter(status=Article.Status.DONE).count() == 2


def test_it_is_on_the_timeline(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())
    _lose_the_database()
    rebuild(article.tree_prefix)

    assert Event.objects.get().kind == "rebuilt"
    assert Attempt.objects.get().why == Attempt.Why.RECOVERED


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["source"].update(idea="both", manuscript="of them"),
        lambda m: m["source"].update(idea="", manuscript=""),
        lambda m: m["files"]["03_hero.jpg"].update(bytes=2**63 - 1),
        lambda m: m["source"].update(created_at="0001-01-01T00:00:00+14:00"),
        lambda m: m["pipeline_stages"]["step5_wordpress_upload"].update(link="//evil.example/x"),
    ],
)
def test_one_bad_tree_stops_no_other(
    stopped: Article, hand_in: HandIn, run: Work, change: Callable[[dict[str, Any]], None]
) -> None:
    good = run(hand_in()).uid
    edit(stopped.tree, change)
    _lose_the_database()

    with pytest.raises(CommandError, match="cannot be used"):
        call_command("rebuild_articles", stdout=StringIO(), stderr=StringIO())
    assert good in Article.objects.values_list("uid", flat=True)


def test_a_picture_that_is_none_is_refused(stopped: Article, storage_folder: Path) -> None:
    content = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100
    (storage_folder / stopped.tree_prefix / "03_hero.jpg").write_bytes(content)
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    edit(stopped.tree, lambda m: m["files"].update({"03_hero.jpg": entry}))
    _lose_the_database()

    with pytest.raises(TreeError, match="not a picture"):
        rebuild(stopped.tree_prefix)
