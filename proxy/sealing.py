"""Sealed values: AES-256-GCM under keys derived from the configured secrets, so that a secret can be rotated.

A sealed value is one byte of version, 12 bytes of nonce and the ciphertext with its tag. The first secret seals, all
open. Keys come from HKDF-SHA256 (RFC 5869); each purpose has its own, so no value opens in another's place.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.errors import SealBroken

_VERSION = b"\x01"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_TAG_BYTES = 16


def to_text(raw: bytes) -> str:
    """Base64url text without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """The bytes of base64url text without padding. Raises ValueError for anything else."""
    if not text.isascii() or "=" in text:
        raise ValueError("not base64url without padding")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url without padding") from error
    if to_text(raw) != text:
        raise ValueError("not base64url without padding")
    return raw


class Sealer:
    """Seals and opens under the configured secrets, newest first. Raises ValueError for none."""

    def __init__(self, secrets_newest_first: Sequence[str]) -> None:
        if not secrets_newest_first:
            raise ValueError("at least one secret is needed")
        self._secrets = tuple(secret.encode() for secret in secrets_newest_first)
        # Keys of the secrets alone are few and asked for often; those with a cookie's key are not kept.
        self._kept = lru_cache(maxsize=64)(_derive)

    def seal(self, plaintext: bytes, *, purpose: str, context: bytes = b"", key: bytes = b"") -> bytes:
        """Seal under the newest secret. `context` must be given again to open; `key` adds a secret of the caller's."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(self._key(self._secrets[0], purpose, key))
        return _VERSION + nonce + cipher.encrypt(nonce, plaintext, context)

    def open(self, sealed: bytes, *, purpose: str, context: bytes = b"", key: bytes = b"") -> bytes:
        """What was sealed for this purpose, context and key. Raises SealBroken where it was not, or was altered."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(ciphertext) < _TAG_BYTES:
            raise SealBroken(f"{purpose}: not a sealed value")
        for secret in self._secrets:
            try:
                return AESGCM(self._key(secret, purpose, key)).decrypt(nonce, ciphertext, context)
            except InvalidTag:
                continue
        raise SealBroken(f"{purpose}: opens under no secret of ours")

    def seal_text(self, plaintext: bytes, *, purpose: str, context: bytes = b"", key: bytes = b"") -> str:
        """As `seal`, as base64url text without padding."""
        return to_text(self.seal(plaintext, purpose=purpose, context=context, key=key))

    def open_text(self, text: str, *, purpose: str, context: bytes = b"", key: bytes = b"") -> bytes:
        """As `open`, of base64url text. Raises SealBroken also for text that is none."""
        try:
            sealed = from_text(text)
        except ValueError as error:
            raise SealBroken(f"{purpose}: not base64url") from error
        return self.open(sealed, purpose=purpose, context=context, key=key)

    def tag(self, text: str, *, purpose: str) -> str:
        """A name for `text` that tells nobody what it is: HMAC-SHA256 under the newest secret, 128 bits, base64url."""
        return self.tags(text, purpose=purpose)[0]

    def tags(self, text: str, *, purpose: str) -> tuple[str, ...]:
        """The names under every secret, newest first: what was named before a rotation is still found."""
        keys = (self._key(secret, f"tag {purpose}", b"") for secret in self._secrets)
        return tuple(to_text(hmac.digest(key, text.encode(), "sha256")[:_TAG_BYTES]) for key in keys)

    def _key(self, secret: bytes, purpose: str, key: bytes) -> bytes:
        return _derive(secret, purpose, key) if key else self._kept(secret, purpose, key)


def _derive(secret: bytes, purpose: str, key: bytes) -> bytes:
    # The caller's key is the salt: without it nothing about the derived key is known.
    return HKDF(SHA256(), _KEY_BYTES, salt=key or None, info=f"claims-proxy {purpose}".encode()).derive(secret)
