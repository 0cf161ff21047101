"""Stage 4: the page. Claude lays it out; where it cannot, the magazine template does, and the record says so."""

from __future__ import annotations

from html import escape

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from articles import call_keys
from articles.content import additions, colours, designs, magazine, manuscripts, markup, placing, word_counts
from articles.failures import Failure
from articles.models import Article, Call, ImageFile, Stage
from articles.pipeline.lease import CALL_SECONDS
from articles.pipeline.reopening import LAID_OUT_OF, SHOWN_ANEW, laid_out_of
from articles.pipeline.run import Outcome, Run
from articles.providers import claude
from articles.providers.errors import GALLEY, Garbled, ProviderError, Refused, Rejected, Then
from articles.tree import earlier, names
from backups.trees.tree import FileDamaged

THING = "the formatted page"
WAITS = 2  # for Claude, before the template takes over
LOST_SHARE = 100  # one word in so many may change its spelling before the page counts as shortened


def run(run: Run) -> Outcome:
    article = run.article
    images = list(article.images.all())
    if outcome := _with_other_pictures(run, images):
        return outcome
    if article.formatter == Article.Formatter.TEMPLATE:
        return _by_template(run, images, "it was chosen")
    try:
        return _by_claude(run, images)
    except ProviderError as exc:
        if article.formatter == Article.Formatter.CLAUDE or (exc.retry and article.retries < WAITS):
            raise
        if exc.code != "not_configured":
            said = f"{Failure.of(exc).sentence}. The template lays the page out"
            run.lease.note("fallback", said, exc.detail, provider=exc.provider)
        return _by_template(run, images, Failure.of(exc).reason)


def _with_other_pictures(run: Run, images: list[ImageFile]) -> Outcome | None:
    """The page of before with its pictures as they are now, where no more has changed: nobody is asked to lay it out.

    None where that is not wanted, or the page of before is not to be read any more.
    """
    record = run.article.records.get(stage=Stage.FORMAT)
    details = dict(record.details)
    entry, of = earlier.find(run.article, details.pop(SHOWN_ANEW, "")), details.pop(LAID_OUT_OF, "")
    if entry is None or of != laid_out_of(run.article):
        return None
    try:
        before = run.load_file(earlier.stored(run.article)[entry["file"]]).decode(errors="replace")
    except FileDamaged:
        return None
    page = placing.shown_anew(markup.clean_page(before, {image.file_name for image in images}), images)
    return Outcome(run.save_file(names.FORMATTED, page.encode()), maker=entry["maker"], details=details)


def _by_template(run: Run, images: list[ImageFile], reason: str) -> Outcome:
    page = magazine.lay_out(run.article, images)
    details = {"formatter": "template_fallback", "reason": reason}
    return Outcome(run.save_file(names.FORMATTED, page.encode()), maker="template", details=details)


def _by_claude(run: Run, images: list[ImageFile]) -> Outcome:
    article = run.article
    _check(article)
    prompt = _prompt(article, images)
    with claude.ClaudeClient(
        settings.ANTHROPIC_BASE_URL,
        settings.ANTHROPIC_API_KEY,
        settings.ANTHROPIC_MODEL,
        allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES,
        timeout=CALL_SECONDS,
        prices=settings.GALLEY_PRICES,
    ) as client:
        call = run.calls.ask(
            call_keys.FORMAT,
            THING,
            provider=claude.PROVIDER,
            most=client.most(*prompt),
            send=lambda call: client.ask(*prompt, key=call.idempotency_key),
        )
    with run.calls.reading(call, THING):
        page = _read(call, article, images)
    stored = run.save_file(names.FORMATTED, page.encode())
    run.calls.done(call)
    return Outcome(
        stored,
        maker=call.model,
        details={"formatter": "claude_ai", "tokens": call.input_tokens + call.output_tokens},
    )


def _check(article: Article) -> None:
    """Raises Refused, Rejected where Claude cannot be asked at all."""
    if not settings.ANTHROPIC_API_KEY:
        raise Refused(
            GALLEY,
            "Claude is not set up",
            mend="choose the template, or ask the operator to set ANTHROPIC_API_KEY",
            then=Then.NOTHING,
            code="not_configured",
            thing=THING,
        )
    if claude.tokens_at_most(article.html) > claude.LONGEST_ARTICLE:
        raise Rejected(
            claude.PROVIDER,
            "the article is longer than it can lay out at once",
            mend="choose the template",
            then=Then.NOTHING,
            code="too_long",
            thing=THING,
        )


def _prompt(article: Article, images: list[ImageFile]) -> tuple[str, str]:
    """Pictures by address while it lives, then by file name; never by their bytes."""
    now = timezone.now()
    words = {
        "article": article,
        "primary": colours.readable(article.brand_primary),
        "accent": colours.readable(article.brand_accent),
        "design": designs.said_of(article.design),
        "components": article.components[:20],
        "pictures": [
            {"image": image, "address": image.source_url if image.url_is_fresh(now) else image.file_name}
            for image in images
        ],
    }
    return render_to_string("prompts/format_instructions.txt", words), render_to_string("prompts/format.txt", words)


def _read(call: Call, article: Article, images: list[ImageFile]) -> str:
    """The page in a raw answer, safe and whole. Raises Rejected, Garbled."""
    page = claude.content(call.raw)
    addresses = [(image.source_url, image.file_name) for image in images]
    addresses += [(entry.get("source_url", ""), entry["of"]) for entry in article.earlier_files]  # asked before that
    for address, name in addresses:
        if address:
            page = page.replace(address.replace("&", "&amp;"), name).replace(address, name)
    allowed = {image.file_name for image in images}
    page = magazine.dress(markup.clean_page(page, allowed, designs.ROLES), article, images)
    missing = word_counts.missing_words(article.html, page)
    if missing > article.word_count // LOST_SHARE:
        raise Garbled(
            claude.PROVIDER,
            f"its page lacks {missing:,} words of the article",
            then=Then.ASK_AGAIN,
            code="shortened",
            detail=str(call.raw),
        )
    if added := additions.added_lines(page, _sources(article, images)):
        raise Garbled(
            claude.PROVIDER,
            f"its page says what is not in the article: “{manuscripts.shortened(added[0], 80)}”",
            then=Then.ASK_AGAIN,
            code="added",
            detail="\n".join(added),
        )
    return page


def _sources(article: Article, images: list[ImageFile]) -> list[str]:
    """All that may stand on the page, as HTML."""
    said = (str(article), article.byline, *(image.alt_text for image in images))
    return [article.html, *map(escape, said)]
