"""Word documents with pictures in them, as Word and LibreOffice write them."""

from __future__ import annotations

import io

from PIL import Image

from tests.articles.content.reading.word_files import OFFICE, RELATIONS, TYPES, word_file

_DRAWING = """<w:r><w:drawing>
<wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">
<wp:docPr id="1" name="Picture" descr="{said}"/>
<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData>
<pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill>
<a:blip r:{how}="{key}"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"""


def photograph(colour: str = "navy", size: tuple[int, int] = (400, 300), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def shown(number: int, said: str = "", *, how: str = "embed") -> str:
    """A run that shows the picture of this number."""
    return _DRAWING.format(said=said, how=how, key=f"rId{100 + number}")


def with_pictures(body: str, *pictures: bytes, linked: str = "") -> bytes:
    """A document with these pictures; the one behind the last of them is linked from elsewhere."""
    relation = '<Relationship Id="rId{}" Type="{}/image" Target="{}"{}/>'
    targets = [(f"media/image{n}.png", "") for n in range(len(pictures))]
    targets += [(linked, ' TargetMode="External"')] if linked else []
    relations = [relation.format(100 + n, OFFICE, *target) for n, target in enumerate(targets)]
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES.replace("</Types>", '<Default Extension="png" ContentType="image/png"/></Types>'),
        "word/_rels/document.xml.rels": RELATIONS.format("".join(relations)),
    }
    parts |= {f"word/media/image{n}.png": picture for n, picture in enumerate(pictures)}
    return word_file(body, parts=parts)
