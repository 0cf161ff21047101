"""What leaves for a site: safe whatever the tree holds, and nothing in it that WordPress would run."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import requests

from articles.models import Article, Stage
from publishing.models import Site
from tests.publishing.conftest import Drive, Ready
from tests.publishing.nearly_done import PAGE
from tests.publishing.test_again import lay_out
from tests.publishing.test_stage import by_hand
from tests.services.wordpress import WordPress

SHORTCODES = [
    '[gallery ids="1,2"]',
    '[video src="http://127.0.0.1:1/tracker.mp4"][/video]',
    '[audio src="http://127.0.0.1:1/tracker.mp3"]',
    "[embed]http://127.0.0.1:1/clip[/embed]",
    "[caption width=100]words[/caption]",
    "[[playlist]]",
]
TRACKER = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
RUN = (
    '<article style="color: #1c1c1e">'
    + "".join(f"<p>Write {code} so.</p>" for code in SHORTCODES)
    + f"<p>{TRACKER}</p><pre>An address:\n{TRACKER}\n</pre>"
    + f'<p><a href="{TRACKER}" title="[gallery]">{TRACKER}</a></p><p><img src="03_hero.jpg" alt="Ships"></p>'
    + '<p><img src="03_section_1.jpg" alt="[gallery]"></p></article>'
)


def shown(wordpress: WordPress) -> str:
    """The text of the one draft as readers of the site get it."""
    [post] = wordpress.posts()
    address = f"{wordpress.url}/wp-json/wp/v2/posts/{post.id}?context=edit"
    answer: Any = requests.get(address, auth=(wordpress.user, wordpress.app_password), timeout=30).json()
    return str(answer["content"]["rendered"])


@pytest.mark.parametrize("user", ["desk", "author"])
@pytest.mark.django_db
def test_wordpress_runs_nothing_of_a_text(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, user: str
) -> None:
    site.user, site.secret = user, wordpress.author.app_password if user == "author" else wordpress.app_password
    site.save()

    article = run(ready(site, page=RUN))

    assert article.status == Article.Status.DONE, article.error
    rendered = shown(wordpress)
    words = html.unescape(re.sub(r"<[^>]*>", "", rendered))
    for code in SHORTCODES:
        assert code in words.replace("”", '"').replace("″", '"').replace("“", '"')
    assert not re.search(
        r"<(?:video|audio|iframe|source|blockquote|script)|<figure(?! class=.wp-block-image)"
        r"|class=.?(?:gallery|wp-caption)",
        rendered,
    )
    assert rendered.count("<img") == 1, "the theme shows the hero"
    assert "srcset" in rendered, "WordPress knows its own pictures all the same"


@pytest.mark.parametrize("user", ["desk", "author"])
@pytest.mark.django_db
def test_what_is_written_so_is_no_change_of_peoples(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, go_on: Drive, user: str
) -> None:
    site.user, site.secret = user, wordpress.author.app_password if user == "author" else wordpress.app_password
    site.save()
    article = run(ready(site, page=RUN))
    lay_out(article, RUN.replace("so.", "otherwise."))

    assert go_on(article).status == Article.Status.DONE, article.error

    [post] = wordpress.posts()
    assert "otherwise." in post.content
    by_hand(wordpress, "POST", f"posts/{post.id}", content=post.content.replace("otherwise", "mine"))
    lay_out(article, RUN.replace("so.", "once more."))
    article = go_on(article)
    assert article.error
    assert article.error["code"] == "edited"


@pytest.mark.django_db
def test_a_page_that_somebody_else_wrote_into_the_tree_is_filtered(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive
) -> None:
    attack = '<script>alert(1)</script><iframe src="http://127.0.0.1:1/"></iframe><img src="http://127.0.0.1:1/x.png">'
    article = run(ready(site, page=f'{PAGE}{attack}<p onclick="alert(2)">End</p>'))

    [post] = wordpress.posts()
    assert "<p>End</p>" in post.content
    assert not re.search(r"script|iframe|onclick|x\.png", post.content)
    assert article.tree.read(article.record(Stage.UPLOAD).stored or pytest.fail("nothing")).decode() == post.content


@pytest.mark.django_db
def test_without_a_site_it_is_filtered_as_well(ready: Ready, run: Drive) -> None:
    article = run(ready(None, page=f"{PAGE}<script>alert(1)</script>[gallery]"))

    final = article.tree.read(article.record(Stage.UPLOAD).stored or pytest.fail("nothing")).decode()
    assert "<script" not in final
    assert "[gallery]" in final, "nobody runs it at the desk"
