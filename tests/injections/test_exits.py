"""Ten thousand injections leave the desk by every exit: a browser runs nothing of them, and no word is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article, Section
from recovery.mail import letters
from recovery.models import Mail, Stop
from tests.desk import LIST, REFUSED, as_, page_of
from tests.injections.browser import CHROMIUM, Judge, lost
from tests.injections.exits import EXITS, of_a_model, read, readings
from tests.injections.mutations import Payload, payload

pytestmark = pytest.mark.dealt_whole(3)

NUMBER, PARTS = 10_000, 20
LONGEST = 300  # characters of a title
MAILED = 100  # articles a mail
LISTED = 100  # articles on two pages of the list


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    if not CHROMIUM.exists():
        pytest.skip(f"There is no browser at {CHROMIUM}")
    made = Judge()
    yield made
    made.close()


@cache
def payloads(part: int) -> list[Payload]:
    return [payload(number) for number in range(part, NUMBER, PARTS)]


def wanted(judge: Judge, dealt: Sequence[Payload]) -> list[tuple[int, str]]:
    """The words that a browser would show of each payload as it came, however it was meant."""
    meant = [(one, html) for one in dealt for html in readings(one)]
    shown = judge.words([html for _, html in meant])
    unseen = {
        (one.number, word)
        for (one, _), text in zip(meant, shown, strict=True)
        for word in one.words
        if word not in text
    }
    return [found for one in dealt for word in one.words if (found := (one.number, word)) not in unseen]


@pytest.mark.dealt(PARTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_text_runs_nothing_and_keeps_its_words(judge: Judge, part: int) -> None:
    dealt = payloads(part)
    words = wanted(judge, dealt)
    assert len(words) > 2 * len(dealt), "most are to be seen"
    manuscripts = {one.number: made for one in dealt if (made := read(one))}
    assert len(manuscripts) > len(dealt) * 9 // 10, "most are texts"

    for name, leave in EXITS.items():
        seen = judge.of_fragments({number: leave(made) for number, made in manuscripts.items()})
        assert not seen.happened, name
        assert lost([found for found in words if found[0] in manuscripts], seen.shown) == [], name


@pytest.mark.dealt(PARTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_models_page_runs_nothing_and_keeps_its_words(judge: Judge, part: int) -> None:
    dealt = payloads(part)

    seen = judge.of_fragments({one.number: of_a_model(one) for one in dealt})

    assert not seen.happened
    assert lost(wanted(judge, dealt), seen.shown) == []


def stopped(owner: User, dealt: Sequence[Payload]) -> list[Article]:
    """Articles that are called by payloads, and were refused with them."""
    now = timezone.now()
    rows = [
        Article(
            owner=owner,
            title=one.text[:LONGEST].replace("\0", " "),
            manuscript="x",
            tree_prefix=f"user_{owner.pk}/article_{one.number}",
            status=Article.Status.FAILED,
            cause=f"cause {at % 20}",
            error={**REFUSED, "reason": one.text, "mend": one.text, "thing": one.text, "detail": one.text},
            ended_at=now,
        )
        for at, one in enumerate(dealt)
    ]
    return Article.objects.bulk_create(rows)


@pytest.mark.dealt(PARTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_desk_shows_them_as_words(judge: Judge, editor: User, part: int) -> None:
    dealt, client = payloads(part), as_(editor)
    stopped(editor, titles := dealt[:LISTED])
    first = Article.objects.order_by("pk")[0]
    sections = [
        Section(
            article=first, index=at, heading=f"{at}", key=f"{at}", state="failed", error={**REFUSED, "reason": one.text}
        )
        for at, one in enumerate(dealt, 1)
    ]
    Section.objects.bulk_create(sections)
    pages = [client.get(page_of(first)), client.get("/admin/"), *(client.get(f"{LIST}?p={n}") for n in (1, 2))]

    seen = [judge.of_page(page.content.decode()) for page in pages]

    assert [one.happened for one in seen] == [[]] * len(pages)
    text = seen[0].text
    assert [word for one in dealt for word in one.words if word in one.text and word not in text] == []
    text = "".join(one.text for one in seen[2:])
    assert [word for one in titles for word in one.words if word in one.text[:LONGEST] and word not in text] == []


@pytest.mark.dealt(PARTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_mails_tell_them_as_words(judge: Judge, editor: User, part: int) -> None:
    now = timezone.now()
    for at in range(0, len(payloads(part)), MAILED):
        dealt = payloads(part)[at : at + MAILED]
        Article.objects.all().delete()
        articles = stopped(editor, dealt)
        mail = Mail.objects.create(recipient=editor, kind=Mail.Kind.DAILY, day=None, created_at=now, next_at=now)
        Stop.objects.bulk_create(
            Stop(article=one, attempt=0, recipient=editor, cause=one.cause, stopped_at=now, mail=mail)
            for one in articles
        )

        letter = letters.write(mail)
        mail.delete()

        assert letter
        assert "\n" not in letter.subject
        seen = judge.of_page(letter.html)
        assert not seen.happened
        words = [word for one in dealt for word in one.words if word in one.text[:LONGEST]]
        assert [word for word in words if word not in seen.text or word not in letter.text] == []


@pytest.mark.parametrize(
    ("html", "happens"),
    [
        ("<img src=x onerror=__ran(7)>", "ran: 7"),
        ("<script>__ran(7)</script>", "ran: 7"),
        ("<style>@import '//evil.test/7'</style>", "request: http://evil.test/7"),
        ("<p style='background:url(//evil.test/7)'>x</p>", "request: http://evil.test/7"),
        ("<b onclick=x>x</b>", "handlers: onclick"),
        ("<a href='java\nscript:x'>x</a>", "schemes: javascript:"),
        ("<script>alert(7)</script>", "dialog: 7"),
        ("<script>x</script>", "error: x is not defined"),
        ("</div><p>x", "loose: <p>x\n</p>"),
        ("<div>x", 'loose: <div data-payload="8"><p>y</p></div>'),
    ],
)
def test_the_judge_sees_what_happens(judge: Judge, html: str, happens: str) -> None:
    assert happens in judge.of_fragments({7: html, 8: "<p>y</p>"}).happened
