"""The reference that a person reads out and an administrator finds in the log."""

import secrets

from aiohttp import web

REFERENCE = web.RequestKey("reference", str)
"""The reference of this request; set before anything else is done with it, and bound to every log line."""

# Crockford's base 32: no I, L, O or U, so nothing is misread over a telephone and nothing is spelt by accident.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 12


def make_reference() -> str:
    """A random reference, 12 characters of Crockford's base 32 (60 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
