"""Sites from the shell. Passwords come on standard input and go nowhere else."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from publishing.models import Site
from tests.publishing.conftest import Impostor, new_site
from tests.services.wordpress import WordPress

pytestmark = pytest.mark.django_db
SECRET = "abcd EFGH ijKL"
Shell = Callable[..., str]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    """Runs `manage.py site …` and returns what it printed; whatever happens, no secret is in it."""

    def run(*words: str, typed: str = f"{SECRET}\n") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        printed = ""
        try:
            call_command("site", *words)
        except CommandError as exc:
            printed = str(exc)
            raise
        finally:
            printed += "".join(capfd.readouterr())
            assert SECRET not in printed
            assert "EFGH" not in printed
        return printed

    return run


def add(shell: Shell, name: str = "Magazine", url: str = "https://magazine.example.org", **typed: str) -> str:
    return shell("add", name, "--url", url, "--user", "desk", **typed)


def test_a_site_is_added_with_its_password(shell: Shell) -> None:
    assert add(shell) == 'Added site "Magazine". Try it: manage.py site test "Magazine"\n'
    site = Site.objects.get()
    assert (site.name, site.url, site.user, site.kind) == (
        "Magazine",
        "https://magazine.example.org",
        "desk",
        "app-password",
    )
    assert site.secret == SECRET
    assert SECRET not in site.encrypted_secret


def test_kind_and_categories_are_taken_over(shell: Shell) -> None:
    shell(
        *("add", "M", "--url", "https://m.example.org", "--user", "desk"),
        *("--kind", "jwt", "--categories", "News, , R&D"),
    )
    site = Site.objects.get()
    assert (site.kind, site.category_names) == ("jwt", ["News", "R&D"])


@pytest.mark.parametrize(
    "url",
    [
        "magazine",
        "ftp://magazine.example.org",
        "javascript:alert(1)",
        "https://desk:secret@magazine.example.org",
        "https://magazine.example.org/?p=1",
        "https://magazine.example.org/#top",
        "https://magazine.example.org\nHost: evil",
    ],
)
def test_an_address_that_is_none_is_refused(shell: Shell, url: str) -> None:
    with pytest.raises(CommandError, match=r"^url: [^.]+\.$"):
        add(shell, url=url)
    assert not Site.objects.exists()


@pytest.mark.parametrize("name", ["", "-x", 'a"b', "a\nb", "x" * 51])
def test_a_name_that_would_break_a_sentence_is_refused(shell: Shell, name: str) -> None:
    with pytest.raises(CommandError):
        shell("add", "--url", "https://magazine.example.org", "--user", "desk", "--", name)
    assert not Site.objects.exists()


def test_a_name_is_given_once(shell: Shell) -> None:
    add(shell)
    with pytest.raises(CommandError, match="name: Site with this Name already exists"):
        add(shell)
    assert Site.objects.count() == 1


def test_without_a_password_nothing_is_added(shell: Shell) -> None:
    with pytest.raises(CommandError, match="Give the password on standard input"):
        add(shell, typed="\n")
    assert not Site.objects.exists()


def test_the_list_shows_everything_but_passwords(shell: Shell) -> None:
    assert shell("list") == "There are no sites yet. Add one: manage.py site add NAME --url URL --user USER\n"
    assert shell("list", "--json") == ""
    add(shell)
    assert shell("list") == "Magazine  https://magazine.example.org  desk  app-password\n"
    facts = json.loads(shell("list", "--json"))
    assert facts == {
        "name": "Magazine",
        "url": "https://magazine.example.org",
        "user": "desk",
        "kind": "app-password",
    }


def test_a_new_password_replaces_the_old_one(shell: Shell) -> None:
    add(shell, typed="old\n")
    assert shell("password", "Magazine") == 'Site "Magazine" has a new password.\n'
    assert Site.objects.get().secret == SECRET


@pytest.mark.parametrize("verb", ["test", "password"])
def test_a_site_that_is_not_there(shell: Shell, verb: str) -> None:
    with pytest.raises(CommandError, match='There is no site "Magazine"'):
        shell(verb, "Magazine")


def test_a_login_that_works(shell: Shell, wordpress: WordPress) -> None:
    add(shell, url=wordpress.url, typed=wordpress.app_password)
    *findings, said = shell("test", "Magazine").splitlines()
    assert said == f'User "desk" can write drafts and upload pictures at {wordpress.url}.'
    assert findings[0] == "✓ REST API:        User “desk” signs in, and may write drafts and upload pictures."
    assert {line[0] for line in findings} == {"✓", "!", " "}
    facts = [json.loads(line) for line in shell("test", "Magazine", "--json").splitlines()]
    assert {fact["about"]: fact["code"] for fact in facts}["upload"] == "takes"


def test_a_login_that_does_not(shell: Shell, wordpress: WordPress) -> None:
    add(shell, url=wordpress.url)
    with pytest.raises(CommandError) as caught:
        shell("test", "Magazine")
    assert str(caught.value) == (
        'Site "Magazine" does not work: the site did not accept the application password of user "desk". '
        'Next: check the password of site "Magazine".'
    )


def test_a_site_that_does_not_answer_or_repeats_the_password(shell: Shell, impostor: Impostor) -> None:
    add(shell, url="http://127.0.0.1:9")
    with pytest.raises(
        CommandError,
        match=r'nothing answers at its address\. Next: see whether site "Magazine" opens in your browser\.$',
    ):
        shell("test", "Magazine")
    Site.objects.update(url=impostor.url)
    impostor.says("GET /wp-json/wp/v2/users/me", {"code": "x", "message": f"You sent {SECRET}"}, 400)
    with pytest.raises(CommandError, match="You sent …"):
        shell("test", "Magazine")


def test_passwords_move_to_the_newest_key(shell: Shell, settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.GALLEY_ENCRYPTION_KEYS = [old]
    add(shell)
    add(shell, name="Weekly")
    settings.GALLEY_ENCRYPTION_KEYS = [new, old]
    assert shell("reencrypt") == "Encrypted 2 secrets with the newest key.\n"
    settings.GALLEY_ENCRYPTION_KEYS = [new]
    assert [site.secret for site in Site.objects.all()] == [SECRET, SECRET]


def test_one_unreadable_password_keeps_no_other_from_moving(shell: Shell, settings: Settings) -> None:
    new_site("https://weekly.example.org", name="Weekly")
    Site.objects.update(encrypted_secret="lost")
    add(shell)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key"
    settings.SECRET_KEY_FALLBACKS = [old]
    with pytest.raises(CommandError, match="nobody can read the secret of site “Weekly”"):
        shell("reencrypt")
    settings.SECRET_KEY_FALLBACKS = []
    assert Site.objects.get(name="Magazine").secret == SECRET


def test_the_password_of_the_login_page_goes_in_and_never_out(shell: Shell) -> None:
    add(shell)
    assert shell("web-password", "Magazine") == 'Site "Magazine" has a new password for its login page.\n'
    site = Site.objects.get()
    assert site.web_secret == SECRET
    assert SECRET not in site.encrypted_web_secret
    assert shell("web-password", "Magazine", typed="\n") == 'Site "Magazine" has none for its login page.\n'
    assert Site.objects.get().encrypted_web_secret == ""


def test_both_passwords_move_to_the_newest_key(shell: Shell, settings: Settings) -> None:
    add(shell)
    shell("web-password", "Magazine")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert shell("reencrypt") == "Encrypted 2 secrets with the newest key.\n"
    settings.SECRET_KEY_FALLBACKS = []
    site = Site.objects.get()
    assert (site.secret, site.web_secret) == (SECRET, SECRET)
