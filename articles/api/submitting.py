"""What a program hands in, given to the form of the desk: the same reader, the same bounds, the same sentences."""

from __future__ import annotations

import base64

from django.conf import settings
from django.contrib.auth.models import User
from ninja.errors import HttpError
from pydantic import AwareDatetime, Field

from articles import bounds
from articles.api.strict import FieldProblem, Problem, Strict
from articles.content.reading import encodings
from articles.handing_in.submit_form import SubmitForm
from articles.models import Article, Design

AS_BASE64 = 4 * -(-settings.MANUSCRIPT_BYTES // 3)  # characters of the largest file


class FileIn(Strict):
    """A file as it is: .docx, .txt, .md or .html."""

    name: str = Field(min_length=1, max_length=bounds.LONGEST_FILE_NAME, description="says how it is read: a.md")
    content: str = Field(min_length=1, max_length=AS_BASE64, description="in base64, without line breaks")
    encoding: str = Field("", max_length=40, description="left out: as the file says, else 422 asks: utf-8, cp1252 …")


class ArticleIn(Strict):
    """An article to be made of an idea, a manuscript or a file: exactly one of them."""

    idea: str = Field("", max_length=bounds.LONGEST_IDEA, description="what it should be about; it is written here")
    is_long: bool = Field(False, description="of an idea: an outline first, then section by section")
    manuscript: str = Field(
        "", max_length=settings.MANUSCRIPT_BYTES, description="a finished text, which is used as it is"
    )
    file: FileIn | None = None
    style: str = Field("", max_length=bounds.LONGEST_STYLE, description="of writing; left out: your usual one")
    formatter: str = Field(
        Article.Formatter.AUTO.value,
        pattern=f"^({'|'.join(Article.Formatter.values)})$",
        json_schema_extra={"enum": list(Article.Formatter.values)},
        description="who lays the page out",
    )
    design: str = Field(
        "",
        pattern=f"^({'|'.join(['', *Design.values])})$",
        json_schema_extra={"enum": ["", *Design.values]},
        description="of the page; left out: that of the site, else your usual one",
    )
    byline: str | None = Field(None, max_length=100, description="who is named under the title; left out: as usual")
    site_id: str | None = Field(None, pattern=r"^[0-9]{1,18}$", description="left out: a preview page at the desk")
    brand_primary: str = Field("", max_length=7, description="main colour, #1a2b3c; left out: your usual one")
    brand_accent: str = Field("", max_length=7, description="accent colour; left out: your usual one")
    scheduled_at: AwareDatetime | None = Field(
        None, strict=False, description="when work on it begins, with a time zone; left out: at once"
    )


class ReadingOut(Strict):
    """How a file reads in one encoding."""

    encoding: str = Field(description="send the file again with this, if these lines read right")
    words: str
    first_lines: list[str]


class SubmitProblem(Problem):
    """Why nothing was handed in."""

    readings: list[ReadingOut] = Field([], description="of a file that does not say in which encoding it is")


def filled(given: ArticleIn, user: User) -> SubmitForm:
    """The form of the desk with what a program has sent. Raises HttpError."""
    said = given.model_dump(exclude={"file", "site_id"}, exclude_none=True) | {"site": given.site_id or ""}
    form = SubmitForm(said, user=user)
    if given.file:
        form.take_manuscript(given.file.name, _content(given.file), _encoding(given.file))
    return form


def _content(file: FileIn) -> bytes:
    try:
        return base64.b64decode(file.content, validate=True)
    except ValueError as exc:
        raise HttpError(422, "“file.content” is no base64. Send the bytes of the file in base64.") from exc


def _encoding(file: FileIn) -> str:
    found = encodings.known(file.encoding)
    if file.encoding and not found:
        raise HttpError(422, "“file.encoding”: there is no such encoding. Leave it out, and read what is asked.")
    return found


def refusal(form: SubmitForm) -> SubmitProblem:
    """What is wrong with it, by the names that a program has sent."""
    places = {"__all__": "body", "site": "body.site_id", "encoding": "body.file.encoding"}
    problems = [
        FieldProblem(field=places.get(name, f"body.{name}"), message=str(sentence))
        for name, sentences in form.errors.items()
        for sentence in sentences
    ]
    asked = form.unclear.readings if form.unclear else ()
    return SubmitProblem.of(
        422,
        " ".join(problem.message for problem in problems),
        errors=problems,
        readings=[
            ReadingOut(encoding=each.encoding, words=encodings.words(each.encoding), first_lines=each.first_lines)
            for each in asked
        ],
    )
