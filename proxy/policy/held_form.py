"""Which forms are kept for a user whose session has ended. Only what a page of this host may have posted for him."""

from collections.abc import Sequence

from proxy.model.held_form import LARGEST_FORM, NotKept

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def why_not_kept(
    *, session_ended: bool, origins: Sequence[str], own_origin: str, media_type: str, length: int | None
) -> NotKept | None:
    """Why the form of a navigation is not kept; None: it may be.

    `session_ended`: whether its cookie names a session that ended, whoever's it was. `origins`: the request's Origin
    fields, `length`: its Content-Length in bytes, None where it is chunked and has to be counted.
    """
    if not session_ended:
        return NotKept.NO_SESSION
    # Another site's page must not have us keep, and later send in the user's name, what it made up.
    if list(origins) != [own_origin]:
        return NotKept.FOREIGN_ORIGIN
    if media_type.lower() not in _FORMS:
        return NotKept.MEDIA_TYPE
    return NotKept.TOO_LARGE if length is not None and length > LARGEST_FORM else None
