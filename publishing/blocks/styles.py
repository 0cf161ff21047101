"""The attribute `style` of a block, and what the editor makes of it: classes and inline CSS, in its own order."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_SIDES = ("top", "right", "bottom", "left")
_CSS: dict[tuple[str, ...], str] = {
    **{("border", side, part): f"border-{side}-{part}" for side in _SIDES for part in ("color", "style", "width")},
    ("color", "text"): "color",
    ("color", "background"): "background-color",
    **{("spacing", "padding", side): f"padding-{side}" for side in _SIDES},
    ("typography", "fontFamily"): "font-family",
    ("typography", "fontSize"): "font-size",
    ("typography", "fontStyle"): "font-style",
    ("typography", "fontWeight"): "font-weight",
    ("typography", "letterSpacing"): "letter-spacing",
    ("typography", "lineHeight"): "line-height",
}


def css(style: Json) -> str:
    declared = ((name, _at(style, path)) for path, name in _CSS.items())
    return ";".join(f"{name}:{value}" for name, value in declared if value)


def classes(style: Json) -> list[str]:
    named = {
        "has-text-color": ("color", "text"),
        "has-background": ("color", "background"),
        "has-link-color": ("elements", "link", "color", "text"),
    }
    return [name for name, path in named.items() if _at(style, path)]


def _at(style: Json, path: tuple[str, ...]) -> str:
    found: Any = style
    for name in path:
        found = found.get(name, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, str) else ""


def edge(colour: str, width: str, *sides: str) -> Json:
    """A line along these sides."""
    return {side: {"color": colour, "style": "solid", "width": width} for side in sides}


def ground(colour: str, text: str, links: str) -> Json:
    """A ground of its own, and colours for what stands on it: those of the theme are for another one."""
    return {"elements": {"link": {"color": {"text": links}}}, "color": {"text": text, "background": colour}}


def typography(**properties: str) -> Json:
    return {"typography": properties}
