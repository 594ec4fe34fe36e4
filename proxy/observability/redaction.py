"""Removal of secrets from what is logged, in every format: by the name of a field, and by the shape of a text."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

REDACTED = "[redacted]"

# A field whose snake_case or kebab-case name contains one of these words is hidden: `client_secret`, `Set-Cookie`.
_SECRET_WORDS = frozenset(
    {
        "assertion",
        "authorization",
        "cookie",
        "cookies",
        "passphrase",
        "password",
        "secret",
        "secrets",
        "token",
        "tokens",
        "verifier",
        "wresult",
    }
)
# These are secrets in OAuth and WS-Federation, but ordinary words elsewhere (`exit_code`, `state_store`), so a field is
# hidden only if this is its whole name.
_SECRET_NAMES = frozenset({"authorization_code", "code", "device_code", "login_state", "nonce", "state", "wctx"})
_HARMLESS_NAMES = frozenset({"token_end", "token_lifetime"})
_WORD = re.compile(r"[a-z]+")

# The parameters of requests, in URLs, forms and JSON, whose values are secrets.
_PARAMETERS = (
    "access_token|assertion|client_assertion|client_secret|code|code_verifier|device_code|id_token|id_token_hint"
    "|logout_token|nonce|password|refresh_token|SAMLRequest|SAMLResponse|state|token|wctx|wresult"
)
_QUOTED = r"(?P<q>[\"'])(?:\\.|(?!(?P=q)).)*(?:(?P=q)|$)"
_HEADERS = ("cookie", "authorization")
# What a rule looks for, in lower case: it is tried only on a text that holds one of these. Each rule consumes what it
# has scanned, so that its cost is linear in a text that a stranger chose.
_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    # Three base64url parts with a JSON head are a JWT, five a JWE, anywhere in a text; one part is what is left of one.
    (("eyj",), re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,4}"), REDACTED),
    # A SAML token, or the response of WS-Trust around it.
    (
        ("assertion", "requestsecuritytokenresponse"),
        re.compile(r"(?s)<(?:\w+:)?(?:Encrypted)?(?:Assertion|RequestSecurityTokenResponse)\b(?:.*>|.*)"),
        REDACTED,
    ),
    # Headers as they are sent, and as Python shows a mapping of them.
    (
        _HEADERS,
        re.compile(rf"(?i)\b((?:set-)?cookie2?|(?:proxy-)?authorization)\b(b?[\"']?\s*[:,=]\s*b?){_QUOTED}"),
        rf"\1\2\g<q>{REDACTED}\g<q>",
    ),
    (
        _HEADERS,
        re.compile(r"(?i)\b((?:set-)?cookie2?|(?:proxy-)?authorization): *[^\r\n\"']+"),
        rf"\1: {REDACTED}",
    ),
    (
        ("bearer", "basic", "negotiate", "ntlm"),
        re.compile(r"(?i)\b(bearer|basic|negotiate|ntlm) +[A-Za-z0-9._~+/=-]{8,}"),
        rf"\1 {REDACTED}",
    ),
    (("claims-",), re.compile(r"((?:__Host-)?claims-[a-z0-9-]+)=[^;\s\"']+"), rf"\1={REDACTED}"),
    # The parameters in a URL or a form, percent-encoded within another URL, in JSON and in a mapping of Python.
    (
        tuple(f"{each.lower()}{sign}" for each in _PARAMETERS.split("|") for sign in ("=", "%3d")),
        re.compile(rf"(?i)(?:\b|(?<=%3F)|(?<=%26))({_PARAMETERS})(=|%3D)(?:(?!%26)[^&\s\"'])+"),
        rf"\1\2{REDACTED}",
    ),
    (
        ('"', "'"),
        re.compile(rf"(?i)([\"'](?:{_PARAMETERS})[\"']\s*[:,]\s*b?){_QUOTED}"),
        rf"\1\g<q>{REDACTED}\g<q>",
    ),
    # A URL's password: `redis://user:password@host`.
    (("://",), re.compile(r"(://[^/\s:@\"']*:)[^/\s@\"']+@"), rf"\1{REDACTED}@"),
)
# Every rule needs one of these, so a text without them, such as most paths, is unchanged.
_SIGNS = ("=", " ", ":", "<", "eyJ", "%3")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide the values of secret names, and secrets within texts; a structlog processor."""
    for name, value in event.items():
        event[name] = _redact_value(name, value)
    return event


def redact_text(text: str) -> str:
    """Return the text without tokens, credentials, cookies and the values of parameters that carry them."""
    if not any(sign in text for sign in _SIGNS):
        return text
    lowered = text.lower()
    for needed, pattern, replacement in _RULES:
        if any(each in lowered for each in needed):
            text = pattern.sub(replacement, text)
    return text


def _redact_value(name: object, value: object) -> object:
    match value:
        case _ if isinstance(name, str) and _is_secret(name):
            return REDACTED
        case str():
            return redact_text(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {key: _redact_value(key, each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redact_value(None, each) for each in value]
        case _:
            # A renderer would show its repr, unredacted.
            return redact_text(repr(value))


def _is_secret(name: str) -> bool:
    words = _WORD.findall(name.lower())
    plain = "_".join(words)
    return plain in _SECRET_NAMES or (plain not in _HARMLESS_NAMES and not _SECRET_WORDS.isdisjoint(words))
