"""The calls of a section as a plain task of the queue, which keeps nothing but its result."""

from __future__ import annotations

from functools import cache
from typing import Any

import openai
import requests
from django.conf import settings


@cache
def _text() -> openai.OpenAI:
    return openai.OpenAI(base_url=settings.OPENAI_BASE_URL, api_key=settings.OPENAI_API_KEY, max_retries=0)


@cache
def _http() -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {settings.REPLICATE_API_TOKEN}"
    return session


def section(article: int, index: int) -> str:
    """A text and a picture."""
    schema = {"type": "object", "properties": {"html": {"type": "string"}}, "required": ["html"]}
    form: Any = {"format": {"type": "json_schema", "name": "section", "schema": schema, "strict": False}}
    prompt = f"The room {index} of a house in style {article}"
    answer = _text().responses.create(model="gpt-5-mini", instructions="Write.", input=prompt, text=form)
    create = f"{settings.REPLICATE_BASE_URL}/models/bytedance/seedream-4/predictions"
    prediction = _http().post(create, json={"input": {"prompt": prompt, "aspect_ratio": "21:9"}}, timeout=30).json()
    while prediction["status"] != "succeeded":
        prediction = _http().get(prediction["urls"]["get"], timeout=30).json()
    output = prediction["output"]
    assert _http().get(output[0] if isinstance(output, list) else output, timeout=30).content
    return answer.output_text
