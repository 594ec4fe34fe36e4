"""From verified claims to a principal: who it is, what is said of them, and until when."""

import json
from collections.abc import Iterator, Mapping, Sequence

from proxy.errors import TokenRefused
from proxy.model.principal import Claim, Principal, VerifiedToken
from proxy.model.provider import IdentityProvider
from proxy.model.time import Instant
from proxy.policy.credentials import is_listed
from proxy.tokens.strict import authentication_instant, numeric_date

PROTOCOL_CLAIMS = frozenset(
    {
        *("iss", "aud", "exp", "nbf", "iat", "jti", "nonce", "sid", "events", "cnf", "typ", "ver"),
        *("at_hash", "c_hash", "s_hash", "auth_time", "azp", "appid", "apptype", "client_id", "scp", "scope"),
        *("_claim_names", "_claim_sources", "session_state"),
    }
)
"""Claims about the token and its delivery, not about its subject; they are no part of `Principal.claims`."""


def verified_token(
    claims: Mapping[str, object],
    provider: IdentityProvider,
    *,
    access_claims: Mapping[str, object] | None = None,
) -> VerifiedToken:
    """What verified claims say, in the words of the model.

    `claims`: of an id token, or of the access token that a bearer presents. `access_claims`: of the access token that
    came with the id token where a `resource` is asked for; AD FS puts claims there. They follow the id token's, and the
    session then ends with the access token. Both must have been verified.

    Raises TokenRefused: `claim_missing` where nothing names the subject or no end can be told, `claim_ambiguous` where
    a naming claim has several values, `subject_mismatch` where the two tokens name different people.
    """
    tokens = [claims] if access_claims is None else [claims, access_claims]
    ending = claims if access_claims is None else access_claims
    return VerifiedToken(
        principal=_principal(tokens, provider),
        ends_at=_end(ending, provider),
        issued_at=numeric_date(claims.get("iat")),
        authenticated_at=_authenticated_at(tokens),
        methods=_methods(tokens),
        subject=_first(tokens, ("sub",)),
        provider_session=_first([claims], ("sid",)),
        client_id=_first(tokens, ("appid", "azp", "client_id")),
    )


def _principal(tokens: Sequence[Mapping[str, object]], provider: IdentityProvider) -> Principal:
    names = provider.claims
    sid, upn = _naming(tokens, names.sid), _naming(tokens, names.upn)
    subject, email = _first(tokens, ("sub",)), _first(tokens, names.email)
    match sid, upn, subject:
        case str(), _, _:
            key = f"{provider.name}|sid|{sid}"
        case None, str(), _:
            key = f"{provider.name}|upn|{upn.casefold()}"
        case None, None, str():
            key = f"{provider.name}|sub|{subject}"
        case _:
            raise TokenRefused(
                "claim_missing", f"nothing names the subject: {', '.join((*names.sid, *names.upn))}, sub"
            )
    return Principal(
        key=key,
        name=_first(tokens, names.name) or upn or email or subject or sid or "",
        upn=upn,
        email=email,
        groups=_lists(tokens, names.groups),
        roles=_lists(tokens, names.roles),
        claims=tuple(_pairs(tokens)),
    )


def _end(token: Mapping[str, object], provider: IdentityProvider) -> Instant:
    stated, issued = numeric_date(token.get("exp")), numeric_date(token.get("iat"))
    if stated is not None:
        return stated
    if issued is None:
        raise TokenRefused("claim_missing", "neither exp nor iat, so no end can be told")
    return issued + provider.token_lifetime


def _authenticated_at(tokens: Sequence[Mapping[str, object]]) -> Instant | None:
    instants = [authentication_instant(token.get("auth_time")) for token in tokens]
    return next((instant for instant in instants if instant is not None), None)


_METHODS = (
    *("amr", "authmethod", "http://schemas.microsoft.com/claims/authnmethodsreferences"),
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod",
)
"""Claims that state authentication methods (RFC 8176; AD FS, by its claim rules also with the full types)."""


def _methods(tokens: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """The authentication methods, and an `acr` that names one: providers are free in what else an `acr` means."""
    stated = _unique(text for name in _METHODS for token in tokens for text in _flat(token.get(name)))
    return stated + tuple(acr for acr in _all(tokens, "acr") if is_listed(acr))


def _flat(value: object) -> Iterator[str]:
    """The texts of a claim and of lists in it: nested lists have been seen."""
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, str) and value.strip():
        yield value.strip()


def _texts(value: object) -> Iterator[str]:
    """A claim's values as texts: a list stands for several, null and `""` for none, what is no text for its JSON."""
    for item in value if isinstance(value, list) else [value]:
        if item not in (None, ""):
            yield item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, separators=(",", ":"))


def _all(tokens: Sequence[Mapping[str, object]], name: str) -> Iterator[str]:
    for token in tokens:
        yield from _texts(token.get(name))


def _first(tokens: Sequence[Mapping[str, object]], names: Sequence[str]) -> str | None:
    return next((text for name in names for text in _all(tokens, name)), None)


def _lists(tokens: Sequence[Mapping[str, object]], names: Sequence[str]) -> tuple[str, ...]:
    """All values of the first of these claims that has any."""
    return next((texts for name in names if (texts := _unique(_all(tokens, name)))), ())


def _unique(texts: Sequence[str] | Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _naming(tokens: Sequence[Mapping[str, object]], names: Sequence[str]) -> str | None:
    """The value of a claim that decides who somebody is: one value, and the same in both tokens."""
    found = [values for token in tokens if (values := _lists([token], names))]
    if any(len(values) > 1 for values in found):
        raise TokenRefused("claim_ambiguous", f"several values of {' or '.join(names)}")
    if len({values[0].casefold() for values in found}) > 1:
        raise TokenRefused("subject_mismatch", "the access token speaks of somebody else than the id token")
    return found[0][0] if found else None


def _pairs(tokens: Sequence[Mapping[str, object]]) -> Iterator[Claim]:
    """Every claim about the subject, each pair once, the id token's first.

    `sub` is pairwise, so an access token for another audience may have another; the id token's is the one that counts.
    """
    seen: set[Claim] = set()
    for token in tokens:
        for name, value in token.items():
            if name in PROTOCOL_CLAIMS or (name == "sub" and any(claim.type == "sub" for claim in seen)):
                continue
            for text in _texts(value):
                claim = Claim(name, text)
                if claim not in seen:
                    seen.add(claim)
                    yield claim
