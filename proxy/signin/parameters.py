"""The parameters of a provider's messages: each once, or two readers may see two messages in one."""

from collections.abc import Mapping
from typing import Any

from multidict import MultiMapping

from proxy.errors import SignInRefused


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
