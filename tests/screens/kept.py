"""The looks that somebody has seen and found good, as text: a file a screen, and one of the styles that parts have in
most screens. So a changed rule is one changed line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.screens.looks import Box, Look, Part

FOLDER = Path(__file__).parent / "kept"
USUAL = "styles"  # the file of the styles
SLACK, SHARE = (
    6,
    0.03,
)  # pixels, or of what it was: signs that no shipped face has differ so much from machine to machine
LINE = re.compile(r"  (?P<kind>.+?)  (?P<box>-?\d+,-?\d+ \d+×\d+)(?:  (?P<style>.+))?")
NONE = "none of its own"
Styles = dict[tuple[str, str], str]  # by size and kind


def write(looks: dict[str, Look], folder: Path = FOLDER) -> None:
    """Make the folder hold these looks and no others."""
    folder.mkdir(exist_ok=True)
    usual = _usual(looks)
    texts = {name: "".join(_lines(look, usual)) for name, look in looks.items()} | {USUAL: "".join(_styles(usual))}
    for file in folder.glob("*.txt"):
        file.unlink()
    for name, text in texts.items():
        (folder / f"{name.replace(' ', '-')}.txt").write_text(text)


def read(folder: Path = FOLDER) -> dict[str, Look]:
    usual: Styles = {}
    for size, line in _by_size((folder / f"{USUAL}.txt").read_text()):
        kind, _, style = line.strip().partition("  ")
        usual[size, kind] = style
    files = (file for file in sorted(folder.glob("*.txt")) if file.stem != USUAL)
    return {file.stem.replace("-", " "): _look(file.read_text(), usual) for file in files}


def _usual(looks: dict[str, Look]) -> Styles:
    """What each kind of part looks like in most screens; of two as frequent the first by its letters."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for look in looks.values():
        for size, parts in look.items():
            for part in parts:
                found.setdefault((size, part.kind), Counter())[_text(part.style)] += 1
    return {key: min(styles, key=lambda style: (-styles[style], style)) for key, styles in sorted(found.items())}


def _styles(usual: Styles) -> Iterator[str]:
    before = ""
    for (size, kind), style in usual.items():
        if size != before:
            yield f"{size}\n"
        before = size
        yield f"  {kind}  {style}\n"


def _lines(look: Look, usual: Styles) -> Iterator[str]:
    for size, parts in look.items():
        yield f"{size}\n"
        for part in parts:
            left, top, width, height = part.box
            style = _text(part.style)
            unusual = f"  {style}" if style != usual[size, part.kind] else ""
            yield f"  {part.kind}  {left},{top} {width}×{height}{unusual}\n"


def _text(style: dict[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in style.items()) or NONE


def _look(text: str, usual: Styles) -> Look:
    look: Look = {}
    for size, line in _by_size(text):
        match = LINE.fullmatch(line)
        assert match, line
        left, top, width, height = map(int, re.findall(r"-?\d+", match["box"]))
        said = match["style"] or usual[size, match["kind"]]
        style = dict(each.split(" ", 1) for each in said.split("; ")) if said != NONE else {}
        look.setdefault(size, []).append(Part(match["kind"], (left, top, width, height), style))
    return look


def _by_size(text: str) -> Iterator[tuple[str, str]]:
    size = ""
    for line in text.splitlines():
        if line.startswith(" "):
            yield size, line
        else:
            size = line


# Compared


def differences(kept: dict[str, Look], now: dict[str, Look]) -> list[str]:
    """A sentence for each part that does not look as it did, with the screens on which it does not."""
    found: dict[str, list[str]] = {}
    for name in kept | now:
        for said in _of_screen(kept.get(name, {}), now.get(name, {})):
            found.setdefault(said, []).append(name)
    return [f"{said} ({_named(names)})" for said, names in found.items()]


def _named(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more screens" if len(names) > 3 else "")


def _of_screen(kept: Look, now: Look) -> Iterator[str]:
    if not now or not kept:
        yield "the screen is gone" if kept else "the screen is new"
        return
    for size in kept | now:
        yield from (f"{size}: {said}" for said in _compared(kept.get(size, []), now.get(size, [])))


def _compared(kept: Iterable[Part], now: Iterable[Part]) -> Iterator[str]:
    before, after = ({part.kind: part for part in parts} for parts in (kept, now))
    yield from (f"{kind} is gone" for kind in before if kind not in after)
    yield from (f"{kind} is new" for kind in after if kind not in before)
    for kind, part in before.items():
        if kind in after and (said := [*_restyled(part.style, after[kind].style), *_moved(part.box, after[kind].box)]):
            yield f"{kind}: {', '.join(said)}"


def _moved(before: Box, after: Box) -> Iterator[str]:
    for name, was, now in zip(("left", "top", "width", "height"), before, after, strict=True):
        if abs(now - was) > max(SLACK, SHARE * abs(was)):
            yield f"{name} was {was}, is {now}"


def _restyled(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    for name in before | after:
        if (was := before.get(name, "none")) != (now := after.get(name, "none")):
            yield f"{name} was {was}, is {now}"
