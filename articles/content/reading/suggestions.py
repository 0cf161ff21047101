"""Tracked changes of Word, of which nobody has said yet that they count: taken back, so that the text is as it was.

What was put in goes, what was taken out stays where it was, and looks are those of before.
"""

from __future__ import annotations

from typing import cast

from lxml import etree

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PUT_IN, _TAKEN_OUT = (f"{_W}ins", f"{_W}moveTo"), (f"{_W}del", f"{_W}moveFrom")
# What is as a whole put in says so in its properties.
_WHOLE = {f"{_W}trPr": f"{_W}ins", f"{_W}tcPr": f"{_W}cellIns"}
_WORDS = {f"{_W}delText": f"{_W}t", f"{_W}delInstrText": f"{_W}instrText"}
_LOOKS = {f"{_W}rPrChange": (f"{_W}del",), f"{_W}pPrChange": (f"{_W}rPr", f"{_W}sectPr")}  # and what is not looks
_AS_IT_IS = f"{_W}smartTag"  # stands for its contents


def take_back(root: etree._Element) -> None:
    """In a part of a document, in place."""
    for properties in _all(root, *_WHOLE):
        whole = properties.getparent()
        if whole is not None and properties.find(_WHOLE[str(properties.tag)]) is not None:
            _remove(whole)
    for mark in _all(root, *_TAKEN_OUT):
        if _is_property(mark):
            _remove(mark)
        else:
            mark.tag = _AS_IT_IS
    for mark in _all(root, *_PUT_IN):
        if _is_of_an_end(mark):
            mark.tag = _TAKEN_OUT[0]  # of a paragraph that was divided: readers join it again
        else:
            _remove(mark)
    for words in _all(root, *_WORDS):
        words.tag = _WORDS[str(words.tag)]
    for change in _all(root, *_LOOKS):
        _look_as_before(change)


def _all(root: etree._Element, *names: str) -> list[etree._Element]:
    return list(root.iter(*names))


def _is_property(mark: etree._Element) -> bool:
    parent = mark.getparent()
    return parent is not None and str(parent.tag).endswith("Pr")


def _is_of_an_end(mark: etree._Element) -> bool:
    """Whether it is about the end of a paragraph, not about words."""
    parent = mark.getparent()
    above = parent.getparent() if parent is not None else None
    return parent is not None and above is not None and (parent.tag, above.tag) == (f"{_W}rPr", f"{_W}pPr")


def _remove(element: etree._Element) -> None:
    parent = cast(etree._Element, element.getparent())
    parent.remove(element)


def _look_as_before(change: etree._Element) -> None:
    properties = change.getparent()
    if properties is not None:
        before = list(change[0]) if len(change) else []
        properties[:] = [*before, *(each for each in properties if each.tag in _LOOKS[str(change.tag)])]
