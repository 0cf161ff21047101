"""Whatever is done to a batch's articles, and to their drafts: what is done is whole, in the tree and on the site."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from articles.batches import control
from articles.batches.start import start_batch
from articles.models import Article, Batch, Section, Stage
from articles.models.choices import Design
from articles.pipeline import transitions
from recovery.changes import look, opening, picture, versions
from recovery.changes.picture import Wish
from recovery.plan import Options, plan
from tests.doubles.server import Doubles
from tests.publishing.conftest import new_site
from tests.publishing.test_stage import by_hand
from tests.services.wordpress import WordPress

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.django_db(transaction=True)]


class Hand:
    """What people do, at the desk and on the site, to whichever article comes."""

    def __init__(self, batch: Batch, by: User, wordpress: WordPress, dice: random.Random) -> None:
        self.batch, self.by, self.wordpress, self.dice = batch, by, wordpress, dice

    def deeds(self) -> list[Callable[[], object]]:
        of_the_site = [self.delete_a_draft, self.trash_a_draft, self.delete_a_picture]
        by_people = [self.hand_in_more, self.hand_in_more, self.recover, self.cancel, self.pause]
        return [*by_people, self.change_a_picture, self.change_how_it_looks, self.take_a_page_back, *of_the_site]

    def hand_in_more(self) -> None:
        """One more section of every article, at times so small that no count of words would notice."""
        room = f"Room {self.batch.sections.count(chr(10)) + 2}"
        self.batch.sections += f"\n{room}"
        self.batch.save(update_fields=["sections"])
        start_batch(self.batch, self.by)
        self.batch.refresh_from_db()

    def recover(self) -> None:
        """From a stage that somebody chooses."""
        article = self._one(Article.objects.filter(status__in=Article.RECOVERABLE))
        if article:
            stage = self.dice.choice([Stage.FORMAT, Stage.IMAGES, Stage.UPLOAD])
            transitions.resume(article, self.by, plan(article, Options(stage)).work)

    def change_a_picture(self) -> None:
        """Made again, or only its words."""
        article = self._one(Article.objects.all())
        image = article.images.first() if article else None
        if article and image and article.takes_another_picture:
            words_alone = self.dice.random() < 0.5
            wish = Wish(f"Seen {self.dice.random()}", prompt="" if words_alone else "A room", only_words=words_alone)
            picture.change(article, image, wish, self.by, seen=picture.version(article, image))

    def change_how_it_looks(self) -> None:
        """Laid out anew, or only its title."""
        article = self._one(Article.objects.all())
        if article and article.takes_another_look:
            new = {"title": f"A title {self.dice.random()}"}
            if self.dice.random() < 0.7:
                new |= {"design": self.dice.choice(Design.values), "byline": f"By {self.dice.random()}"}
            look.change(article, opening.look_of(article) | new, self.by, seen=opening.version(article))

    def take_a_page_back(self) -> None:
        article = self._one(Article.objects.exclude(earlier_files=[]))
        if article and article.takes_another_picture:
            for there in [each for each in versions.versions(article) if each.fits][:1]:
                versions.take_back(article, there.file, self.by, seen=opening.version(article))

    def cancel(self) -> None:
        article = self._one(Article.objects.exclude(status=Article.Status.DONE))
        if article:
            transitions.cancel(article, self.by)

    def pause(self) -> None:
        if Batch.objects.get().state == Batch.State.RUNNING:
            control.pause(self.batch, self.by)
            control.resume(self.batch, self.by)

    def delete_a_draft(self) -> None:
        for post in self.wordpress.posts()[:1]:
            by_hand(self.wordpress, "DELETE", f"posts/{post.id}?force=true")

    def trash_a_draft(self) -> None:
        for post in self.wordpress.posts()[:1]:
            if post.status != "trash":
                by_hand(self.wordpress, "DELETE", f"posts/{post.id}")

    def delete_a_picture(self) -> None:
        for media in self.wordpress.media()[:1]:
            by_hand(self.wordpress, "DELETE", f"media/{media.id}?force=true")

    def _one(self, articles: object) -> Article | None:
        found = list(articles)  # type: ignore[call-overload]  # a queryset
        return self.dice.choice(found) if found else None


@pytest.mark.parametrize("formatter", ["claude", "template"])
@pytest.mark.parametrize("seed", range(2))
def test_what_is_done_is_whole(
    wordpress: WordPress,
    services: Doubles,
    editor: User,
    work_off: Callable[[], int],
    formatter: str,
    seed: int,
) -> None:
    services.configure(image_width=480, image_bytes=4000)
    site = new_site(wordpress.url, wordpress.user, wordpress.app_password)
    batch = Batch.objects.create(
        owner=editor,
        name="Rooms",
        key="rooms",
        brief="A {section}, in {style}",
        styles="Art Deco\nRococo",
        sections="Room 1",
        images_per_style=1,
        images_per_section=0,
        formatter=formatter,
        site=site,
    )
    hand = Hand(batch, editor, wordpress, random.Random(f"{formatter}{seed}"))
    start_batch(batch, editor)
    work_off()

    for _ in range(4):
        hand.dice.choice(hand.deeds())()
        if hand.dice.random() < 0.7:
            work_off()
    hand.hand_in_more()  # lets everything that stopped go on, and lays every page out once more
    work_off()

    assert [article.status for article in batch.articles.all()] == ["done", "done"], list(
        batch.articles.values_list("error", flat=True)
    )
    for article in batch.articles.all():
        assert_whole(wordpress, article)


def assert_whole(wordpress: WordPress, article: Article) -> None:
    [post] = [post for post in wordpress.posts() if article.uid in post.content]
    page, final = (article.record(stage).stored for stage in (Stage.FORMAT, Stage.UPLOAD))
    assert page
    assert final
    assert article.tree.verify() == []
    assert post.content == article.tree.read(final).decode()
    sections = article.sections.all()
    assert {section.state for section in sections} == {Section.State.DONE}
    for text in (article.html, article.tree.read(page).decode(), post.content):
        assert [section.heading for section in sections if section.heading not in text] == []
    media = {item.id for item in wordpress.media()}
    for image in article.images.all():
        assert image.wordpress_media_id in media
        shown = f"wp-image-{image.wordpress_media_id}" in post.content
        assert shown != (post.featured == image.wordpress_media_id), "each picture once"
