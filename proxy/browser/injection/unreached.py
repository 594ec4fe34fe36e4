"""Pages that the script does not reach: their users are not warned, and their input does not count."""

import re
from enum import StrEnum

import structlog

log = structlog.get_logger("browser")

_MOST_TOLD = 512
_LONGEST_SHAPE = 120
# What differs between two addresses of one page: identifiers, numbers, revisions.
_VARYING = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|[0-9]+", re.IGNORECASE)


class Why(StrEnum):
    """Why a page is left as it is."""

    CHARSET = "charset"
    CODING = "content_coding"
    INTEGRITY_POLICY = "integrity_policy"
    NO_HEAD = "no_head"
    NO_TRANSFORM = "no_transform"
    PREAMBLE_TOO_LONG = "preamble_too_long"
    SANDBOX = "sandbox"


class Unreached:
    """Tells of such pages in the log, once for each shape of path and reason."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, Why]] = set()

    def tell(self, organization: str, path: str, why: Why) -> None:
        """One was left as it is."""
        shape = _VARYING.sub("*", path)[:_LONGEST_SHAPE]
        told = organization, shape, why
        if told in self._told or len(self._told) >= _MOST_TOLD:
            return
        self._told.add(told)
        log.warning("script_not_injected", organization=organization, path=shape, reason=why)
