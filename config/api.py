"""The API: who is let in, which routers there are, and which error gives which status and sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.datastructures import MultiValueDict
from django.utils.deprecation import MiddlewareMixin
from django.views import defaults
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.security.base import AuthBase
from ninja.types import DictStrAny
from ninja.utils import check_csrf

from articles.api.articles import router as articles
from articles.api.batches import router as batches
from articles.api.files import router as files_of_articles
from articles.api.progress import router as progress_of_articles
from articles.api.strict import FieldProblem, Problem
from articles.errors import NotPossible
from articles.models.access import works_here
from audit import doors
from config.models import Token
from insights.api.analytics import router as analytics
from insights.api.monitoring import router as monitoring
from insights.api.providers import router as providers
from insights.api.storage import router as storage
from publishing.api import router as publish
from publishing.settings_api.operations import router as settings_of_the_desk
from recovery.api import of_articles
from recovery.api import router as recovery
from worklist.api import router as worklist

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Galley"'}  # goes with every 401
BELOW = "/api/"
PROBLEM = "application/problem+json"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
EXACT = 2**53  # whole numbers up to here are the same in floating point
MOST_SHOWN = 60  # characters of a name that somebody else chose
SENTENCES = {
    400: "Galley did not understand this request.",
    401: "Log in at the desk, or send a token: Authorization: Bearer galley_…",
    403: "This is not yours to do.",
    404: "There is nothing here, or it belongs to somebody else.",
    405: "This address cannot be asked in this way.",
    406: "The answer cannot be given in this form here.",
    409: "This cannot be done as things are.",
    413: "This request is too large.",
    429: "These were too many requests. Try again in a minute.",
    500: "Galley made a mistake with this request. No article is harmed; the operator finds it in the log.",
    503: "Galley cannot answer just now. Try again in a minute.",
}


# Who


class PersonalToken(AuthBase):
    """`Authorization: Bearer galley_…`. Whoever sends one is judged by it alone, whatever session there is."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> User | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = Token.objects.of_secret(secret.strip())
        if token is None:
            raise HttpError(401, "This token is not known, or not valid any more. Make one in the desk: API tokens.")
        request.let_in_again = ByToken(token.pk)  # type: ignore[attr-defined]
        doors.let_in(request, token.user.get_username(), token.name)
        return _at_the_desk(token.user)


class DeskSession(AuthBase):
    """Whoever is logged in at the desk. What changes something needs the CSRF token, too, as a form there does."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> User:
        if not request.user.is_authenticated:
            raise HttpError(401, SENTENCES[401])
        request.body  # noqa: B018  read now: the check reads the form in it, and leaves nothing for others
        if check_csrf(request):
            raise HttpError(403, "The CSRF token is missing or wrong. Send it in the header X-CSRFToken.")
        request.let_in_again = BySession(request.session.session_key)  # type: ignore[attr-defined]
        return _at_the_desk(request.user)


def _at_the_desk(user: AbstractBaseUser | AnonymousUser) -> User:
    if works_here(user):
        return user
    raise HttpError(403, "This is for people who work at the desk.")


@dataclass(frozen=True)
class ByToken:
    """How somebody was let in, and who would be now: what stays open for hours asks again. None: nobody."""

    token: int

    def __call__(self) -> User | None:
        token = Token.objects.valid().select_related("user").filter(pk=self.token).first()
        return token.user if token and works_here(token.user) else None


@dataclass(frozen=True)
class BySession:
    """The same for a session: it ends with a logout and with a new password."""

    key: str | None

    def __call__(self) -> User | None:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self.key)
        user = get_user(request)
        return user if works_here(user) else None


by_token, by_session = PersonalToken(), DeskSession()


def who(request: HttpRequest) -> User:
    """Who asks. Raises HttpError."""
    return by_token(request) or by_session(request)


def for_the_desk(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let nobody see a page who could not ask the API."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            who(request)
        except HttpError as exc:
            return _said(exc.status_code, str(exc))
        return view(request, *args, **kwargs)

    return guarded


# What


class Forms(Parser):
    """JSON, or a form, which brings its CSRF token along; in texts that a database can hold."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        if request.content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
            said = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
        else:
            said = json.loads(request.body, parse_float=_number)
        _check_texts(said)
        return said

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> DictStrAny:
        for name in data:
            if name not in list_fields and len(data.getlist(name)) > 1:
                raise HttpError(422, f"“{name[:MOST_SHOWN]}” is said more than once. Say it once.")
        said = super().parse_querydict(data, list_fields, request)
        _check_texts(said)
        return said


def _number(written: str) -> int | float:
    """1.0 is a whole number to JSON Schema, by which programs are generated that talk to this."""
    number = float(written)
    return int(number) if number.is_integer() and abs(number) <= EXACT else number


def _check_texts(said: Any) -> None:
    """Raises HttpError."""
    left = [said]
    while left:
        match left.pop():
            case dict() as named:
                left += [*named.keys(), *named.values()]
            case list() as several:
                left += several
            case str() as text if "\0" in text or (not text.isascii() and LONE_SURROGATE.search(text)):
                raise HttpError(422, "A text holds a character that stands in no text: NUL, or half of a pair.")


