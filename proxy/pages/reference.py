"""The reference that a person reads out and an administrator finds in the log."""

import secrets

from aiohttp import web

REFERENCE = web.RequestKey("reference", str)
"""The reference of this request; set before anything else is done with it, and bound to every log line."""

# Crockford's base 32: no I, L, O or U, so nothing is misread over a telephone and nothing is spelt by accident.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 12
# Eight octets stand for each sign, so none is likelier than another.
_SIGNS = bytes(ord(_ALPHABET[octet % 32]) for octet in range(256))


def make_reference() -> str:
    """A random reference, 12 characters of Crockford's base 32 (60 bits)."""
    return make_references(1)[0]


def make_references(count: int) -> list[str]:
    """So many of them."""
    signs = secrets.token_bytes(count * _LENGTH).translate(_SIGNS).decode("ascii")
    return [signs[start : start + _LENGTH] for start in range(0, len(signs), _LENGTH)]
