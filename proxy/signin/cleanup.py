"""The cookie that names a session where a provider has it ended: it can do nothing else.

The provider's page loads our address in a frame, and the request names nobody (WS-Federation 1.2, section 13.2.4). The
session cookie is SameSite=Lax and stays away there; this one is SameSite=None.
"""

import json

from proxy.errors import SealBroken
from proxy.model.session import SessionReference
from proxy.sealing import Sealer

_PURPOSE = "cleanup-cookie"


def seal_cleanup(sealer: Sealer, organization: str, reference: SessionReference) -> str:
    """The cookie's value."""
    return sealer.seal_text(json.dumps([organization, reference.tag, reference.id_hash]).encode(), purpose=_PURPOSE)


def open_cleanup(sealer: Sealer, organization: str, value: str | None) -> SessionReference | None:
    """The session of this organization that a cookie names; None where there is none, or it is not ours."""
    if not value:
        return None
    try:
        whose, tag, id_hash = json.loads(sealer.open_text(value, purpose=_PURPOSE))
    except (SealBroken, ValueError):
        return None
    return SessionReference(tag, id_hash) if whose == organization else None
