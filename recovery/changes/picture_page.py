"""The page on which a place gets another picture: what it shows, what may stand there instead, and what that costs."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from articles import bounds
from articles.content.pictures import BadPicture
from articles.desk.article_admin import ArticleAdmin
from articles.formats import about
from articles.models import Article, ImageFile
from articles.providers.errors import Unreachable
from articles.tree import earlier, kept_pictures
from recovery.changes.opening import NotChanged
from recovery.changes.opening_page import AWAY, changeable
from recovery.changes.picture import Wish, change, check, earlier_one, price, version

MADE, FILE, WORDS, BEFORE = "made", "file", "words", "before:"


class PictureForm(forms.Form):
    """`what` is MADE, FILE, WORDS, or BEFORE and the name of an earlier one."""

    what = forms.ChoiceField()
    prompt = forms.CharField(
        label="What it shall show",
        required=False,
        max_length=bounds.LONGEST_PROMPT,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Unchanged, another picture is made of the same words.",
    )
    file = forms.FileField(
        label="Your file",
        required=False,
        help_text="JPEG, PNG, WebP, AVIF or GIF, at least 200 pixels high and wide.",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/avif,image/gif"}),
    )
    alt_text = forms.CharField(
        label="Alternative text",
        required=False,
        max_length=bounds.LONGEST_ALT_TEXT,
        help_text="What those read who cannot see it.",
    )
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, article: Article, image: ImageFile, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.article, self.image = article, image
        self.before = earlier.of_file(article, image.file_name)
        names = [*([] if image.own else [MADE]), FILE, WORDS, *(f"{BEFORE}{entry['file']}" for entry in self.before)]
        cast(forms.ChoiceField, self.fields["what"]).choices = [(name, name) for name in names]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("what") == MADE and not cleaned.get("prompt", "").strip() and "prompt" not in self.errors:
            self.add_error("prompt", "Say what the picture shall show.")
        if cleaned.get("what") == FILE and not cleaned.get("file") and "file" not in self.errors:
            self.add_error("file", "Choose a file.")
        return cleaned

    def wish(self) -> Wish:
        """Of a valid form; a file is kept with it. Raises BadPicture, NotChanged, Unreachable."""
        said = self.cleaned_data
        what, alt_text = said["what"], " ".join(said["alt_text"].split())
        if what == WORDS:
            return Wish(alt_text, only_words=True)
        if what == MADE:
            return Wish(alt_text, prompt=said["prompt"].strip())
        if what == FILE:
            return Wish(alt_text, given=kept_pictures.keep_alone(said["file"].read(kept_pictures.LARGEST + 1)))
        return Wish(alt_text, given=earlier_one(self.article, self.image, what.removeprefix(BEFORE)))


class PicturePage:
    """Below an article's own page, for whoever may change it."""

    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        view = self.desk.admin_site.admin_view(self.view)
        return [path("<int:pk>/picture/<slug:role>/", view, name="articles_article_picture")]

    def view(self, request: HttpRequest, pk: int, role: str) -> HttpResponse:
        """The question; by POST, the deed, for the place as the page has shown it."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        article = changeable(self.desk, request, pk)
        image = article.images.filter(role=role).first()
        if image is None:
            raise Http404("There is no such picture.")
        try:
            check(article)
            if request.method != "POST":
                said = {"what": WORDS if image.own else MADE, "prompt": image.prompt, "alt_text": image.alt_text}
                said |= {"seen": version(article, image)}
                return self._ask(request, PictureForm(initial=said, article=article, image=image))
            form = PictureForm(request.POST, request.FILES, article=article, image=image)
            if not form.is_valid() or not self._done(request, form):
                return self._ask(request, form)
        except NotChanged as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        return HttpResponseRedirect(article.get_absolute_url())

    def _done(self, request: HttpRequest, form: PictureForm) -> bool:
        """False: the form says what is wrong. Raises NotChanged."""
        article, image = form.article, form.image
        try:
            change(article, image, form.wish(), cast(User, request.user), seen=form.cleaned_data["seen"])
        except BadPicture as exc:
            form.add_error("file", f"This file cannot be used: {exc}.")
        except Unreachable:
            form.add_error(None, AWAY)
        else:
            self.desk.log_change(request, article, f"Another picture: {image.label}.")
            self.desk.message_user(request, f"The {image.label} image is on its way.", messages.SUCCESS)
            return True
        return False

    def _ask(self, request: HttpRequest, form: PictureForm) -> HttpResponse:
        cost = price()
        what = form["what"].value()
        context = {
            **self.desk.admin_site.each_context(request),
            "title": f"Change the {form.image.label} image",
            "opts": self.desk.opts,
            "article": form.article,
            "image": form.image,
            "form": form,
            "what": what,
            "before": [(f"{BEFORE}{entry['file']}", entry) for entry in form.before],
            "price": about(cost.known, cost.unknown) if cost.known or cost.unknown else "",
            "goes_on": form.article.status != Article.Status.DONE,
        }
        return TemplateResponse(request, "admin/recovery/another_picture.html", context)
