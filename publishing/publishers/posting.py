"""One article onto one site, whichever the way: look up, adopt, complete, bring up to date, see what was kept.

The calls `post` and `media:*` belong to the article and the site, never to a way: what one has made, or may have made,
the next one finds, and nothing is made twice.
"""

from __future__ import annotations

from articles import call_keys
from articles.models import Call, ImageFile
from articles.pipeline.run import Outcome, Run
from articles.tree import names
from publishing import blocks, publish_tasks
from publishing.blocks import Hero, Look, Picture, Typography
from publishing.models import PublishTask, Site
from publishing.publishers.page import about, formatted_page
from publishing.publishers.pictures import Pictures
from publishing.publishers.post import Post
from publishing.publishers.visit import Open, Visit, called
from publishing.wordpress import marks

Status = PublishTask.Status


def publish(run: Run, task: PublishTask, site: Site, way: str, open_channel: Open) -> Outcome:
    """The article as a post on the site, with its pictures. What is there already is adopted. Raises ProviderError."""
    visit = Visit(run, task, site, open_channel)
    asked = task.asked
    steps = len(visit.images) + 3 + asked.asks_for_seo + asked.is_for_readers
    visit.step(Status.LOGGING_IN)
    publish_tasks.did(run, task, 0, way=way, total_steps=steps)
    with visit.begun():
        with about(visit.first_thing):
            visit.channel.check()
        publish_tasks.did(run, task, 1)
        return _published(visit)


def _published(visit: Visit) -> Outcome:
    pictures = _uploaded(visit)
    post = Post(visit, _content(visit, formatted_page(visit.run)))
    visit.step(Status.CREATING_POST)
    call = post.write()
    number = len(visit.images) + 2
    publish_tasks.did(visit.run, visit.task, number)
    if visit.options.asks_for_seo:
        visit.step(Status.CONFIGURING_SEO)
        post.tell_search_engines(call)
        number += 1
        publish_tasks.did(visit.run, visit.task, number)
    if visit.options.is_for_readers or visit.options.slug:
        visit.step(Status.PUBLISHING)
        post.publish(call)
        publish_tasks.did(visit.run, visit.task, number + visit.options.is_for_readers)
    return _ended(visit, post, call, pictures)


def _uploaded(visit: Visit) -> Pictures:
    pictures = Pictures(visit)
    for number, image in enumerate(visit.images, 2):
        visit.step(Status.UPLOADING_IMAGES, called(image))
        pictures.upload(image)
        publish_tasks.did(visit.run, visit.task, number)
    return pictures


def _ended(visit: Visit, post: Post, call: Call, pictures: Pictures) -> Outcome:
    """What was made is safe before its call is done, and what the site has kept of it is seen last."""
    stored = visit.run.save_file(names.FINAL, post.draft.content.encode())
    visit.run.calls.done(call)
    visit.run.calls.settle(call_keys.agent_task(visit.task.pk))  # what an agent has saved may have been found since
    there = call.raw
    if there.get("status") == "trash":
        visit.run.lease.note("trashed", f'The draft lies in the trash of site "{visit.site}"')
    publish_tasks.step(
        visit.run,
        visit.task,
        visit.task.status,
        kept=[*post.kept(call), *pictures.kept()],
        post_id=there["id"],
        link=there.get("link", ""),
    )
    told = {name: there.get(name, "") for name in ("slug", "status")}
    details = {"post_id": there["id"], "site": visit.site.name, **told}
    link = f"{visit.site.url.rstrip('/')}/wp-admin/post.php?post={there['id']}&action=edit"
    return Outcome(stored, maker=f"WordPress {visit.site.name}", details=details, article={"link": link})


def _content(visit: Visit, page: str) -> str:
    """What WordPress gets: native blocks, with the pictures of its own library, in the look that the site asks for."""
    site, article = visit.site, visit.article
    brand = (article.brand_primary, article.brand_accent)
    look = Look(Typography(site.typography), Hero(site.hero), *brand, article.design)
    converted = blocks.convert(page, {image.file_name: _picture(image) for image in visit.images}, look)
    return converted.named(marks.classes(article.uid, converted.content))


def _picture(image: ImageFile) -> Picture:
    number = image.wordpress_media_id or 0
    return Picture(number, image.wordpress_url, image.alt_text, is_hero=image.is_hero)