class Description(OpenAPISchema):
    """Ninja's, which describes errors as what they are, nothing in an address as null, and no shape that nobody sends.

    Raises TypeError for two shapes of one name: one of them would stand for both.
    """

    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        super().__init__(api, path_prefix)
        for operation in (each for methods in self["paths"].values() for each in methods.values()):
            for parameter in operation["parameters"]:
                _without_null(parameter["schema"])
            for media in operation.get("requestBody", {}).get("content", {}).values():
                _without_null(media["schema"])
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {PROBLEM: response["content"]["application/json"]}
        unused = set(self.schemas) - _named_in(self["paths"], self.schemas)
        for name in unused:  # what stands behind a question mark is described there
            del self.schemas[name]
        for schema in self.schemas.values():
            _with_names(schema)

    def add_schema_definitions(self, definitions: DictStrAny) -> None:
        for name, shape in definitions.items():
            if self.schemas.setdefault(name, deepcopy(shape)) != shape:  # ninja goes on to write into what it gives
                raise TypeError(f"two shapes of the API are called {name}")


class Api(NinjaAPI):
    """Ninja's, with our description of it."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: DictStrAny | None = None
    ) -> OpenAPISchema:
        return Description(self, self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)


def _named_in(described: Any, schemas: DictStrAny) -> set[str]:
    """The shapes that something refers to, and those that they refer to."""
    found, left = set[str](), [described]
    while left:
        match left.pop():
            case {"$ref": str(place)}:
                name = place.rpartition("/")[2]
                left += [] if name in found else [schemas[name]]
                found.add(name)
            case dict() as named:
                left += named.values()
            case list() as several:
                left += several
    return found


def _with_names(schema: dict[str, Any]) -> None:
    """A generated program calls the words of a list by themselves: the empty one has to be given a name for that."""
    for field in schema.get("properties", {}).values():
        if "" in (words := field.get("enum", ())):
            field["x-enum-varnames"] = [re.sub(r"\W", "_", word).upper() or "EMPTY" for word in words]


def _without_null(described: dict[str, Any]) -> None:
    """What may be left out is not null then: neither an address nor a header can say that."""
    kinds = [each for each in described.get("anyOf", ()) if each != {"type": "null"}]
    if len(kinds) == 1:
        del described["anyOf"]
        described |= kinds[0]


api = Api(
    title="Galley",
    version="1",
    urls_namespace="api",
    docs_url=None,  # its page would need scripts from elsewhere
    docs_decorator=for_the_desk,
    auth=[by_token, by_session],
    parser=Forms(),
)
api.add_router("articles", articles)
api.add_router("articles", progress_of_articles)
api.add_router("articles", files_of_articles)
api.add_router("batches", batches)
api.add_router("publish", publish)
api.add_router("monitoring", monitoring)
api.add_router("analytics", analytics)
api.add_router("analytics", providers)
api.add_router("analytics", storage)
api.add_router("settings", settings_of_the_desk)
api.add_router("articles", of_articles)
api.add_router("recovery", recovery)
api.add_router("worklist", worklist)


# Errors. What is not named here goes on to Django, which logs it and gives it a status; `JsonErrors` words it.


@api.exception_handler(HttpError)
def refused(_request: HttpRequest, exc: HttpError) -> HttpResponse:
    parsers = exc.__cause__  # what our parser has said, which ninja takes for a mistake in it
    said = parsers if isinstance(parsers, HttpError) else exc
    return _said(said.status_code, str(said))


@api.exception_handler(NotPossible)
def not_possible(_request: HttpRequest, exc: NotPossible) -> HttpResponse:
    return _said(409, str(exc))


@api.exception_handler(ValidationError)
def not_valid(_request: HttpRequest, exc: ValidationError) -> HttpResponse:
    problems = [_problem(error) for error in exc.errors]
    return _said(422, " ".join(problem.message for problem in problems), problems)


@api.exception_handler(Http404)
@api.exception_handler(Exception)
def anything_else(_request: HttpRequest, exc: Exception) -> HttpResponse:
    raise exc


def _problem(error: dict[str, Any]) -> FieldProblem:
    """`"limit" in the query: input should be less than or equal to 100.`"""
    place, *path = error["loc"]
    if place == "body" or error["type"] == "extra_forbidden":
        path = path[1:]  # the name of an argument of ours
    name = ".".join(str(part) for part in path)[:MOST_SHOWN]
    where = f"“{name}” in the {place}" if name else f"The {place}"
    if error["type"] == "extra_forbidden":
        why = "there is no such field. Leave it out"
    else:
        why = f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    return FieldProblem(field=f"{place}.{name}".removesuffix("."), message=f"{where}: {why}.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """As Django's own, but that no page is made for a program, which might fail."""
    if request.path_info.startswith(BELOW):
        return _said(404, SENTENCES[404])
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return _said(500, SENTENCES[500]) if request.path_info.startswith(BELOW) else defaults.server_error(request)


def _said(status: int, message: str, errors: Iterable[FieldProblem] = ()) -> HttpResponse:
    headers = CHALLENGE if status == 401 else {}
    return JsonResponse(Problem.of(status, message, errors=list(errors)).model_dump(), status=status, headers=headers)


class JsonErrors(MiddlewareMixin):
    """Every error below /api/ is a problem with a sentence, also one that never came as far as an operation."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code < 400 or not request.path_info.startswith(BELOW):
            return response
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        said = response if is_json else _worded(response)
        said.headers["Content-Type"] = PROBLEM
        return said


def _worded(response: HttpResponse) -> HttpResponse:
    known = response.status_code if response.status_code in SENTENCES else 400 + 100 * (response.status_code >= 500)
    said = _said(response.status_code, SENTENCES[known])
    if allowed := response.headers.get("Allow"):
        said.headers["Allow"] = allowed
    return said
