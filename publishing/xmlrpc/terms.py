"""Fields in the terms of the REST API, and what XML-RPC calls them: there and back.

Reference: wp.newPost and wp.getPost in WordPress's wp-includes/class-wp-xmlrpc-server.php.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from publishing.wordpress.reading import Json, as_dict, as_dicts
from publishing.xmlrpc.values import Value

READ = ("post", "terms", "custom_fields")  # what is asked for of a post; all that lies in its row is "post"
_SIMPLE = {
    "title": "post_title",
    "content": "post_content",
    "excerpt": "post_excerpt",
    "slug": "post_name",
    "status": "post_status",
    "featured_media": "post_thumbnail",
    "comment_status": "comment_status",
    "author": "post_author",
    "caption": "post_excerpt",  # of a picture, and so is the next
    "description": "post_content",
}
_TERMS = {"categories": "category", "tags": "post_tag"}


def written(fields: Json, there: Sequence[Json] = ()) -> dict[str, Value]:
    """What XML-RPC has a word for. `there`: the custom fields that the post has, so that none is made twice."""
    struct: dict[str, Value] = {ours: fields[name] for name, ours in _SIMPLE.items() if name in fields}
    if date := fields.get("date_gmt"):  # a date without `_gmt` is in the zone of the site
        moment = datetime.fromisoformat(date)
        struct["post_date_gmt"] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if terms := {ours: fields[name] for name, ours in _TERMS.items() if name in fields}:
        struct["terms"] = terms
    if meta := fields.get("meta"):
        known = {str(field.get("key")): number(field.get("id")) for field in there}
        struct["custom_fields"] = [
            {"key": key, "value": value} | ({"id": known[key]} if known.get(key) else {}) for key, value in meta.items()
        ]
    return struct


def post(struct: Any, now: datetime) -> Json:
    """A post as the REST API tells it; {} for what is none. `now` by the clock of the site.

    XML-RPC calls what is planned for later published already; only its date tells.
    """
    row = as_dict(struct) or {}
    status, date = row.get("post_status"), row.get("post_date_gmt")
    terms = as_dicts(row.get("terms")) or []
    return {
        "id": number(row.get("post_id")),
        "slug": row.get("post_name"),
        "status": "future" if status == "publish" and _is_after(date, now) else status,
        "title": {"raw": row.get("post_title")},
        "content": {"raw": row.get("post_content")},
        "excerpt": {"raw": row.get("post_excerpt")},
        "featured_media": number((as_dict(row.get("post_thumbnail")) or {}).get("attachment_id")),
        **{name: _ids_of(terms, taxonomy) for name, taxonomy in _TERMS.items()},
        "comment_status": row.get("comment_status"),
        "author": number(row.get("post_author")),
        "date_gmt": date,
        "link": row.get("link"),
        "modified_gmt": row.get("post_modified_gmt"),
        "meta": {str(field.get("key")): field.get("value") for field in custom_fields(row)},
    }


def media(item: Any, row: Any) -> Json:
    """A picture as the REST API tells it, of what XML-RPC says of the picture and of its row."""
    item, row = as_dict(item) or {}, as_dict(row) or {}
    metadata = as_dict(item.get("metadata")) or {}
    return {
        "id": number(item.get("attachment_id")),
        "slug": row.get("post_name"),
        "source_url": item.get("link"),
        "media_details": {"width": number(metadata.get("width")), "sizes": metadata.get("sizes")},
        "modified_gmt": row.get("post_modified_gmt"),
    }


def custom_fields(struct: Mapping[str, Any]) -> list[Json]:
    return as_dicts(struct.get("custom_fields")) or []


def number(value: Any) -> int:
    """An id, which XML-RPC says as text; 0 for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if type(value) is int and 0 < value < 2**63 else 0


def _ids_of(terms: list[Json], taxonomy: str) -> list[int]:
    ids = (number(term.get("term_id")) for term in terms if term.get("taxonomy") == taxonomy)
    return [each for each in ids if each]


def _is_after(date: Any, now: datetime) -> bool:
    try:
        return datetime.fromisoformat(date).replace(tzinfo=UTC) > now
    except (TypeError, ValueError):  # a site may say anything
        return False
