"""Which forms are kept: every condition alone is enough to keep none."""

import pytest

from proxy.model.held_form import LARGEST_FORM, NotKept
from proxy.policy.held_form import why_not_kept

OWN = "https://crm.contoso.com"
GOOD = {
    "session_ended": True,
    "origins": [OWN],
    "own_origin": OWN,
    "media_type": "application/x-www-form-urlencoded",
    "length": 10,
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"session_ended": False}, NotKept.NO_SESSION),
        ({"origins": []}, NotKept.FOREIGN_ORIGIN),
        ({"origins": ["null"]}, NotKept.FOREIGN_ORIGIN),
        ({"origins": ["https://crm.contoso.com.evil.example"]}, NotKept.FOREIGN_ORIGIN),
        ({"origins": ["http://crm.contoso.com"]}, NotKept.FOREIGN_ORIGIN),
        ({"origins": [OWN, OWN]}, NotKept.FOREIGN_ORIGIN),
        ({"media_type": "multipart/form-data"}, None),
        ({"media_type": "Multipart/Form-Data"}, None),
        ({"media_type": "multipart/mixed"}, NotKept.MEDIA_TYPE),
        ({"media_type": "text/plain"}, NotKept.MEDIA_TYPE),
        ({"media_type": ""}, NotKept.MEDIA_TYPE),
        ({"length": None}, None),
        ({"length": 0}, None),
        ({"length": LARGEST_FORM}, None),
        ({"length": LARGEST_FORM + 1}, NotKept.TOO_LARGE),
    ],
)
def test_what_is_kept(changes, why):
    assert why_not_kept(**(GOOD | changes)) is why
