"""Bytes become the text that was written, or a plain sentence about why not."""

from __future__ import annotations

import random

import pytest

from articles.content import decoding
from articles.content.decoding import Unreadable

SENTENCES = {
    "utf-8": "Größe, naïveté и 坊っちゃん",
    "utf-8-sig": "Größe, naïveté и 坊っちゃん",
    "utf-16": "Größe, naïveté и 坊っちゃん",
    "utf-32": "Größe, naïveté и 坊っちゃん",
    "utf-16-le": "Hello, Welt: größer",
    "utf-16-be": "Hello, Welt: größer",
    "cp932": "親譲りの無鉄砲で小供の時から損ばかりしている。小学校に居る時分学校の二階から",
    "big5": "學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？",
    "cp1251": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
    "cp1252": "Déjà vu: l’été dernier, les garçons ont reçu des œufs à Noël, où qu’ils fussent allés.",
    "cp1250": "Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi pod względem swej godności.",
    "cp1256": "كتاب مخطوط في تسعة كراريس ظفرت به في بعض خزائن الكتب ولا أريد أن أدل عليه",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_every_encoding_is_read(encoding: str) -> None:
    text = f"{SENTENCES[encoding]}\r\n" * 8
    assert decoding.decode(text.encode(encoding)) == text.replace("\r\n", "\n")


@pytest.mark.parametrize("text", ["style,period\nArt Déco,1925\n", "Küche\nBad\nDiele", "Größe Maß naïve", "café noir"])
def test_a_few_accents_are_no_chinese(text: str) -> None:
    assert decoding.decode(text.encode("cp1252")) == text


def test_a_page_says_its_encoding() -> None:
    page = '<meta charset="windows-1251"><p>Все счастливые семьи'
    assert decoding.decode(page.encode("cp1251")) == page
    assert decoding.decode(page.encode()) == page  # it says so and is not


def test_a_lost_byte_does_not_change_the_encoding() -> None:
    content = ("Größe und Maß der Straße.\n" * 40).encode()
    assert decoding.decode(content[:-3] + b"\xc3").startswith("Größe und Maß")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\x0c", "is empty"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"PK\x03\x04...", "is a Word document"),
        (b"{\\rtf1 Hello}", "is an RTF"),
        (bytes(range(256)) * 20, "is not a text file"),
        (random.Random(1).randbytes(5000), "is not a text file"),
        (random.Random(1).randbytes(5000).replace(b"\0", b"\1"), "is not a text file"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decoding.decode(content)
