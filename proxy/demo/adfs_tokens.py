"""Tokens of the AD FS double, with the claims, issuers and audiences that AD FS gives them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from proxy.demo.adfs_keys import KeyRing, SigningKey
from proxy.demo.adfs_model import Grant, Person, pairwise_subject
from proxy.model.time import Instant, Seconds

USERINFO = "urn:microsoft:userinfo"
"""The audience of an access token that was asked for without `resource`."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """`url` is the `issuer` of discovery, for id tokens; `access_tokens` the one that access tokens carry."""

    url: str
    access_tokens: str


def id_token(issuer: Issuer, key: SigningKey, grant: Grant, lifetime: Seconds, now: Instant) -> str:
    """The id token: `upn` and `unique_name`, a pairwise `sub`.

    The other claims come only with scope `allatclaims`, or by form_post where the relying party is the client itself.
    """
    person = grant.person
    claims: dict[str, object] = {
        "aud": grant.client_id,
        "iss": issuer.url,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + lifetime),
        "auth_time": int(grant.authenticated_at),
        "sub": pairwise_subject(person, grant.client_id),
        "upn": person.upn,
        "unique_name": person.unique_name,
        "sid": grant.provider_session,
        "amr": list(grant.method.amr),
        "apptype": "Confidential",
        "appid": grant.client_id,
        "authmethod": grant.method.amr[-1],
        "ver": "1.0",
        "scp": grant.scope,
    }
    if grant.nonce is not None:
        claims["nonce"] = grant.nonce
    is_own_resource = grant.form_post and grant.resource in {None, grant.client_id}
    if "allatclaims" in grant.scope.split() or is_own_resource:
        claims |= _issuance_rules(person)
    return _sign(claims, key)


def access_token(issuer: Issuer, key: SigningKey, grant: Grant, lifetime: Seconds, now: Instant) -> str:
    """The access token: for the `resource` with its claims, or for userinfo with next to none."""
    moment = dt.datetime.fromtimestamp(grant.authenticated_at, dt.UTC)
    claims: dict[str, object] = {
        "aud": _audience(grant),
        "iss": issuer.access_tokens,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + lifetime),
        "apptype": "Confidential",
        "appid": grant.client_id,
        "authmethod": grant.method.amr[-1],
        # A text here, a number in the id token: AD FS passes its authentication instant on as a claim.
        "auth_time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "sub": pairwise_subject(grant.person, grant.client_id),
        "ver": "1.0",
        "scp": grant.scope,
    }
    if grant.resource is not None:
        claims |= _issuance_rules(grant.person)
    return _sign(claims, key)


def read(token: str, keys: KeyRing, *, audience: str | None, issuer: str, now: Instant | None) -> Mapping[str, object]:
    """The claims of a token of ours; `now` None ignores its end (a logout hint may be past it). Raises PyJWTError."""
    kid = jwt.get_unverified_header(token).get("kid")
    for key in keys.published:
        if key.x5t == kid:
            claims: dict[str, object] = jwt.decode(
                token,
                key.private.public_key(),
                algorithms=["RS256"],
                audience=audience,
                issuer=issuer,
                # The library would ask the machine's clock; ours is injected.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": bool(audience)},
            )
            ends_at = claims["exp"]
            if now is not None and (not isinstance(ends_at, int) or now >= ends_at):
                raise jwt.ExpiredSignatureError("expired")
            return claims
    raise jwt.InvalidKeyError("no certificate with this thumbprint")


def _audience(grant: Grant) -> str:
    if grant.resource is None:
        return USERINFO
    if grant.resource == grant.client_id:
        return f"microsoft:identityserver:{grant.client_id}"
    return grant.resource


def _issuance_rules(person: Person) -> dict[str, object]:
    """What an administrator's issuance rules pass on for CRM. One value stands as a text, several as a list."""
    several = {"group": person.groups, "role": person.roles}
    return {
        "upn": person.upn,
        "unique_name": person.unique_name,
        "name": person.name,
        "email": person.upn,
        "primarysid": person.primary_sid,
        **{name: values[0] if len(values) == 1 else list(values) for name, values in several.items() if values},
    }


def _sign(claims: dict[str, object], key: SigningKey) -> str:
    return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.x5t, "x5t": key.x5t})
