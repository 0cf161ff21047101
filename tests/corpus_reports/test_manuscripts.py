"""Manuscripts as editors hand them in, through the form that the desk and the shell share."""

from __future__ import annotations

import re
from html import escape

import pytest
from django.contrib.auth.models import User

from articles.content import manuscripts, markup
from articles.handing_in.submit_form import SubmitForm
from articles.models import Article
from publishing import blocks
from publishing.blocks import Hero, Look, Typography
from tests.corpus_reports import Sample, samples


def _handed_in(sample: Sample, editor: User, encoding: str = "") -> SubmitForm:
    form = SubmitForm({"formatter": Article.Formatter.AUTO}, user=editor)
    form.take_manuscript(sample.name, sample.content, encoding)
    form.full_clean()
    return form


def _accepted(sample: Sample, editor: User) -> SubmitForm | None:
    """The form with its text, where need be after a person has chosen the reading that is right; None: refused."""
    form = _handed_in(sample, editor)
    if form.unclear:
        readings = [reading.encoding for reading in form.unclear.readings if _is_right(sample, reading.text)]
        assert readings, "one of the readings that are offered is right"
        form = _handed_in(sample, editor, readings[0])
    return form if form.is_valid() else None


def _is_right(sample: Sample, text: str) -> bool:
    return all(word in text for word in sample.words("must"))


@pytest.mark.parametrize("sample", samples("manuscripts"))
def test_a_manuscript_is_read_as_it_was_meant(sample: Sample, editor: User) -> None:
    form, note = _accepted(sample, editor), sample.note
    if form is None:
        said = " ".join(str(error) for errors in _handed_in(sample, editor).errors.values() for error in errors)
        assert note.get("must_refuse") or note.get("or_refused"), said
        assert said.endswith("."), "a sentence"
        return

    assert not note.get("must_refuse")
    read = manuscripts.read(form.cleaned_data["manuscript"], sample.name)
    words = f"{read.title}\n{markup.text_of(read.html)}"
    assert _is_right(sample, words)
    assert all(word not in words for word in sample.words("must_not"))
    assert all(html in read.html for html in sample.words("must_html"))
    assert all(html not in read.html for html in sample.words("must_not_html"))
    assert all(re.search(pattern, words) for pattern in sample.words("must_re"))
    assert read.title == note.get("title", read.title)


PLAIN = Look(Typography.THEME, Hero.FEATURED, "#1a4d8f", "#b3541e")


@pytest.mark.parametrize("sample", [found for found in samples("manuscripts") if found.id == "wp-shortcode.md"])
def test_words_in_brackets_arrive_as_they_are(sample: Sample) -> None:
    """What a real WordPress makes of them: tests/publishing/publishers/test_page.py."""
    read = manuscripts.read(sample.content.decode(), sample.name)
    sent = blocks.convert(markup.clean_page(read.html, ()), {}, PLAIN).content

    codes = re.findall(r"\[[^\]]+\]", sample.content.decode())
    assert codes
    assert not re.search(r"\[\w", sent), "nothing begins that WordPress would run"
    assert all(escape(code, quote=False) in markup.text_of(read.html) for code in codes)
    assert all(code[1:-1] in sent for code in codes)
