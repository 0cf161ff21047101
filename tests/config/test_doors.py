"""Who may not work here any more is let in by no door: at once, whatever session, token or address they have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from articles.api.batches import Watching
from articles.models import Article, Batch
from config.api import BySession
from config.models import Token
from config.roles import EDITORS
from recovery.mail import links
from recovery.models import Mail, Stop
from tests.publishing.conftest import Ready
from tests.publishing.conftest import ready as ready
from tests.publishing.nearly_done import PAGE
from worklist import intake
from worklist.intake import Arrival
from worklist.models import Source

pytestmark = pytest.mark.django_db


def _deactivated(user: User) -> None:
    user.is_active = False
    user.save()


def _not_staff(user: User) -> None:
    user.is_staff = False
    user.save()


def _without_groups(user: User) -> None:
    user.groups.clear()


LOSSES = [_deactivated, _not_staff, _without_groups]


class Scene:
    """An article that ran, and a person at the desk with a session, a token, a mail and an open page."""

    def __init__(self, user: User, article: Article) -> None:
        self.user, self.article = user, article
        self.client = Client()
        self.client.force_login(user)
        token = Token(user=user, name="nightly")
        self.secret = token.make_secret()
        token.save()
        now = article.created_at
        mail = Mail.objects.create(
            recipient=user, kind=Mail.Kind.AT_ONCE, cause="x", subject="Stopped", created_at=now, next_at=now
        )
        Stop.objects.create(article=article, attempt=1, recipient=user, cause="x", stopped_at=now, mail=mail)
        self.mail = links.address(mail).partition("/recover/")[2]
        self.document, _ = intake.arrive(Source.FOLDER, "ports.md", Arrival("# Ports\n\nThey are old."))
        self.batch = Batch.objects.create(owner=article.owner, name="Five")
        page = self.client.get(reverse("preview", args=[article.uid])).content.decode()
        self.picture = page.split('src="', 1)[1].split('"', 1)[0].removeprefix("http://testserver")

    def _status(self, address: str) -> int:
        return self.client.get(address).status_code

    def doors(self) -> dict[str, Callable[[], object]]:
        """By what they are, what each answers: 200, or True, is open."""
        uid, pk = self.article.uid, self.article.pk
        watching = Watching(BySession(self.client.session.session_key), self.batch.pk)
        return {
            "list": lambda: self._status(reverse("admin:articles_article_changelist")),
            "page at the desk": lambda: self._status(reverse("admin:articles_article_change", args=[pk])),
            "API": lambda: self._status(f"/api/v1/articles/{pk}/progress"),
            "API, by token": lambda: (
                Client(headers={"Authorization": f"Bearer {self.secret}"})
                .get(f"/api/v1/articles/{pk}/progress")
                .status_code
            ),
            "batch in the API": lambda: self._status(f"/api/v1/batches/{self.batch.pk}/progress"),
            "open stream": watching,
            "worklist": lambda: self._status(reverse("admin:worklist_document_changelist")),
            "document": lambda: self._status(self.document.get_absolute_url()),
            "its text": lambda: self._status(reverse("admin:worklist_document_text", args=[self.document.pk])),
            "worklist in the API": lambda: self._status("/api/v1/worklist"),
            "preview": lambda: self._status(reverse("preview", args=[uid])),
            "artefact": lambda: self._status(reverse("artefact", args=[uid, "04_formatted.html"])),
            "signed picture": lambda: Client().get(self.picture).status_code,
        }

    def mail_leads_on(self) -> bool:
        answer = self.client.get(f"/recover/{self.mail}")
        return answer.status_code == 302 and "/admin/articles/" in answer.headers["Location"]


@pytest.fixture(params=["owner", "chief"])
def scene(request: pytest.FixtureRequest, ready: Ready, editor: User, chief: User) -> Scene:
    return Scene(editor if request.param == "owner" else chief, ready(page=PAGE))


@pytest.mark.parametrize("lost", LOSSES)
def test_every_door_closes(scene: Scene, lost: Callable[[User], None]) -> None:
    opened = {name: door() for name, door in scene.doors().items()}
    assert {name: answer for name, answer in opened.items() if answer not in (200, True)} == {}
    assert scene.mail_leads_on()

    lost(scene.user)

    assert {name: answer for name, door in scene.doors().items() if (answer := door()) in (200, True)} == {}
    assert not scene.mail_leads_on()


def test_a_chief_who_is_an_editor_now_sees_only_what_is_theirs(ready: Ready, chief: User) -> None:
    scene = Scene(chief, ready(page=PAGE))
    chief.groups.set(Group.objects.filter(name=EDITORS))
    assert Client().get(scene.picture).status_code == 404
    assert scene.doors()["artefact"]() == 404
