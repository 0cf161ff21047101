"""The five stages against services on real sockets, in the providers' own shapes, well and ill."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles.content import pictures
from articles.failures import Failure
from articles.models import Article, Call, Event, ImageFile, Preferences, StageRecord
from articles.pipeline import transitions
from articles.pipeline.sweep import sweep
from articles.stages import format as format_stage
from tests.articles.content.harmless import images_in
from tests.conftest import HandIn, error_of
from tests.doubles.server import Doubles

Work = Callable[[Article], Article]
IDEA = "the slow return of night trains"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.01,))


ENDLESS = ("hang", "drip")  # what a service does that nothing but our own patience ends


def impatient_with(stage: str, kind: str, patch: pytest.MonkeyPatch) -> None:
    """A service of this stage that never answers is given up after a second; others have all the time there is."""
    if kind in ENDLESS:
        limit = "REQUEST_SECONDS" if stage == "images" else "CALL_SECONDS"
        patch.setattr(f"articles.stages.{stage}.{limit}", 1)


@pytest.fixture
def prompts_from_headings(services: Doubles, settings: Settings) -> None:
    settings.OPENAI_API_KEY = ""


def _again(article: Article, run: Work) -> Article:
    """What the sweep does when the time has come."""
    Article.objects.filter(pk=article.pk).update(next_at=timezone.now())
    sweep()
    return run(article)


def _recovered(article: Article, editor: User, run: Work) -> Article:
    assert transitions.resume(article, editor)
    return run(article)


def _calls(article: Article) -> dict[str, tuple[str, int]]:
    return {f"{call.key}#{call.generation}": (call.state, call.sends) for call in article.calls.all()}


def test_an_idea_becomes_a_whole_tree(hand_in: HandIn, run: Work, services: Doubles) -> None:
    article = run(hand_in(idea=IDEA))

    assert article.status == Article.Status.DONE, article.error
    assert sorted(article.tree.files()) == [
        *("01_raw_article.html", "02_prompts.txt"),
        *(
            name
            for role in ("hero", "section_1", "section_2", "section_3")
            for name in (f"03_{role}.jpg", f"03_{role}_base64.txt")
        ),
        *("04_formatted.html", "05_final.html"),
    ]
    assert article.tree.verify() == []
    for image in article.images.all():
        jpeg = article.tree.read(image.stored)
        assert hashlib.sha256(jpeg).hexdigest() == image.sha256
        assert base64.b64decode(article.tree.read(image.stored_base64)) == jpeg
    assert {state for state, sends in _calls(article).values()} == {"done"}
    assert {sends for state, sends in _calls(article).values()} == {1}
    assert len(services.requests("replicate", "create")) == 4


def test_the_manifest_has_its_keys(hand_in: HandIn, run: Work, services: Doubles, editor: User) -> None:
    article = run(hand_in(idea=IDEA))
    manifest = article.tree.manifest()
    stages = manifest["pipeline_stages"]

    assert list(manifest)[:6] == ["schema", "user_id", "timestamp", "article", "pipeline_stages", "recovery_attempts"]
    assert article.tree_prefix == f"user_{editor.pk}/article_{manifest['timestamp']}"
    assert {"title", "word_count", "components"} == set(manifest["article"])
    assert {"status", "timestamp", "file", "model", "reasoning_tokens"} <= set(stages["step1_article_generation"])
    assert stages["step1_article_generation"]["reasoning_tokens"] > 0
    assert len(stages["step2_image_prompts"]["prompts"]) == 4
    assert {"replicate_url", "local_file", "base64_file", "size_kb", "aspect_ratio"} <= set(
        stages["step3_image_generation"]["hero"]
    )
    assert [section["index"] for section in stages["step3_image_generation"]["sections"]] == [1, 2, 3]
    assert stages["step3_image_generation"]["sections"][0]["aspect_ratio"] == "21:9"
    assert stages["step4_formatting"]["formatter"] == "claude_ai"
    assert set(stages["step4_formatting"]["brand_colors"]) == {"primary", "accent"}
    upload = {"status", "timestamp", "error", "failed_at", "uploaded_images", "recovery_instructions"}
    assert upload <= set(stages["step5_wordpress_upload"])
    assert manifest["source"]["idea"] == IDEA


def test_chat_completions_will_do(hand_in: HandIn, run: Work, services: Doubles, settings: Settings) -> None:
    settings.OPENAI_API = "chat"

    assert run(hand_in(idea=IDEA)).status == Article.Status.DONE
    assert len(services.requests("openai", "chat")) == 2


def test_what_a_server_does_not_know_is_learned_once(
    hand_in: HandIn, run: Work, services: Doubles, settings: Settings
) -> None:
    """A request that is refused as it stands has cost nothing, and is made in a simpler form at once."""
    settings.OPENAI_API, settings.OPENAI_MODEL = "chat", "a-model-that-only-this-test-asks"
    services.fail("openai", "chat", "old", times=None)

    article = run(hand_in(idea=IDEA))

    assert article.status == Article.Status.DONE
    first, second, third, fourth = (request.body for request in services.requests("openai", "chat"))
    assert first["response_format"]["type"] == "json_schema"
    assert second["response_format"]["type"] == third["response_format"]["type"] == "json_object"
    assert "max_completion_tokens" in second
    assert "max_tokens" in third
    assert '"title"' in third["messages"][0]["content"], "its form is told in words"
    assert (fourth["max_tokens"], fourth["response_format"]["type"]) == (third["max_tokens"], "json_object")
    assert article.calls.get(key="text").sends == 1


@pytest.mark.usefixtures("prompts_from_headings")
def test_a_shape_that_a_model_does_not_know_is_the_nearest(
    hand_in: HandIn, run: Work, services: Doubles, settings: Settings
) -> None:
    settings.REPLICATE_MODEL = "somebody/a-model-that-only-this-test-asks"
    services.fail("replicate", "create", "few_shapes", times=None)

    article = run(hand_in(formatter="template", manuscript=_sectioned()))

    assert article.status == Article.Status.DONE
    asked = [request.body["input"]["aspect_ratio"] for request in services.requests("replicate", "create")]
    assert sorted(asked) == ["16:9"] * 4 + ["21:9"], "refused once"


def test_style_and_standing_instructions_reach_the_text_service(
    hand_in: HandIn, run: Work, services: Doubles, editor: User
) -> None:
    Preferences.objects.create(user=editor, instructions="Never say <leverage>.", style="dry")

    run(hand_in(idea=IDEA))

    asked = str(services.requests("openai")[0].body)
    assert "Never say <leverage>." in asked
    assert "Writing style: dry" in asked


def test_the_timeline_tells_of_a_structure_that_is_lost(hand_in: HandIn, run: Work) -> None:
    tangled = "<div>" * 300 + "<h2>A head</h2><p>The words of it."
    article = run(hand_in(manuscript=f"<h1>The title</h1>{tangled}", formatter="template"))

    assert article.html == "<p>A head</p><p>The words of it.</p>"
    assert Event.objects.get(article=article, kind="flattened").message.startswith("The tags of the manuscript")


def test_the_timeline_tells_of_pictures_that_cannot_be_used(hand_in: HandIn, run: Work) -> None:
    text = "# Tides\n\nThe sea.\n\n![At dawn](picture:unusable-small)"
    article = run(hand_in(manuscript=text, formatter="template"))

    told = Event.objects.get(article=article, kind="unusable_picture")
    assert told.message == "The picture “At dawn” cannot be used: it is smaller than 200 pixels"


def test_a_manuscript_costs_no_text_call(hand_in: HandIn, run: Work, services: Doubles) -> None:
    article = run(hand_in())

    assert "text#1" not in _calls(article)
    assert article.status == Article.Status.DONE


TEXT_FAULTS = [
    # kind, status afterwards, code, words of the reason
    ("unauthorized", "failed", "401", "did not accept the API key"),
    ("model_not_found", "failed", "model", "does not know the model"),
    ("quota", "failed", "no_credit", "no credit left"),
    ("rate_limited", "waiting", "429", "too much to do"),
    ("server_error", "waiting", "server_error", "an error of its own"),
    ("bad_gateway", "waiting", "502", "an error of its own"),
    ("hang", "waiting", "timeout", "did not answer in time"),
    ("drip", "waiting", "timeout", "did not answer in time"),
    ("half_body", "waiting", "broken", "broke off"),
    ("reset", "waiting", "connect", "broke off"),
    ("html", "failed", "not_json", "not what this service should send"),
    ("refusal", "failed", "refusal", "refuses to write"),
    ("max_tokens", "failed", "cut_off", "cut off"),
    ("content_filter", "failed", "content_filter", "content filter"),
    ("empty", "failed", "empty", "answered with nothing"),
    ("malformed", "failed", "malformed", "not in the form"),
    ("failed", "waiting", "failed", "gave up"),
]


@pytest.mark.parametrize(("kind", "status", "code", "reason"), TEXT_FAULTS)
def test_what_the_text_service_can_do_to_us(
    hand_in: HandIn,
    run: Work,
    services: Doubles,
    editor: User,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    status: str,
    code: str,
    reason: str,
) -> None:
    services.fail("openai", "responses", kind)

    with monkeypatch.context() as patch:
        impatient_with("text_calls", kind, patch)
        article = run(hand_in(idea=IDEA))

    assert (article.status, error_of(article)["code"]) == (status, code), article.error
    assert reason in error_of(article)["reason"]
    assert error_of(article)["thing"] == "the article"
    call = article.calls.get()
    if kind in ("refusal", "max_tokens", "content_filter", "empty", "malformed"):
        assert call.answer, "the raw answer is kept"
        assert call.state == Call.State.FAILED
    lost = kind in ("hang", "drip", "half_body", "reset", "bad_gateway")
    assert (call.state == Call.State.INTENT) is lost
    article = _again(article, run) if status == "waiting" else _recovered(article, editor, run)
    assert article.status == Article.Status.DONE
    assert Event.objects.filter(kind="repeated").count() == lost
    assert article.calls.filter(key="text").order_by("-pk")[0].lost_answers == lost


PICTURE_FAULTS = [
    # operation, kind, status, code
    ("create", "unauthorized", "failed", "401"),
    ("create", "no_credit", "failed", "no_credit"),
    ("create", "invalid", "failed", "invalid"),
    ("create", "rate_limited", "waiting", "429"),
    ("create", "server_error", "waiting", "500"),
    ("create", "hang", "waiting", "timeout"),
    ("create", "half_body", "waiting", "broken"),
    ("create", "reset", "waiting", "broken"),
    ("create", "html", "failed", "not_json"),
    ("create", "failed", "waiting", "interrupted"),
    ("create", "nsfw", "failed", "declined"),
    ("create", "canceled", "failed", "canceled"),
    ("poll", "rate_limited", "waiting", "429"),
    ("poll", "server_error", "waiting", "500"),
    ("poll", "missing", "failed", "404"),
    ("poll", "data_removed", "failed", "gone"),
    ("poll", "half_body", "waiting", "broken"),
    ("deliver", "expired", "failed", "expired"),
    ("deliver", "gone", "failed", "expired"),
    ("deliver", "server_error", "waiting", "download"),
    ("deliver", "huge", "failed", "too_large"),
    ("deliver", "cut_picture", "failed", "bad_picture"),
    ("deliver", "half_body", "waiting", "broken"),
    ("deliver", "html", "failed", "bad_picture"),
]


@pytest.mark.usefixtures("prompts_from_headings")
@pytest.mark.parametrize(("operation", "kind", "status", "code"), PICTURE_FAULTS)
def test_one_picture_fails_and_three_are_kept(
    hand_in: HandIn,
    run: Work,
    services: Doubles,
    editor: User,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    kind: str,
    status: str,
    code: str,
) -> None:
    services.fail("replicate", operation, kind, match="Rails")

    with monkeypatch.context() as patch:
        impatient_with("images", kind, patch)
        article = run(hand_in(formatter="template", manuscript=_sectioned()))

    assert (article.status, error_of(article)["code"]) == (status, code), article.error
    assert error_of(article)["thing"] == "the section 3 image"
    assert article.images.exclude(sha256="").count() == 3
    kept = {image.role: image.sha256 for image in article.images.exclude(sha256="")}
    assert len([name for name in article.tree.files() if name.endswith(".jpg")]) == 3
    article = _again(article, run) if status == "waiting" else _recovered(article, editor, run)
    assert article.status == Article.Status.DONE, article.error
    assert kept.items() <= {image.role: image.sha256 for image in article.images.all()}.items()
    assert len(services.requests("replicate", "create")) <= 5


def test_of_a_text_that_bears_fewer_pictures_only_those_are_made(
    hand_in: HandIn, run: Work, services: Doubles, editor: User
) -> None:
    services.fail("replicate", "create", "unauthorized", times=None)
    article = run(hand_in(formatter="template", manuscript=_sectioned()))
    assert article.images.count() == 4
    Article.objects.update(manuscript="# T\n\nWhat this is about.", html="")
    article.records.update(state=StageRecord.State.PENDING)
    services.reset()

    article = _recovered(article, editor, run)

    assert article.status == Article.Status.DONE, article.error
    assert [image.role for image in article.images.all()] == ["hero"]
    assert len(services.requests("replicate", "create")) == 1


def _sectioned() -> str:
    return "# T\n\nWhat this is about.\n\n" + "\n\n".join(
        f"## {name}\n\nSome words about {name.lower()}." for name in ("Ports", "Roads", "Rails")
    )


def test_a_prompt_for_the_text_service_is_asked_once(hand_in: HandIn, run: Work, services: Doubles) -> None:
    services.fail("openai", "responses", "server_error", match="pictures")

    article = _again(run(hand_in(idea=IDEA)), run)

    assert article.status == Article.Status.DONE
    assert len([r for r in services.requests("openai") if "pictures" not in str(r.body.get("text"))]) == 1


@pytest.mark.usefixtures("prompts_from_headings")
def test_a_picture_too_slow_is_cancelled(
    hand_in: HandIn, run: Work, services: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("articles.stages.images.LONGEST", timedelta(seconds=0.2))
    services.fail("replicate", "create", "never", match="Rails")

    article = run(hand_in(formatter="template", manuscript=_sectioned()))

    assert (article.status, error_of(article)["code"]) == ("waiting", "too_slow")
    assert len(services.requests("replicate", "cancel")) == 1
    assert _again(article, run).status == Article.Status.DONE


def test_a_prediction_outlives_its_worker(
    hand_in: HandIn, run: Work, services: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the prediction and its picture: the prediction is asked again, not made again."""
    with monkeypatch.context() as dying:
        dying.setattr("articles.stages.images._Making._look", _die)
        with pytest.raises(KeyboardInterrupt):
            run(article := hand_in(formatter="template"))
    Article.objects.update(lease_until=timezone.now())
    sweep()

    article = run(article)

    assert article.status == Article.Status.DONE
    assert len(services.requests("replicate", "create")) == 4


