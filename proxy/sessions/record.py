"""A session as it lies in the store: what is sealed under which key, in as few bytes as may be.

- `a`: who it is, organization, instants and kind, sealed under `secret` alone, so that administrators can list.
- `s`: the principal's claims, sealed under `secret` and the cookie's secret; bound to the session's id and to `a`.
- `i`, `r`: the id token and the refresh token, sealed as `s`.
- `d`: the public key that the device registered, sealed under `secret` alone, as it comes without the cookie.

The store's plain fields are copies for its scripts. `a` is what counts: a copy that differs was forged.
"""

import json
import math
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from proxy.errors import SealBroken
from proxy.model.binding import Binding, DeviceKey
from proxy.model.names import is_same_name
from proxy.model.principal import Claim, Principal
from proxy.model.session import ClientKind, EndReason, Session, SessionReference
from proxy.model.time import Instant
from proxy.sealing import Sealer, to_text
from proxy.store.port import Place, Record

LISTED, PRIVATE, ID_TOKEN, REFRESH_TOKEN, DEVICE = "a", "s", "i", "r", "d"

_WS2005 = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MS2008 = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"
_AD_FS = "http://schemas.microsoft.com/2012/01/requestcontext/claims/"
_MS2014 = "http://schemas.microsoft.com/2014/09/"
_WORDS = (
    *(_AD_FS + name for name in ("client-request-id", "relyingpartytrustid", "x-ms-client-application")),
    *(_AD_FS + name for name in ("x-ms-client-ip", "x-ms-client-user-agent", "x-ms-endpoint-absolute-path")),
    *("http://schemas.microsoft.com/claims/authnmethodsreferences", _MS2014 + "requestcontext/claims/userip"),
    *("http://schemas.microsoft.com/2012/01/devicecontext/claims/isregistereduser",),
    *("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "urn:federation:authentication:windows"),
    *("http://schemas.microsoft.com/xrm/2011/Claims/", "S-1-5-21-", "@example.com", "CN=,OU=,DC="),
    *(_MS2008 + name for name in ("authenticationinstant", "authenticationmethod", "windowsaccountname", "role")),
    *(_MS2008 + name for name in ("groupsid", "primarygroupsid", "primarysid")),
    *(_WS2005 + name for name in ("privatepersonalidentifier", "nameidentifier", "surname", "givenname")),
    *(_WS2005 + name for name in ("emailaddress", "upn", "name")),
    *('"sub":"', '"sid":"', '"unique_name":"', '"],["', '{"k":"', '","n":"', '","u":"', '","e":"', '","c":[["'),
)
_DICTIONARY = "".join(_WORDS).encode()
"""What claims are made of, the commonest last (RFC 1950, section 2.2). It is part of the record's format: a change
makes every session of before unreadable, so a changed one needs its own purpose of sealing."""

_MOST_BYTES = 1 << 20
_SHARED = 4096


@dataclass(frozen=True, slots=True)
class Summary:
    """The part of a session that administrators can see.

    Attributes:
        name: Display name: show it, never compare it.
        provider: Name of the identity provider; "" in a record of an earlier version.
        user: The UPN, else `sub`, else the primary SID. A record of an earlier version without a UPN names nobody: it
            is then the principal's hash tag.
    """

    reference: SessionReference
    organization: str
    name: str
    upn: str | None
    client_kind: ClientKind
    signed_in_at: Instant
    token_end: Instant
    last_activity: Instant
    credentials_at: Instant | None
    provider: str = ""
    user: str = ""

    def is_of(self, user: str, provider: str | None = None) -> bool:
        """Return True if this is a session of the person with this UPN, or with this `sub` where there is no UPN.

        A `sub` means somebody only at its own provider, and its letter case matters.
        """
        if provider is not None and provider != self.provider:
            return False
        return is_same_name(self.upn, user) if self.upn else bool(user) and self.user == user

    @property
    def display_name(self) -> str | None:
        """The display name where it says more than `user` does; only to be shown beside `user`."""
        return self.name if self.name != self.user else None

    @property
    def is_bearer(self) -> bool:
        """A bearer's is never stored, so never listed."""
        return False


@dataclass(frozen=True, slots=True)
class Key:
    """What a cookie opens: the hash its session is stored under and the secret that its fields are sealed with."""

    place: Place
    secret: bytes


def key_of(cookie: str) -> Key | None:
    """The key in a session cookie, `<tag>.<id>.<secret>`, or None where it is none of ours."""
    parts = cookie.split(".")
    if len(parts) != len(_PART_LENGTHS) or not cookie.isascii():
        return None
    for part, length in zip(parts, _PART_LENGTHS, strict=True):
        if len(part) != length or not part.replace("-", "").replace("_", "").isalnum():
            return None
    tag, identity, secret = parts
    return Key(Place(tag, to_text(sha256(identity.encode()).digest())), secret.encode())


_PART_LENGTHS = (22, 22, 22)
"""128 bits each, base64url without padding."""


def reason_of(text: str) -> EndReason:
    """Why a session ended, as the store tells it. A word that we do not know still means that it ended."""
    try:
        return EndReason(text)
    except ValueError:
        return EndReason.REVOKED


def seal(session: Session, key: Key, sealer: Sealer, tokens: Mapping[str, str | None]) -> dict[str, bytes]:
    """The sealed fields of a session. `tokens`: ID_TOKEN and REFRESH_TOKEN where there are any."""
    who = session.principal
    listed = _pack(
        [
            *(who.name, who.upn, session.organization, session.client_kind.value),
            *(session.signed_in_at, session.token_end, session.credentials_at),
            *(who.provider, None if who.upn else who.user),
        ]
    )
    private: dict[str, object] = {"k": who.key, "e": who.email, "g": who.groups, "o": who.roles}
    private |= {"r": session.refresh_at if math.isfinite(session.refresh_at) else None}
    private |= {"p": session.provider_session, "b": session.subject, "c": [[c.type, c.value] for c in who.claims]}
    if session.binding:
        bound = session.binding
        private["n"] = [bound.nonce_hash, bound.traits, bound.network, bound.at]
    context = key.place.id_hash.encode()
    fields = {
        LISTED: sealer.seal(listed, purpose="session listed", context=context),
        PRIVATE: sealer.seal(
            _pack({name: value for name, value in private.items() if value}),
            purpose="session private",
            context=context + listed,
            key=key.secret,
        ),
    }
    for name, token in tokens.items():
        if token:
            raw = zlib.compress(token.encode(), 9)
            fields[name] = sealer.seal(raw, purpose=f"session {name}", context=context, key=key.secret)
    return fields


def unseal(record: Record, key: Key, sealer: Sealer) -> Session:
    """The session in a record. Raises SealBroken where a field is foreign or a plain copy differs from the sealed."""
    context = key.place.id_hash.encode()
    listed = sealer.open(record.sealed.get(LISTED, b""), purpose="session listed", context=context)
    private = sealer.open(
        record.sealed.get(PRIVATE, b""), purpose="session private", context=context + listed, key=key.secret
    )
    summary, rest = _summary(record, key.place, listed), _unpack(private)
    return Session(
        reference=summary.reference,
        organization=sys.intern(summary.organization),
        principal=Principal(
            key=rest["k"],
            name=summary.name,
            upn=summary.upn and _shared_text(summary.upn),
            email=rest.get("e") and _shared_text(rest["e"]),
            groups=tuple(map(_shared_text, rest.get("g", ()))),
            roles=tuple(map(_shared_text, rest.get("o", ()))),
            claims=tuple(_shared_claim(kind, value) for kind, value in rest.get("c", ())),
            provider=sys.intern(summary.provider or _provider_in(rest["k"])),
            subject=rest.get("b"),
        ),
        signed_in_at=summary.signed_in_at,
        token_end=summary.token_end,
        last_activity=record.seen,
        client_kind=summary.client_kind,
        credentials_at=summary.credentials_at,
        provider_session=rest.get("p"),
        subject=rest.get("b"),
        binding=_binding(rest.get("n")),
        device=unseal_device(record, key.place, sealer),
        refresh_at=rest.get("r", math.inf),
    )


_PROVIDER = re.compile(r"(.*?)\|(?:sid|upn|sub)\|", re.DOTALL)


def _provider_in(principal_key: str) -> str:
    """The provider in the key of a record that does not name it. One that cannot be told meets no rule.

    The configuration refuses provider names that would make a key ambiguous.
    """
    found = _PROVIDER.match(principal_key)
    return found[1] if found else ""


def _binding(recorded: list[Any] | None) -> Binding | None:
    if recorded is None:
        return None
    nonce_hash, traits, network, at = recorded
    return Binding(nonce_hash, _shared_text(traits), network, at)


def seal_device(device: DeviceKey, place: Place, sealer: Sealer) -> bytes:
    """The sealed field of a device's key, bound to its session."""
    return sealer.seal(_pack([device.jwk, device.registered_at]), purpose="session device", context=_whose(place))


def unseal_device(record: Record, place: Place, sealer: Sealer) -> DeviceKey | None:
    """The device's key in a record, None where there is none. Raises SealBroken."""
    sealed = record.sealed.get(DEVICE)
    if sealed is None:
        return None
    jwk, registered_at = _unpack(sealer.open(sealed, purpose="session device", context=_whose(place)))
    return DeviceKey(jwk, registered_at)


def _whose(place: Place) -> bytes:
    return place.id_hash.encode()


@lru_cache(_SHARED)
def _shared_text(text: str) -> str:
    """One object for a group or role of many people: a worker keeps many sessions."""
    return text


@lru_cache(_SHARED)
def _shared_claim(kind: str, value: str) -> Claim:
    return Claim(sys.intern(kind), _shared_text(value))


def unseal_token(record: Record, name: str, key: Key, sealer: Sealer) -> str | None:
    """A token kept beside a session, None where there is none. Raises SealBroken."""
    sealed = record.sealed.get(name)
    if sealed is None:
        return None
    raw = sealer.open(sealed, purpose=f"session {name}", context=key.place.id_hash.encode(), key=key.secret)
    return zlib.decompress(raw).decode()


def summarize(record: Record, place: Place, sealer: Sealer) -> Summary:
    """What administrators may see of a record. Raises SealBroken as `unseal`."""
    sealed = record.sealed.get(LISTED, b"")
    return _summary(record, place, sealer.open(sealed, purpose="session listed", context=place.id_hash.encode()))


def _summary(record: Record, place: Place, listed: bytes) -> Summary:
    name, upn, organization, kind, signed_in, token_end, credentials, *whose = _unpack(listed)
    provider, user = whose or ("", None)
    if (record.organization, record.signed_in_at, record.token_end) != (organization, signed_in, token_end):
        raise SealBroken("session: a plain field differs from the sealed one")
    return Summary(
        reference=SessionReference(place.tag, place.id_hash),
        organization=organization,
        name=name,
        upn=upn,
        client_kind=ClientKind(kind),
        signed_in_at=signed_in,
        token_end=token_end,
        last_activity=record.seen,
        credentials_at=credentials,
        provider=provider,
        user=user or upn or place.tag,
    )


def _pack(value: object) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zdict=_DICTIONARY)
    return packer.compress(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()) + packer.flush()


def _unpack(raw: bytes) -> Any:
    """JSON of ours: only what we sealed ourselves gets here, so its shape is known."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_DICTIONARY)
    return json.loads(unpacker.decompress(raw, _MOST_BYTES))
