"""An article brings the pictures of its manuscript: where they stood, for nothing, once, and through every loss."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from articles.handing_in.submit_form import SubmitForm
from articles.models import Article, ImageFile
from articles.pipeline import reopening, transitions
from articles.providers.errors import Then
from articles.tree.kept_pictures import Keeper
from backups.trees.tree import Tree
from publishing.models import Site
from recovery.plan import plan
from recovery.rebuild.article import rebuild
from tests import desk
from tests.articles.content.reading.pictured import photograph, shown, with_pictures
from tests.articles.content.reading.word_files import paragraph
from tests.conftest import HandIn, error_of
from tests.doubles.server import Doubles
from tests.publishing.conftest import magazine as magazine_site
from tests.publishing.conftest import memory as memory
from tests.publishing.dying import dies_after
from tests.publishing.memory_site import MemorySite

pytestmark = pytest.mark.django_db
site = magazine_site

Work = Callable[[Article], Article]
DAWN, QUAY, CRANE = photograph("orange"), photograph("teal"), photograph("black", (300, 400))


def kept(content: bytes) -> str:
    return Keeper().keep(content)


def text(*pictures: str, opening: str = "") -> str:
    first = f"![Dawn]({opening})\n\n" if opening else ""
    within = "\n\n".join(f"![Within {n}]({picture})" for n, picture in enumerate(pictures))
    return (
        f"# Night trains\n\n{first}They run late, and nobody minds.\n\n## Sleepers\n\nThe carriages are old.\n\n"
        f"{within}\n\nThey are warm.\n\n## Rails\n\nThe rails are the same.\n\nMore of them were laid.\n"
    )


def roles(article: Article) -> list[str]:
    return [re.sub("own_.*", "own", image.role) for image in article.images.all()]


def page_of(article: Article) -> str:
    return article.tree.read(article.tree.files()["04_formatted.html"]).decode()


def in_order(page: str, *words: str) -> bool:
    places = [page.find(word) for word in words]
    return -1 not in places and places == sorted(places)


def test_they_stand_where_they_stood_and_fewer_are_made(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in(manuscript=text(kept(QUAY)), manuscript_name="a.md"))
    assert article.status == Article.Status.DONE, article.error
    assert roles(article) == ["hero", "section_1", "own"]
    own = article.images.get(own__gt="")
    assert (own.alt_text, own.after, own.is_stored) == ("Within 0", "The carriages are old.", True)
    assert article.tree.verify() == []
    assert {own.file_name, own.base64_name} <= set(article.tree.files())
    assert in_order(page_of(article), "hero.jpg", "are old.", own.file_name, "They are warm", "Rails")
    assert "img" not in article.html


def test_the_desk_tells_them_from_those_that_were_made(hand_in: HandIn, run: Work, editor: User) -> None:
    article = run(hand_in(manuscript=text(kept(QUAY)), manuscript_name="a.md"))
    said = desk.text(desk.as_(editor).get(article.get_absolute_url()))
    assert "2 prompts" in said
    assert "3 prompts" not in said
    assert "1 of the writer's own" in said


def test_where_one_opens_the_article_no_other_does(hand_in: HandIn, run: Work) -> None:
    article = run(hand_in(manuscript=text(kept(QUAY), kept(CRANE), opening=kept(DAWN)), manuscript_name="a.md"))
    assert roles(article) == ["own", "own", "own"]
    hero = article.images.get(opens=True)
    assert (hero.alt_text, hero.is_hero) == ("Dawn", True)
    steps = article.tree.manifest()["pipeline_stages"]
    assert steps["step3_image_generation"]["hero"]["local_file"] == hero.file_name
    assert len(steps["step3_image_generation"]["own"]) == 2
    page = page_of(article)
    assert in_order(page, hero.file_name, "They run late")
    assert page.count("<img") == 3
    assert "max-width" not in page[page.index("<figure") : page.index("</figure")], "it goes beyond the column"


def test_captions_stay_with_their_pictures(hand_in: HandIn, run: Work) -> None:
    html = (
        "<h1>Night trains</h1><p>They run late, and nobody minds.</p>"
        f'<figure><img src="{kept(QUAY)}"><figcaption>A sleeper, 1974</figcaption></figure><p>They are warm.</p>'
    )
    article = run(hand_in(manuscript=html, manuscript_name="a.html"))
    page = page_of(article)
    assert page.count("A sleeper, 1974") == 2, "the caption, and what is said to those who cannot see it"
    figure = re.search(r"<figure[^>]*><img[^>]*own_[^>]*><figcaption[^>]*>A sleeper, 1974</figcaption></figure>", page)
    assert figure


def test_they_cost_nothing(hand_in: HandIn, run: Work, services: Doubles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.01,))
    article = hand_in(manuscript=text(kept(QUAY), kept(CRANE), opening=kept(DAWN)), manuscript_name="a.md")
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    assert [call.key for call in article.calls.all()] == ["format"]
    assert services.requests("replicate", "create") == []
    asked = str(services.requests("anthropic", "messages")[0])
    assert "or right behind them: “The carriages are old.”" in asked
    ImageFile.objects.update(sha256="")
    assert not [key for key in plan(article).calls if key.startswith("image")]


def test_a_lost_one_asks_for_the_manuscript(hand_in: HandIn, run: Work, storage_folder: Path, editor: User) -> None:
    name = kept(QUAY)
    article = hand_in(manuscript=text(name), manuscript_name="a.md")
    lost = storage_folder / "pictures" / name.removeprefix("picture:") / "picture.jpg"
    lost.unlink()
    article = run(article)
    assert article.status == Article.Status.FAILED
    assert (error_of(article)["code"], error_of(article)["then"]) == ("own_picture", Then.ANOTHER_MANUSCRIPT)
    kept(QUAY)  # as whoever hands it in again does
    assert transitions.resume(article, editor)
    assert run(article).status == Article.Status.DONE


@pytest.mark.dealt(3)
@pytest.mark.parametrize("moment", range(3, 12))
def test_killed_after_any_write_it_goes_on(hand_in: HandIn, run: Work, moment: int) -> None:
    article = hand_in(manuscript=text(kept(QUAY), opening=kept(DAWN)), manuscript_name="a.md")
    with dies_after(moment, [(Tree, "add"), (Tree, "commit"), (ImageFile, "save")]):
        run(article)
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    assert article.tree.verify() == []
    assert article.images.exclude(own="").count() == 2
    assert page_of(article).count('src="03_own_') == 2


def test_a_later_text_brings_its_own(memory: MemorySite, site: Site, hand_in: HandIn, run: Work, editor: User) -> None:
    article = run(hand_in(manuscript=text(kept(QUAY), kept(DAWN)), manuscript_name="a.md", site=site))
    assert article.status == Article.Status.DONE, article.error
    before = {image.role: image for image in article.images.all()}
    assert len(memory.media) == len(before)
    later = text(kept(CRANE), kept(QUAY)).replace("are old", "are very old")
    assert reopening.with_another_manuscript(article, later, "a.md", "", editor)
    article = run(article)

    assert article.status == Article.Status.DONE, article.error
    after = {image.role: image for image in article.images.all()}
    names = {image.own: image.wordpress_media_id for image in after.values() if image.own}
    assert names.keys() == {kept(CRANE).removeprefix("picture:"), kept(QUAY).removeprefix("picture:")}
    stayed = next(image for image in before.values() if image.own in names)
    assert names[stayed.own] == stayed.wordpress_media_id, "it is not uploaded again"
    assert len(memory.media) == len(before) + 1
    assert {image.after for image in after.values() if image.own} == {"The carriages are very old."}
    made = {role: image.sha256 for role, image in before.items() if not image.own}
    assert {role: image.sha256 for role, image in after.items() if not image.own} == made, "none is made anew"


def test_they_come_back_from_the_tree_alone(hand_in: HandIn, run: Work, storage_folder: Path) -> None:
    before = run(hand_in(manuscript=text(kept(QUAY), opening=kept(DAWN)), manuscript_name="a.md"))
    fields = ["role", "own", "after", "opens", "alt_text", "sha256", "width", "height", "aspect"]
    images = list(before.images.values(*fields))
    Article.objects.all().delete()
    rebuilt = rebuild(before.tree_prefix)
    assert rebuilt.lacking == ()
    assert list(rebuilt.article.images.values(*fields)) == images


def test_the_form_takes_a_word_document_with_its_pictures(editor: User, run: Work) -> None:
    body = paragraph("Night trains", "Titel") + paragraph("They run late.") + f"<w:p>{shown(0, 'A sleeper')}</w:p>"
    file = SimpleUploadedFile("trains.docx", with_pictures(body + paragraph("They are warm."), QUAY))
    form = SubmitForm({"formatter": "template"}, {"file": file}, user=editor)
    assert form.is_valid(), form.errors
    article = run(form.submit())
    own = article.images.get(own__gt="")
    assert (own.alt_text, own.after) == ("A sleeper", "They run late.")
    assert in_order(page_of(article), "They run late", own.file_name, "They are warm")


def test_the_form_says_when_they_cannot_be_kept(editor: User, storage_folder: Path) -> None:
    storage_folder.write_text("no folder")
    file = SimpleUploadedFile("trains.docx", with_pictures(paragraph("One.") + f"<w:p>{shown(0)}</w:p>", QUAY))
    form = SubmitForm({"formatter": "template"}, {"file": file}, user=editor)
    assert "does not take its pictures just now" in str(form.errors["file"])