def _die(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("prompts_from_headings")
@pytest.mark.parametrize(("hours", "status", "asked"), [(2, "done", 5), (0, "failed", 4)])
def test_a_picture_that_has_died_is_made_again_if_the_plan_said_so(
    hand_in: HandIn, run: Work, services: Doubles, editor: User, hours: int, status: str, asked: int
) -> None:
    """Its address is tried first: the picture was paid for."""
    services.fail("replicate", "deliver", "server_error", match="Rails")
    article = run(hand_in(formatter="template", manuscript=_sectioned()))
    assert article.status == Article.Status.WAITING
    Call.objects.filter(state=Call.State.RECEIVED).update(received_at=timezone.now() - timedelta(hours=hours))
    services.fail("replicate", "deliver", "expired", match="Rails")

    article = _recovered(article, editor, run)

    assert (article.status, len(services.requests("replicate", "create"))) == (status, asked), article.error


def test_the_token_does_not_go_to_the_pictures_host(hand_in: HandIn, run: Work, services: Doubles) -> None:
    run(hand_in(formatter="template"))

    assert all(request.with_key for request in services.requests("replicate", "create"))
    assert not any(request.with_key for request in services.requests("replicate", "deliver"))


CLAUDE_FAULTS = ["unauthorized", "no_credit", "refusal", "max_tokens", "shorter", "adding", "empty", "html"]


@pytest.mark.parametrize("kind", CLAUDE_FAULTS)
def test_the_template_stands_in_for_claude(hand_in: HandIn, run: Work, services: Doubles, kind: str) -> None:
    services.fail("anthropic", "messages", kind)

    article = run(hand_in())

    step = article.tree.manifest()["pipeline_stages"]["step4_formatting"]
    assert article.status == Article.Status.DONE
    assert step["formatter"] == "template_fallback"
    assert Event.objects.filter(kind="fallback").exists()


@pytest.mark.parametrize("kind", ["rate_limited", "overloaded", "server_error", "hang", "half_body"])
def test_claude_is_waited_for_twice_and_then_the_template_does_it(
    hand_in: HandIn, run: Work, services: Doubles, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    impatient_with("format", kind, monkeypatch)
    services.fail("anthropic", "messages", kind, times=None)

    article = run(hand_in())
    for _ in range(format_stage.WAITS):
        assert article.status == Article.Status.WAITING
        article = _again(article, run)

    assert article.status == Article.Status.DONE
    assert article.records.get(stage="format").details["formatter"] == "template_fallback"


def test_claude_alone_stops_when_it_fails(hand_in: HandIn, run: Work, services: Doubles) -> None:
    services.fail("anthropic", "messages", "shorter")

    article = run(hand_in(formatter="claude"))

    assert (article.status, error_of(article)["code"]) == ("failed", "shortened")


@pytest.mark.parametrize("kind", ["hostile", "fenced", "chatty"])
def test_what_claude_writes_is_made_safe(hand_in: HandIn, run: Work, services: Doubles, kind: str) -> None:
    services.fail("anthropic", "messages", kind)

    article = run(hand_in())

    stored = article.records.get(stage="format").stored
    assert stored
    page = article.tree.read(stored).decode()
    assert article.status == Article.Status.DONE
    assert not any(word in page.lower() for word in ("<script", "onerror", "javascript:", "<iframe", "```", "the page"))
    assert {f"03_{role}.jpg" for role in ("hero", "section_1", "section_2", "section_3")} <= images_in(page)


def test_no_picture_is_sent_as_bytes(hand_in: HandIn, run: Work, services: Doubles) -> None:
    run(hand_in())
    asked = str(services.requests("anthropic")[0].body)

    assert "base64" not in asked
    assert services.url in asked  # fresh addresses


def test_dead_addresses_become_file_names(hand_in: HandIn, run: Work, services: Doubles) -> None:
    services.fail("anthropic", "messages", "server_error")
    article = run(hand_in())
    ImageFile.objects.update(source_expires_at=timezone.now())

    _again(article, run)

    assert f"{services.url}/delivery" not in str(services.requests("anthropic")[-1].body)
    assert "03_hero.jpg" in str(services.requests("anthropic")[-1].body)


def test_a_long_article_is_not_sent_to_claude(hand_in: HandIn, run: Work, services: Doubles) -> None:
    article = run(hand_in(manuscript="# Long\n\n" + "A sentence of some length, again and again. " * 2000))

    assert services.requests("anthropic") == []
    assert "longer" in article.records.get(stage="format").details["reason"]


def test_an_idea_without_a_service_says_what_to_do(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in(idea=IDEA))

    assert (article.status, error_of(article)["code"]) == ("failed", "not_configured")
    assert "manuscript" in Failure.read(error_of(article)).next


def test_without_services_nothing_is_called_and_all_is_made(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in())

    assert article.calls.count() == 0
    width, _ = pictures.SIZES["16:9"]
    assert article.images.filter(width__gte=width).count() == 4


def test_private_addresses_are_out_of_reach(hand_in: HandIn, run: Work, services: Doubles, settings: Settings) -> None:
    settings.GALLEY_ALLOW_PRIVATE_ADDRESSES = False

    article = run(hand_in())

    assert (article.status, error_of(article)["code"]) == ("failed", "private_address")
    assert services.requests("replicate") == []


def test_keys_appear_nowhere(hand_in: HandIn, run: Work, services: Doubles, settings: Settings) -> None:
    settings.OPENAI_API_KEY = settings.REPLICATE_API_TOKEN = settings.ANTHROPIC_API_KEY = "secret-key-123"
    services.fail("replicate", "create", "unauthorized", times=None)
    article = run(hand_in(idea=IDEA))

    rows = [*Call.objects.values(), *Event.objects.values(), *Article.objects.values()]
    assert article.status == Article.Status.FAILED
    assert "secret-key-123" not in str(rows)
    assert "secret-key-123" not in str(article.tree.manifest())


@pytest.mark.usefixtures("prompts_from_headings")
def test_an_edited_prompt_is_what_is_asked_and_kept(
    hand_in: HandIn, run: Work, services: Doubles, editor: User
) -> None:
    services.fail("replicate", "create", "nsfw", match="Rails")
    article = run(hand_in(formatter="template", manuscript=_sectioned()))
    article.images.filter(role="section_3").update(prompt="A quiet siding at dawn")

    article = _recovered(article, editor, run)

    assert article.status == Article.Status.DONE
    assert "A quiet siding at dawn" in str(services.requests("replicate", "create")[-1].body)
    stored = article.records.get(stage="prompts").stored
    assert stored
    assert b"A quiet siding at dawn" in article.tree.read(stored)
    assert article.tree.verify() == []
