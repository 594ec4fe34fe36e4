"""From verified claims to a principal: who it is, what is said of them, and until when."""

import json
from collections.abc import Iterator, Mapping, Sequence

from proxy.errors import TokenRefused
from proxy.model.names import fold_ascii, is_same_name
from proxy.model.principal import PROTOCOL_CLAIMS, Claim, Principal, VerifiedToken
from proxy.model.provider import ClaimNames, IdentityProvider, Protocol
from proxy.model.time import Instant
from proxy.policy.credentials import is_listed
from proxy.tokens.session_id import session_id
from proxy.tokens.strict import authentication_instant, numeric_date


def verified_token(
    claims: Mapping[str, object],
    provider: IdentityProvider,
    *,
    access_claims: Mapping[str, object] | None = None,
    vouches_for_addresses: bool = False,
) -> VerifiedToken:
    """What verified claims say, in the words of the model.

    `claims`: of an id token, or of the access token that a bearer presents. `access_claims`: of the access token that
    came with the id token where a `resource` is asked for; AD FS puts claims there. They follow the id token's, and the
    session then ends with the access token. Both must have been verified.
    `vouches_for_addresses`: an e-mail address counts where an OpenID provider does not state `email_verified`; one that
    is stated not to be verified never does.

    Raises TokenRefused: `claim_missing` where nothing names the subject or no end can be told, `claim_ambiguous` where
    a naming claim has several values, `subject_mismatch` where the two tokens name different people.
    """
    vouches = vouches_for_addresses or provider.protocol is Protocol.WS_FEDERATION
    given = [claims] if access_claims is None else [claims, access_claims]
    tokens = _with_verified_addresses(given, _addresses(provider.claims), vouches=vouches)
    ending = claims if access_claims is None else access_claims
    return VerifiedToken(
        principal=_principal(tokens, provider),
        ends_at=_end(ending, provider),
        issued_at=numeric_date(claims.get("iat")),
        authenticated_at=_authenticated_at(tokens),
        methods=_methods(tokens),
        subject=_first(tokens, ("sub",)),
        provider_session=session_id(_first([claims], ("sid",))),
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
            key = f"{provider.name}|upn|{fold_ascii(upn)}"
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
        provider=provider.name,
        subject=subject,
    )


def _addresses(names: ClaimNames) -> set[str]:
    """Return the claims that carry an e-mail address. One that is configured to name the person is a name first."""
    return ({*names.email} - {*names.upn, *names.sid, "sub"}) | {"email"}


def _with_verified_addresses(
    tokens: Sequence[Mapping[str, object]], addresses: set[str], *, vouches: bool
) -> list[Mapping[str, object]]:
    """Return the tokens without the e-mail addresses that nobody vouches for, whichever claim carries one.

    `email_verified` (OpenID Connect Core, section 5.1) speaks of the claim `email` of its own token. Where one token
    denies it, no address counts: the other token would only repeat the same entry of the directory.
    """
    stated = [[_is_true(value) for value in _values(token.get("email_verified"))] for token in tokens]
    if not all(map(all, stated)):
        return [_without(token, addresses) for token in tokens]
    if vouches:
        return list(tokens)
    return [
        _without(token, addresses - {"email"} if states else addresses)
        for token, states in zip(tokens, stated, strict=True)
    ]


def _is_true(value: object) -> bool:
    """Return True for a Boolean, and for what providers write in its place: a text, or the number 1."""
    return fold_ascii(value) == "true" if isinstance(value, str) else value is True or value == 1


def _without(token: Mapping[str, object], names: set[str]) -> dict[str, object]:
    return {name: value for name, value in token.items() if name not in names}


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


def _values(value: object) -> list[object]:
    """Return the values of a claim: a list is several, null and `""` are none."""
    return [item for item in (value if isinstance(value, list) else [value]) if item not in (None, "")]


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
    """A claim's values as texts; what is not a text becomes its JSON."""
    for item in _values(value):
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
    if any(not is_same_name(values[0], found[0][0]) for values in found):
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
