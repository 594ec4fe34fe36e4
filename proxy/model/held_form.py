"""A form that was posted after its session had ended: kept for its user, or why it was not."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.model.time import Seconds

LARGEST_FORM: Final = 1 << 20
"""Bytes of a form's body that is kept."""

KEPT_SECONDS: Final[Seconds] = 600.0

TOKEN_FIELD: Final = "claims-held-form"  # noqa: S105 - the field's name
"""The one field of the form that has a kept one sent on. It never reaches an application."""


class NotKept(StrEnum):
    """Why a form was not kept."""

    NO_SESSION = "no_session"
    FOREIGN_ORIGIN = "foreign_origin"
    MEDIA_TYPE = "media_type"
    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"
    TURNED_OFF = "turned_off"
    STORE_UNREACHABLE = "store_unreachable"


@dataclass(frozen=True, slots=True)
class Kept:
    """`location`: the path that leads to its being offered again; `cookie`: a Set-Cookie value that goes along."""

    location: str
    cookie: str


class NotSent(StrEnum):
    """Why a kept form was not sent on."""

    GONE = "gone"
    ANOTHER_USER = "another_user"
    FOREIGN_ORIGIN = "foreign_origin"


@dataclass(frozen=True, slots=True, repr=False)
class HeldForm:
    """What was posted. `target`: raw; `user`: the principal's tag; `at`: when; `name`: the store's for it.

    `sealed`: as the store had it.
    """

    name: str
    organization: str
    target: str
    content_type: str
    user: str
    at: float
    body: bytes
    sealed: bytes
