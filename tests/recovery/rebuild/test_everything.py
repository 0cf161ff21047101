"""What can be submitted can be rebuilt, equal: through every door, at its bounds, however far it came.

Each case is handed in as people do it, left at some point, and lost: the rows are gone, the storage is there. Values
are drawn by a seed, which GALLEY_SEED changes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from articles import bounds
from articles.batches import control
from articles.models import Article, Batch, Design, Stage
from articles.pipeline import transitions, worker
from articles.pipeline.run import Outcome, Run
from articles.providers.errors import Rejected
from articles.tree.due import write_due
from config.roles import EDITORS
from publishing.models import Site
from recovery.another_manuscript import version
from tests.articles.desk.test_batch_admin import given, planned
from tests.batches import BATCH_ADD, page_of
from tests.config.test_tokens import with_token_of
from tests.desk import ADD, as_
from tests.desk import page_of as article_page
from tests.doubles.server import Doubles
from tests.recovery.rebuild.loss import REASONS, differences, lose_the_database, rebuild_all, settled, state

pytestmark = pytest.mark.django_db(transaction=True)

SEED = os.environ.get("GALLEY_SEED", "1")
SIGNS = "abc äßŁ Ω中文 “²½” 🛤 <b>&amp; {} \\ ' \" \u0301\u202e\u2028\n"
NAME = "ada.2@+-_" + "Łé中" * 47  # as many letters as a name may have
STAGES = {
    Stage.ARTICLE: "articles.stages.article.run",
    Stage.PROMPTS: "articles.stages.prompts.run",
    Stage.IMAGES: "articles.stages.images.run",
    Stage.FORMAT: "articles.stages.format.run",
    Stage.UPLOAD: "publishing.stage.run",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, services: Doubles) -> None:
    services.configure(image_width=480, image_bytes=4000)
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.001,))
    monkeypatch.setattr("publishing.stage.run", _publish)


@pytest.fixture
def ada(db: None) -> User:
    user = User.objects.create_user(NAME, password="a long password", is_staff=True)
    user.groups.add(Group.objects.get(name=EDITORS))
    return user


@pytest.fixture
def site(db: None) -> Site:
    return Site.objects.create(
        name="M²gazine " + "é" * 41, url="https://magazine.example.org/blog", user="desk", encrypted_secret="x"
    )


@pytest.fixture
def drawn(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{SEED} {request.node.name}")


def text(drawn: random.Random, most: int) -> str:
    """So many letters, of those that break things; it neither begins nor ends with a space."""
    return f"I{''.join(drawn.choices(SIGNS, k=most - 2))}."


def _publish(run: Run) -> Outcome:
    """As if a site had taken it."""
    for image in run.article.images.all():
        address = f"https://magazine.example.org/{image.role}.jpg"
        with run.lease.fence():
            run.article.images.filter(pk=image.pk).update(wordpress_media_id=image.pk, wordpress_url=address)
    return Outcome(
        run.save_file("05_final.html", b"<p>"),
        maker="WordPress Magazine",
        details={"post_id": 7, "site": "Magazine", "slug": "a-slug"},
        article={"link": "https://magazine.example.org/wp-admin/post.php?post=7&action=edit"},
    )


def _lost_and_rebuilt(*, with_sites: bool = True) -> list[str]:
    """What came back as another than it was, after the storage has heard of everything."""
    write_due()
    before = state()
    lose_the_database(*([Site] if with_sites else []))
    rebuild_all()
    return differences(settled(before), state())


# An article on its own


def _manuscript(drawn: random.Random) -> dict[str, Any]:
    title, words = text(drawn, 80).replace("\n", " "), text(drawn, 3000)
    return {"manuscript": f"# {title}\n\n## Ports\n\n{words}\n\n> {text(drawn, 290)}\n\n**12 % less** of it.\n"}


def _long_manuscript(drawn: random.Random) -> dict[str, Any]:
    paragraph = "Freight rates fell for the third month, and nobody said why that was so. " * 10
    return {"manuscript": f"Tariffs\n\n{paragraph}\n\n" + f"{paragraph}\n\n" * 200 + text(drawn, 20_000)}


def _idea(drawn: random.Random) -> dict[str, Any]:
    return {"idea": text(drawn, bounds.LONGEST_IDEA)}


def _long_idea(drawn: random.Random) -> dict[str, Any]:
    return {"idea": text(drawn, 300), "is_long": "on"}


SOURCES = [_manuscript, _long_manuscript, _idea, _long_idea]


def _handed_in(drawn: random.Random, owner: User, site: Site | None, **fields: Any) -> Article:
    """Through the form of the desk, with something in every field."""
    colours = {name: f"#{drawn.randrange(16**6):06x}" for name in ("brand_primary", "brand_accent")}
    given = {"formatter": drawn.choice(["auto", "claude", "template"]), "site": site.pk if site else "", **colours}
    given |= {"design": drawn.choice(Design.values), "byline": text(drawn, bounds.LONGEST_BYLINE).replace("\n", " ")}
    given |= {"style": text(drawn, bounds.LONGEST_STYLE).replace("\n", " "), "scheduled_at": "", **fields}
    assert as_(owner).post(ADD, given).status_code == 302
    return Article.objects.get()


def _stop_at(stage: Stage) -> Callable[[Article], None]:
    def stop(article: Article) -> None:
        refuse = Rejected("wordpress:1" if stage == Stage.UPLOAD else "text", "{it} says no", thing="it", detail="raw")
        with mock.patch(STAGES[stage], side_effect=refuse):
            worker.run_article(article.pk)

    return stop


ENDS: dict[str, Callable[[Article], Any]] = {
    "queued": lambda article: article,
    "cancelled": lambda article: transitions.cancel(article, None),
    "done": lambda article: worker.run_article(article.pk),
    **{f"stopped at {stage}": _stop_at(stage) for stage in Stage},
}


# Each end, with a source that is drawn; each source, as it was handed in and as it was done.
CASES = [(end, None) for end in ENDS] + [(end, source) for end in ("queued", "done") for source in SOURCES]


@pytest.mark.parametrize(("end", "source"), CASES)
def test_an_article_comes_back(
    end: str, source: Callable[[random.Random], dict[str, Any]] | None, drawn: random.Random, ada: User, site: Site
) -> None:
    source = source or drawn.choice(SOURCES)
    article = _handed_in(drawn, ada, drawn.choice([site, None]), **source(drawn))
    ENDS[end](article)

    assert _lost_and_rebuilt() == []
    assert Article.objects.get().uid == article.uid


@pytest.mark.parametrize("end", ["queued", "done"])
def test_its_site_comes_back_by_its_name_to_be_filled_in(end: str, drawn: random.Random, ada: User, site: Site) -> None:
    ENDS[end](_handed_in(drawn, ada, site, **_manuscript(drawn)))

    assert _lost_and_rebuilt(with_sites=False) == []
    assert Site.objects.get().url == ""


def test_a_scheduled_one_begins_when_it_was_to_begin(drawn: random.Random, ada: User, site: Site) -> None:
    begin = timezone.localtime() + timedelta(days=3)
    _handed_in(drawn, ada, site, **_idea(drawn), scheduled_at=f"{begin:%Y-%m-%dT%H:%M}")

    assert _lost_and_rebuilt() == []
    assert Article.objects.get().is_scheduled


def test_what_was_changed_before_it_began_is_changed(drawn: random.Random, ada: User, site: Site) -> None:
    begin, later = (f"{timezone.localtime() + timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (3, 5))
    article = _handed_in(drawn, ada, None, **_manuscript(drawn), scheduled_at=begin)
    changed = {"title": text(drawn, bounds.LONGEST_TITLE).replace("\n", " "), "site": site.pk, "formatter": "template"}
    changed |= {"brand_primary": "#000000", "brand_accent": "#ffffff", "scheduled_at": later, "design": "modern"}
    assert as_(ada).post(article_page(article), changed).status_code == 302

    before = state()
    lose_the_database(Site)  # at once: no round has passed
    rebuild_all()

    assert differences(settled(before), state()) == []
    assert f"{timezone.localtime(Article.objects.get().scheduled_at):%Y-%m-%dT%H:%M}" == later


@pytest.mark.parametrize("end", ["stopped at article", "stopped at upload", "cancelled"])
def test_the_manuscripts_of_before_come_back(end: str, drawn: random.Random, ada: User, site: Site) -> None:
    article = _handed_in(drawn, ada, site, **_manuscript(drawn))
    for _ in range(2):
        ENDS[end](article)
        article.refresh_from_db()
        said = {"manuscript": text(drawn, 2000), "seen": version(article)}
        assert as_(ada).post(article_page(article, "manuscript"), said).status_code == 302

    assert _lost_and_rebuilt() == []
    assert len(Article.objects.get().earlier_manuscripts) == 2


def test_one_from_the_shell_comes_back(tmp_path: Path, ada: User, site: Site) -> None:
    file = tmp_path / f"{'é' * 100}.txt"
    file.write_text("Night trains\n\nThey run again.")
    words = ["--owner", NAME, "--manuscript", str(file), "--site", site.name, "--style", "dry"]
    call_command("submit", *words, stdout=StringIO())

    assert _lost_and_rebuilt() == []


# A batch


def _wide_list() -> str:
    """As many columns as there may be, each of its names as long as it may be."""
    header = ["style", *(f"column {n:03} ".ljust(40, "x") for n in range(1, bounds.MOST_COLUMNS))]
    rows = [["Art Deco", *(f"v{n}" for n in range(1, bounds.MOST_COLUMNS))], ["Bauhaus²"]]
    return "\n".join(",".join(row) for row in [header, *rows])


def _long_brief() -> dict[str, str]:
    """Filled in, it has as many letters as an idea of a batch may have."""
    sections = "section,tone\nKitchen,dry\nBath,warm"
    style = "style,facts\nArt Deco," + "f" * bounds.LONGEST_FIELD + "\nBauhaus,none"
    brief = "{section} {tone} " + "{facts}" * (bounds.LONGEST_FILLED // bounds.LONGEST_FIELD - 1)
    return {"brief": brief, "styles": style, "sections": sections}


BATCHES: dict[str, Callable[[], dict[str, str]]] = {
    "plain": lambda: {"styles": "Art Deco\nBauhaus", "sections": "Kitchen\nBath"},
    "columns": lambda: {"styles": _wide_list(), "sections": "section,tone\nKitchen,dry\nBath,warm"},
    "long brief": _long_brief,
    "long names": lambda: {"styles": f"{'é' * 200}\n中", "sections": f"{'x' * 200}\n{'y' * 199}²"},
}


def _drafted(drawn: random.Random, owner: User, site: Site | None, kind: str, **fields: Any) -> Batch:
    """Through the form of the desk, with something in every field."""
    numbers = {"images_per_style": drawn.choice(["0", "2"]), "images_per_section": drawn.choice(["0", "1"])}
    about = {
        "name": text(drawn, bounds.LONGEST_BATCH_NAME).replace("\n", " ").replace("  ", "xx"),
        "budget": "1234567.89",
    }
    about |= {"style": text(drawn, bounds.LONGEST_STYLE).replace("\n", " "), "site": str(site.pk) if site else ""}
    about |= {"formatter": drawn.choice(["auto", "claude", "template"])}
    answer = as_(owner).post(BATCH_ADD, given(**(numbers | about | BATCHES[kind]() | fields)))
    assert answer.status_code == 302, answer.content.decode()
    return Batch.objects.get()


def _press_start(batch: Batch, owner: User) -> None:
    as_(owner).post(page_of(batch, "start"), planned(batch))
    assert batch.articles.count() == 2


def _ask_the_api(batch: Batch, owner: User) -> None:
    headers = with_token_of(owner)
    assert Client(headers=headers).post(f"/api/v1/batches/{batch.pk}/start").status_code == 200


def _run_one(batch: Batch, owner: User) -> None:
    _press_start(batch, owner)
    worker.run_article(batch.articles.filter(status=Article.Status.QUEUED).order_by("pk")[0].pk)


def _run_all(batch: Batch, owner: User) -> None:
    _press_start(batch, owner)
    for article in batch.articles.order_by("pk"):
        worker.run_article(article.pk)
    batch.refresh_from_db()
    assert batch.state == Batch.State.DONE, list(batch.articles.values_list("status", "error"))


def _pause_half_done(batch: Batch, owner: User) -> None:
    _run_one(batch, owner)
    control.pause(batch, owner)


def _cancel(batch: Batch, owner: User) -> None:
    _run_one(batch, owner)
    control.cancel(batch, owner)


BATCH_ENDS: dict[str, Callable[[Batch, User], Any]] = {
    "never started": lambda batch, owner: (batch, owner),
    "started": _press_start,
    "started by a program": _ask_the_api,
    "half done": _run_one,
    "done": _run_all,
    "paused half done": _pause_half_done,
    "cancelled": _cancel,
}


# Each end, with lists that are drawn; each kind of lists, started.
BATCH_CASES = [(end, "") for end in BATCH_ENDS] + [("started", kind) for kind in BATCHES]


@pytest.mark.parametrize(("end", "kind"), BATCH_CASES)
def test_a_batch_comes_back(end: str, kind: str, drawn: random.Random, ada: User, site: Site) -> None:
    kind = kind or drawn.choice(list(BATCHES))
    BATCH_ENDS[end](_drafted(drawn, ada, drawn.choice([site, None]), kind), ada)

    assert _lost_and_rebuilt() == []
    batch = Batch.objects.get()
    assert batch.state != Batch.State.RUNNING
    assert batch.budget == Decimal("1234567.89")


def test_one_without_any_picture_is_done_when_it_was_done(drawn: random.Random, ada: User) -> None:
    batch = _drafted(drawn, ada, None, "plain", images_per_style="0", images_per_section="0")
    _run_all(batch, ada)

    assert _lost_and_rebuilt() == []
    assert set(Article.objects.values_list("status", flat=True)) == {Article.Status.DONE}


def test_a_batch_from_the_shell_comes_back(tmp_path: Path, ada: User, site: Site) -> None:
    for name, lines in (("styles", "Art Deco\nBauhaus"), ("sections", "Kitchen\nBath")):
        (tmp_path / name).write_text(lines)
    words = ["--owner", NAME, "--brief", "The {section}", "--styles", str(tmp_path / "styles"), "--site", site.name]
    words += ["--sections", str(tmp_path / "sections"), "--budget", "3.50", "--images-per-section", "1"]
    call_command("batch", "start", "Rooms", *words, stdout=StringIO())

    assert _lost_and_rebuilt() == []


# The reasons


def test_every_reason_is_about_a_field() -> None:
    """What is not named there is compared, a new field as well."""
    for model, reasons in REASONS.items():
        assert reasons.keys() <= {field.name for field in model._meta.concrete_fields}, model
        assert all(reasons.values())


def test_what_a_person_can_set_has_no_reason() -> None:
    settable = {
        field.name for field in (*Article._meta.concrete_fields, *Batch._meta.concrete_fields) if field.editable
    }
    assert settable & {*REASONS[Article], *REASONS[Batch]} == {"id"}
