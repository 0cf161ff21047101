"""Bytes become the text that was written, or a plain sentence about why not."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articles.content.reading import decoding, encodings
from articles.content.reading.decoding import Unreadable

CENTRAL = ["cp1250", "iso8859-2", "cp852"]
BEGINNINGS = [
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff\x00",
    b"\x1b$B",
    b"<meta charset=gb2312>",
    b"PK\x03\x04",
    b"From: a\nTo: b\n",
]
MARKED = st.builds(lambda begin, rest: begin + rest, st.sampled_from(BEGINNINGS), st.binary(max_size=100))
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


MAIL = b"""From: Ann <ann@example.org>
Subject: =?UTF-8?Q?The_last_ferry?=
MIME-Version: 1.0
Content-Type: text/plain;
 charset=utf-8

The ferry =E2=80=93 it=E2=80=99s gone.
"""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\x0c", "is empty"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"PK\x03\x04 word/document.xml", "is a Word document"),
        (b"PK\x03\x04...", "is a packed file"),
        (b"{\\rtf1 Hello}", "is an RTF"),
        (b"\xef\xbb\xbf{\\rtf1 Hello}", "is an RTF"),
        (b" \r\n{\\rtf1 Hello}", "is an RTF"),
        (b"\n%PDF-1.7 ...", "is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1", "is an old Word document"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.textPK", "is an OpenDocument text"),
        (b"PK\x03\x04mimetypeapplication/epub+zipPK", "is an e-book"),
        (b"PK\x03\x04 xl/workbook.xml", "is an Excel workbook"),
        (b"PK\x03\x04 Index/Document.iwa", "is a Pages document"),
        (b"\xff\xd8\xff\xe0", "is a picture"),
        (b"\x89PNG\r\n", "is a picture"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "is a picture"),
        (b"\x00\x00\x00\x1cftypavif", "is a picture"),
        (MAIL, "is a mail"),
        (MAIL.replace(b"\n", b"\r\n"), "is a mail"),
        (b"From ann@example.org Mon May  4 2026\n" + MAIL, "is a mail"),
        (MAIL.replace(b"text/plain", b"multipart/related; type=text/html"), "is a web page with all its parts"),
        (bytes(range(256)) * 20, "is not a text file"),
        (random.Random(1).randbytes(5000), "is not a text file"),
        (random.Random(1).randbytes(5000).replace(b"\0", b"\1"), "is not a text file"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decoding.decode(content)


@pytest.mark.parametrize(
    "text",
    [
        "From: Ann\nTo: Ben\nSubject: The ferry\n\nIt left at noon.",  # what somebody wrote, and no mail
        "Title: The ferry\nAuthor: Ann\n\nIt left at noon.",
        "The reason: it left.\nThe MIME-Version: 1.0",
        "%PDF is a format",
        "PK is no more than two letters",
    ],
)
def test_what_only_looks_like_another_kind_is_text(text: str) -> None:
    assert decoding.decode(text.encode()) == text


WRITTEN = {  # a language, some sentences of it, and encodings that people still have them in
    "French": (
        "L’été au port\n\nLes bateaux rentrèrent à l’aube, chargés de poissons argentés. Déjà, dit-elle. Où "
        "étaient-ils passés ? Nul ne l’a su, même après l’hiver.",
        ["cp1252", "mac-roman"],
    ),
    "French of DOS": (
        "Les bateaux rentrèrent à l'aube, chargés de poissons argentés. Où étaient-ils passés ? Nul ne l'a su.",
        ["cp1252", "mac-roman", "cp850", "cp437", "iso8859-15"],
    ),
    "German": (
        "Die alte Fähre\n\nSie fuhr spät über den Fluß, natürlich ohne Gäste. Öfter hörte man ein Läuten.",
        ["cp1252", "mac-roman", "cp850", "cp437", "iso8859-15"],
    ),
    "Spanish": (
        "El niño miró hacia atrás. ¿Qué habrá sido del último barco, según la señora?",
        ["cp1252", "mac-roman"],
    ),
    "Danish": ("Båden sejler ikke i dag, og folk på øen må vente til i morgen. Der er også en færge.", ["cp850"]),
    "Czech": ("Přišel domů a řekl, že loď už nepřijede. Všichni se na něj dívali, ale nikdo nevěděl proč.", CENTRAL),
    "Polish": ("Łódź nie przypłynęła. Wszyscy ludzie w porcie czekali, aż wróci światło i będzie ciszej.", CENTRAL),
    "Hungarian": ("A hajó nem jött meg. Az emberek a kikötőben vártak, és nem tudták, hogy mi történt.", CENTRAL),
    "Lithuanian": ("Žmogaus teisės uoste. Kiekvienas jūrininkas turi teisę į poilsį ir į švarų vandenį.", ["cp1257"]),
    "Latvian": (
        "Katrs jūrnieks ir tiesīgs uz atpūtu un tīru ūdeni, kas nāk no upes. Tā ir viņa vēlēšanās.",
        ["cp1257"],
    ),
    "Turkish": ("Gemi bir daha gelmedi. Herkes limanda bekliyordu, çünkü ışık yeşildi ve gün doğuyordu.", ["cp1254"]),
    "Russian": (
        "Пароход больше не пришёл. Все ждали в порту, и никто не знал, почему он опоздал.",
        ["cp1251", "koi8-u", "cp866", "iso8859-5", "mac-cyrillic"],
    ),
    "Greek": ("Το πλοίο δεν ήρθε ξανά. Όλοι περίμεναν στο λιμάνι και κανείς δεν ήξερε γιατί.", ["cp1253", "iso8859-7"]),
    "Hebrew": ("הספינה לא באה עוד. כולם חיכו בנמל ואיש לא ידע מדוע היא מאחרת.", ["cp1255", "iso8859-8"]),
    "Arabic": ("لم تأت السفينة مرة أخرى. كان الجميع ينتظرون في الميناء ولم يعرف أحد السبب.", ["cp1256", "iso8859-6"]),
    "Japanese": ("船はもう来なかった。みんなが港で待っていたが、なぜ遅れたのか誰も知らなかった。", ["cp932", "euc_jp"]),
    "Chinese": ("船再也没有来。大家都在港口等着，没有人知道它为什么晚了。我们要回家了。", ["gb18030"]),
    "Korean": ("배는 다시 오지 않았다. 모두가 항구에서 기다렸지만 왜 늦었는지 아는 사람은 없었다.", ["cp949"]),
}
CASES = [(language, encoding) for language, (_, found) in WRITTEN.items() for encoding in found]


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_text_is_read_as_it_was_written(language: str, encoding: str) -> None:
    text = WRITTEN[language][0]
    read = decoding.read(text.encode(encoding))

    assert read.text == text
    assert not read.told


@pytest.mark.parametrize(("language", "encoding"), CASES)
@pytest.mark.parametrize("length", [8, 16, 32])
def test_a_short_text_is_read_right_or_asked_about(language: str, encoding: str, length: int) -> None:
    content = WRITTEN[language][0][-length:].encode(encoding)
    few = sum(byte > 0x7F for byte in content) <= 2
    with contextlib.suppress(decoding.Unclear):
        read = decoding.read(content)
        assert read.text == content.decode(encoding) or (few and read.encoding == "cp1252")


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("Windows-31J", "cp932"),
        ("x-sjis", "cp932"),
        ("iso-8859-8-i", "iso8859-8"),
        ("logical", "iso8859-8"),
        ("macintosh", "mac-roman"),
        ("latin1", "cp1252"),
        ("ks_c_5601-1987", "cp949"),
        ("x-cp1251", "cp1251"),
        ("dos-874", "cp874"),
        ("ibm850", "cp850"),
        ("utf-16", ""),  # of a page that can be read so far, it is not true
        ("x-user-defined", ""),
        ("base64", ""),
    ],
)
def test_labels_of_browsers_are_known(label: str, encoding: str) -> None:
    assert encodings.known(label) == encoding


def test_a_page_of_windows_31j_is_read() -> None:
    page = '<meta charset="Windows-31J"><p>①静かな港 髙橋</p>'
    assert decoding.read(page.encode("cp932")) == decoding.Reading(page, "cp932")


def test_japanese_of_seven_bits_is_read() -> None:
    text = "静かな港\n\n朝の港は静かで、船が帰ってきた。"
    assert decoding.read(text.encode("iso2022_jp")) == decoding.Reading(text, "iso2022_jp")


@pytest.mark.parametrize("text", ["Le bateau s'appelle: café", "Die Fähre heißt: Zürichsee mit dem Maß ß"])
def test_a_last_letter_is_not_taken_for_one_that_is_cut_off(text: str) -> None:
    assert decoding.decode(text.encode("cp1252")) == text


def test_one_foreign_name_is_no_other_script() -> None:
    text = (
        "La République a élu les deux Länder. Les régions de l’Est ont été créées après la réunification, où qu’il fût."
    )
    assert decoding.decode(text.encode("cp1252")) == text


def test_letters_without_words_are_asked_about() -> None:
    with pytest.raises(decoding.Unclear) as unclear:
        decoding.read("ŠŽšžŸÀÁÂÃÄÅÇÈÉàáâãäåçèéêëŒœÆÐÞßæðþ".encode("cp1252"))

    assert "cp1252" in [reading.encoding for reading in unclear.value.readings]


@pytest.mark.parametrize(
    "content", [("Größe und Maß.\n" * 9).encode().replace(b"\xc3", b"", 1), "Ærø, øen".encode("cp850")]
)
def test_two_readings_are_shown_where_none_is_clear(content: bytes) -> None:
    with pytest.raises(decoding.Unclear, match="save the file as UTF-8") as unclear:
        decoding.read(content)

    likely, other = unclear.value.readings
    assert likely.first_lines != other.first_lines
    for reading in unclear.value.readings:
        assert decoding.read(content, reading.encoding).text == reading.text


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text().map(lambda text: text.encode("utf-16")) | MARKED)
def test_any_bytes_are_a_text_a_question_or_named(content: bytes) -> None:
    for encoding in ("", "cp850", "utf-16"):
        with contextlib.suppress(Unreadable):  # of which Unclear is one
            assert decoding.read(content, encoding).text.strip()
