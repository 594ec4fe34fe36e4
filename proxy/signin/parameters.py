"""The parameters of a provider's messages: each once, or two readers may see two messages in one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict, MultiMapping

from proxy.errors import SignInRefused

FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
# A form is ASCII, and what it encodes is UTF-8, whichever of these its sender's library names.
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "iso-8859-1"})


async def read_form(request: web.Request) -> MultiDict[str]:
    """The fields of a form that was posted to an endpoint of ours.

    Browsers and providers send their messages in one encoding, so no other is read: `Request.post` also takes apart
    multipart bodies, and fails with errors that show what was sent. Raises SignInRefused, which does not.
    """
    if request.content_type != FORM or (request.charset or "utf-8").lower() not in _CHARSETS:
        raise SignInRefused("bad_request", f"a body of {FORM} in UTF-8 would be right")
    try:
        text = (await request.read()).decode()
        return MultiDict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except (ValueError, web.HTTPRequestEntityTooLarge):
        raise SignInRefused("bad_request", "no UTF-8, too many fields or too long") from None


def once_each(given: MultiMapping[Any], parts: Mapping[str, int]) -> dict[str, str]:
    """What we read of a message, each part at most once and not longer than said. Raises SignInRefused."""
    answer = {}
    for name, longest in parts.items():
        values = given.getall(name, [])
        if len(values) > 1 or not all(isinstance(value, str) and len(value) <= longest for value in values):
            raise SignInRefused("bad_request", f"{name} stands more than once, or is too long")
        if values:
            answer[name] = str(values[0])
    return answer
